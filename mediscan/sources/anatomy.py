"""Regions of the body: the words for them in notes, and DICOM's terms."""

import re
from enum import StrEnum
from itertools import pairwise


class Region(StrEnum):
    """A part of the body as coarse as an examination names it."""

    HEAD = "head"
    NECK = "neck"
    SPINE = "spine"
    CHEST = "chest"
    BREAST = "breast"
    ABDOMEN = "abdomen"
    PELVIS = "pelvis"
    SHOULDER = "shoulder"
    ARM = "arm"
    ELBOW = "elbow"
    FOREARM = "forearm"
    WRIST = "wrist"
    HAND = "hand"
    HIP = "hip"
    THIGH = "thigh"
    KNEE = "knee"
    LEG = "leg"
    ANKLE = "ankle"
    FOOT = "foot"

    @property
    def is_paired(self) -> bool:
        """Whether there is a left and a right one, of which an examination shows one."""
        return self is Region.BREAST or self in _LIMBS

    def touches(self, other: "Region") -> bool:
        """Whether an examination of one usually shows some of the other."""
        return self is other or frozenset({self, other}) in _NEIGHBOURS


_LIMBS = (
    *(Region.SHOULDER, Region.ARM, Region.ELBOW, Region.FOREARM, Region.WRIST, Region.HAND),
    *(Region.HIP, Region.THIGH, Region.KNEE, Region.LEG, Region.ANKLE, Region.FOOT),
)
_NEIGHBOURS = frozenset(
    frozenset(pair)
    for pair in (
        *pairwise(_LIMBS[:6]),
        *pairwise(_LIMBS[6:]),
        (Region.HEAD, Region.NECK),
        (Region.NECK, Region.CHEST),
        *((Region.SPINE, near) for near in (Region.NECK, Region.CHEST, Region.ABDOMEN, Region.PELVIS, Region.HEAD)),
        (Region.CHEST, Region.ABDOMEN),
        (Region.CHEST, Region.BREAST),
        (Region.CHEST, Region.SHOULDER),
        (Region.ABDOMEN, Region.PELVIS),
        (Region.PELVIS, Region.HIP),
    )
)
_WORDS = {
    Region.HEAD: "head brain skull cranium cranial sinus sinuses paranasal orbit orbits facial face mandible iac iacs "
    "pituitary",
    Region.NECK: "neck larynx thyroid carotid carotids",
    Region.SPINE: "spine cspine tspine lspine lumbar sacrum coccyx lspine tspine sspine spinal",
    Region.CHEST: "chest thorax thoracic lung lungs cxr rib ribs heart cardiac mediastinum sternum clavicle",
    Region.BREAST: "breast breasts mammogram mammography mammo",
    Region.ABDOMEN: "abdomen abdominal kub liver renal kidney kidneys pancreas bowel urinary stomach spleen",
    Region.PELVIS: "pelvis pelvic prostate uterus bladder ovary",
    Region.SHOULDER: "shoulder shoulders scapula",
    Region.ARM: "humerus arm",
    Region.ELBOW: "elbow elbows",
    Region.FOREARM: "forearm radius ulna",
    Region.WRIST: "wrist wrists",
    Region.HAND: "hand hands finger fingers thumb",
    Region.HIP: "hip hips",
    Region.THIGH: "femur thigh upleg",
    Region.KNEE: "knee knees patella",
    Region.LEG: "leg tibia fibula lowleg calf",
    Region.ANKLE: "ankle ankles",
    Region.FOOT: "foot feet toe toes calcaneus heel",
}
_REGION_OF = {word: region for region, words in _WORDS.items() for word in words.split()}
_WORD = re.compile(r"[a-z]+")
_SPINE_PARTS = re.compile(r"\b(?:cervical|thoracic|lumbar|[ctls])[\s-]*spine\b")


def regions(text: str) -> frozenset[Region]:
    """The regions that a text names, by English words or by the defined terms of BodyPartExamined (0018,0015).

    Source: DICOM PS3.16 annex L, for the terms.
    """
    plain = _SPINE_PARTS.sub("spine", text.lower())
    return frozenset(_REGION_OF[word] for word in _WORD.findall(plain) if word in _REGION_OF)
