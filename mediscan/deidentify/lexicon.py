"""Words of names and words that are none.

Source: given and family names by frequency, US Census Bureau 1990 (public domain). Common words: counted in the
documentation of free software and in DICOM's concept names, and clinical words by hand.
"""

from functools import cache
from importlib.resources import files

PARTICLES = frozenset(
    "van von der den de del della di da do dos das du la le los el al bin ibn ben abu ter ten af av zu zur st ó ní".split()
)
MONTH_NAMES = frozenset("may april june august march january".split())

# A name before one of these is the name of a thing: Foley catheter, Crohn's disease, Kerley B lines.
EPONYM_HEADS = frozenset(
    (
        "a abscess acid albicans anastomosis anemia aneurysm angle antigen artery arthritis aspirator ataxia atrophy "
        "b balance balloon band bandage bed block blot body bodies brace bypass canal carcinoma cast cataract catheter "
        "catheters cautery cell cells chorea clamp clamps class classification clip colitis collar contracture "
        "criteria cyst cysts deformity deposits dementia device dextrose diet disease diseases disorder diverticulum "
        "drain drains duct dystrophy enteritis esophagus exercise exercises facies factor fascia fever filter "
        "fixation flap foci focus foramen forceps fracture fractures frame fundoplication ganglion gait gland goiter "
        "grade graft granulomatosis hernia implant incision index jaundice keratosis knife laminectomy lactate "
        "lesion ligament line lines lymphoma macroglobulinemia maneuver manoeuvre membrane method mobility needle "
        "nerve neuralgia neuroma neuropathy node nodes nodule nodules node's nucleus operation osteotomy ovaries "
        "palsy patch phenomenon plate position pouch procedure prosthesis protocol pump reaction reflex regimen "
        "repair resection retractor ring rings rod rods rule sarcoma scale scan scope score screw shunt sign signs "
        "sinus smear solution space spaces sphincter splint spot stage stain stains stent stitch stocking stockings "
        "stroke suction suture sutures syndrome system tachycardia tap technique test thyroiditis titer tissue triad "
        "triangle trocar tube tubes tumor tumour ulcer ulcers unit units vaccine valve valves vein view virus wave "
        "wire wires wrap"
    ).split()
)


@cache
def _words(name: str) -> frozenset[str]:
    text = (files("mediscan.deidentify") / "word_lists" / f"{name}.txt").read_text(encoding="utf-8")
    return frozenset(text.split())


def is_given_name(word: str) -> bool:
    """Whether the word is a frequent given name."""
    return word.casefold() in _words("given_names")


def is_listed_name(word: str) -> bool:
    """Whether the word is a frequent given or family name."""
    return is_given_name(word) or word.casefold() in _words("family_names")


def is_common_word(word: str) -> bool:
    """Whether the word, or each part of it, means something: a name that is one is believed only with good reason."""
    folded = word.casefold()
    common = _words("common_words")
    return folded in common or all(part in common for part in folded.replace("’", "-").replace("'", "-").split("-"))
