"""The headings of English radiology reports and clinical notes, and the section that each one opens.

A phrase that may open one of the `LEAKAGE_SAFE` sections must stand in the tables as it is written; a phrase that opens
any other section may also be misspelt by one letter, or be recognised by its first or last word.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache

LEAKAGE_SAFE = frozenset({"indication", "history", "exam", "vitals"})
"""Sections that are written before anybody knows what the image shows."""

CONCLUSIVE = frozenset({"findings", "impression", "recommendation", "addendum", "preliminary_read"})
"""Sections that say what the image shows."""

NOTE = "note"
"""The section of all text that stands under no known heading."""


class Scope(Enum):
    """How far a section reaches when no other heading ends it."""

    LINE = "line"
    PARAGRAPH = "paragraph"
    OPEN = "open"


@dataclass(frozen=True, kw_only=True)
class Heading:
    """What a heading opens.

    Args:
        name: The section.
        scope: How far it reaches.
        exact: Whether the phrase stands in the tables, rather than being like one of them.
    """

    name: str
    scope: Scope
    exact: bool = True

    @property
    def is_safe(self) -> bool:
        """Whether its section is written before anybody knows what the image shows."""
        return self.name in LEAKAGE_SAFE


_PARAGRAPH = {
    "indication": """indication; indications; clinical indication; clinical indications; indication for exam;
        indication for examination; indication for study; indication for procedure; reason; reason for exam;
        reason for examination; reason for this exam; reason for this examination; reason for study; reason for the study;
        reason for visit; reason for request; reason for referral; reason for consult; reason for consultation;
        reason for test; reason for procedure; reason for order; reason for imaging; exam reason; exam indication;
        study indication; ordering indication; clinical question; question; clinical problem; underlying medical condition;
        medical condition; admitting diagnosis; admission diagnosis; referral diagnosis; ordering diagnosis; ind;
        chief complaint; presenting complaint; presenting problem; cc; symptoms; presentation; clinical presentation;
        request; clinical request""",
    "history": """history; clinical history; patient history; brief history; brief clinical history; relevant history;
        pertinent history; relevant clinical history; pertinent clinical history; clinical information; clinical info;
        clinical data; clinical details; clinical context; clinical background; clinical note; clinical notes;
        clinical summary; clinical statement; background; hx; clinical hx; history and indication;
        history provided; provided history; patient information; relevant clinical information""",
    "exam": """exam; exams; examination; examinations; exam type; type of exam; type of examination; examination type;
        exam performed; examination performed; exam name; exam description; exam requested; examination requested""",
    "vitals": "vitals; vital signs; vs; vital signs on admission; admission vitals; initial vitals; triage vitals; obs",
    "technique": """technique; techniques; procedure and technique; imaging technique; scan technique; exam technique;
        examination technique; protocol; imaging protocol; method; methods; views; number of views; projection;
        projections; contrast; radiation dose; dose; sequences; procedure comments; technical quality; image quality""",
    "comparison": """comparison; comparisons; comparison study; comparison studies; comparison exam; comparison exams;
        comparison examination; comparison film; comparison films; compared to; compared with; comp; prior studies;
        prior study; prior exam; prior exams; prior examinations; prior imaging; previous studies; previous study;
        previous examination; previous imaging; prior films; correlation; relevant prior studies""",
    "procedure": """procedure; procedures; study; study type; study performed; procedure performed; procedure description;
        procedures performed; major surgical or invasive procedure; major surgical procedures; operation; exam procedure""",
    "allergies": "allergies; allergy; drug allergies; allergies and adverse reactions; medication allergies",
}
_OPEN = {
    "history": """history of present illness; history of the present illness; history of presenting illness;
        history of presenting complaint; hpi; hopi; interval history; interim history; subjective; past medical history;
        past history; medical history; pmh; pmhx; past medical and surgical history; past surgical history;
        surgical history; psh; pshx; past psychiatric history; past ocular history; obstetric history; social history; sh;
        shx; family history; fh; fhx; family medical history; family and social history; social and family history;
        review of systems; ros; past oncologic history; oncologic history; oncology history; cardiac history; risk factors;
        cardiac risk factors; history and physical; smoking history; travel history; occupational history""",
    "exam": """physical exam; physical examination; physical; physical exam on admission; physical examination on admission;
        physical exam on discharge; admission physical exam; discharge physical exam; admission exam; discharge exam;
        exam on admission; exam on discharge; pe; objective; clinical exam; clinical examination; on examination;
        neurologic exam; neurological exam; neurological examination; physical findings""",
    "findings": """findings; finding; report; body of report; radiographic findings; imaging findings; observations;
        observation; results; result; description; discussion; detailed findings; interpretation and findings""",
    "impression": """impression; impressions; imp; conclusion; conclusions; concl; opinion; interpretation; interpretations;
        reading; summary; final impression; final diagnosis; radiological diagnosis; radiologic diagnosis;
        diagnostic impression; preliminary impression; comment; comments; overall impression; bottom line;
        summary of findings; overread; attending overread""",
    "diagnosis": """diagnosis; diagnoses; dx; discharge diagnosis; discharge diagnoses; primary diagnosis;
        primary diagnoses; secondary diagnosis; secondary diagnoses; principal diagnosis; differential diagnosis; ddx;
        differential; working diagnosis; final diagnoses; problem list; active problems; discharge condition""",
    "medications": """medications; medication; meds; current medications; home medications; home meds; medications prior to
        admission; medications on admission; admission medications; discharge medications; medications on discharge;
        medications at home; outpatient medications; preadmission medications; the preadmission medication list is accurate
        and complete; medication list; current meds; drug history; rx; inpatient medications; treatment""",
    "labs": """labs; lab; laboratory; laboratory data; laboratory results; laboratory studies; laboratory findings;
        lab results; lab data; pertinent results; pertinent labs; admission labs; discharge labs; labs on admission;
        labs on discharge; other pertinent labs; microbiology; micro; data; tests; investigations; bloods; pathology;
        pertinent data""",
    "imaging": """imaging; imaging studies; radiology; studies; cxr; chest x-ray; chest xray; chest radiograph; chest ct;
        ct chest; ct; ct head; ct abdomen; mri; mri brain; ultrasound; us; echo; echocardiogram; tte; ekg; ecg; x-ray;
        xray; radiographs; radiographic studies; imaging results; radiology results; reports; other studies""",
    "hospital_course": """hospital course; brief hospital course; summary of hospital course; hospital course by problem;
        hospital course by system; course in hospital; course; ed course; emergency department course; clinical course;
        brief hospital course by problem; icu course; acute issues; chronic issues; transitional issues""",
    "assessment": "assessment; assessments; clinical assessment; a/p; a&p; ap; assessment & plan; medical decision making",
    "plan": """plan; plans; treatment plan; plan of care; care plan; disposition; discharge disposition; follow-up;
        follow up; followup; follow-up plan; dispo""",
    "recommendation": """recommendation; recommendations; recs; recommend; suggestion; suggestions; advice; management;
        follow-up recommendation; follow-up recommendations""",
    "instructions": """discharge instructions; followup instructions; follow-up instructions; follow up instructions;
        instructions; patient instructions""",
    "notification": "notification; notifications; communication; critical results; critical result; critical findings",
    "preliminary_read": """wet read; preliminary report; preliminary read; preliminary; prelim; preliminary findings;
        preliminary interpretation; resident read; wet reading; preliminary reading""",
    NOTE: """narrative; final report; original report; end of addendum; end of impression; end of report;
        addendum ends; final; radiology report; report text; discharge summary; progress note; end of wet read""",
}
_LINE = {
    "administrative": """accession; accession number; accession no; mrn; medical record number; patient; patient name; name;
        patient id; unit no; date of birth; dob; birthdate; sex; gender; age; service; attending; attending physician;
        ordering physician; ordering provider; referring physician; referring provider; requesting physician; location;
        facility; institution; hospital; department; admission date; date of admission; discharge date; date of discharge;
        date of exam; date of examination; date of study; exam date; examination date; study date; date; date of service;
        date of procedure; exam date and time; exam time; time; report date; date of report; report status; status;
        visit number; order number; page; priority; note date; note time""",
    "signature": """dictated by; dictated; dictated on; dictation date; transcribed by; transcribed; transcribed on;
        transcription date; signed by; signed; signed on; electronically signed by; electronically signed;
        electronically signed on; electronically verified by; verified by; verified; verified on; approved by; approved;
        reported by; reported; reported on; read by; interpreted by; finalized by; finalized; finalized on; finalised on;
        radiologist; reporting radiologist; attending radiologist; resident; reviewed by; authenticated by;
        report electronically signed by""",
}

_SUBHEADINGS: Mapping[str, frozenset[str]] = {
    "exam": frozenset(
        """gen general constitutional appearance heent head eyes ears nose throat mouth neck cv cvs cardiac cardiovascular
        cor heart lungs lung pulm pulmonary resp respiratory chest abd abdomen abdominal gi gu ext extr extremities
        neuro neurologic neurological skin psych psychiatric msk musculoskeletal back spine rectal lymph lymphatic nodes
        vascular pulses vitals vs breast breasts pelvic mental""".split()
    ),
    "vitals": frozenset(
        """t temp temperature tmax tm tc bp hr p pulse rr r resp respirations sao2 spo2 sat sats o2 o2sat weight wt
        height ht bmi pain fio2 gcs""".split()
    )
    | {"heart rate", "blood pressure", "oxygen saturation", "respiratory rate"},
}
_BY_WORD = {
    "findings": ("finding", "findings", "observation", "observations"),
    "impression": ("impression", "impressions", "conclusion", "conclusions", "opinion", "interpretation"),
    "recommendation": ("recommendation", "recommendations"),
    "technique": ("technique",),
    "comparison": ("comparison", "comparisons"),
    "medications": ("medications",),
    "diagnosis": ("diagnosis", "diagnoses"),
    "imaging": ("ct", "mri", "mr", "cxr", "x-ray", "xray", "radiograph", "radiographs", "ultrasound", "echocardiogram"),
}
_MOST_WORDS = 6
_LEAST_LETTERS = 6  # a shorter word is one letter away from too many others

_ASIDE = re.compile(r"\([^()]*\)|\[[^\[\]]*\]")
_EDGES = " \t*_#=~<>[]|:.-–"
_JOINT = re.compile(r"\s*(?:/|&|\+|,|\band\b|\bor\b)\s*")


def heading_of(phrase: str) -> Heading | None:
    """What a phrase opens as a heading; None where it is none that is known.

    Of a joint heading ("findings and impression") the first part that is not `LEAKAGE_SAFE` counts, so that what is
    known of the image is never read as history.
    """
    return _known(_key(phrase))


def is_subheading(phrase: str, *, of: str) -> bool:
    """Whether a phrase is a usual heading within a section ("HEENT" in a physical exam, "BP" in vital signs)."""
    key = _key(phrase)
    usual = _SUBHEADINGS.get(of, frozenset())
    return key in usual or re.split(r"[ /]", key)[0] in usual


def _key(phrase: str) -> str:
    return " ".join(_ASIDE.sub(" ", phrase).strip(_EDGES).lower().split())


def _entries() -> Iterator[tuple[str, Heading]]:
    for scope, table in ((Scope.PARAGRAPH, _PARAGRAPH), (Scope.OPEN, _OPEN), (Scope.LINE, _LINE)):
        for name, phrases in table.items():
            for phrase in phrases.split(";"):
                yield " ".join(phrase.split()), Heading(name=name, scope=scope)


_EXACT = dict(_entries())


def _one_less(word: str) -> set[str]:
    return {word, *(word[:position] + word[position + 1 :] for position in range(len(word)))}


def _near() -> dict[str, frozenset[str]]:
    # Two words that are one letter or one swap apart share a word that lacks one letter of either.
    near: dict[str, set[str]] = {}
    for phrase in _EXACT:
        if len(phrase) >= _LEAST_LETTERS:
            for less in _one_less(phrase):
                near.setdefault(less, set()).add(phrase)
    return {less: frozenset(phrases) for less, phrases in near.items()}


_NEAR = _near()


@lru_cache(maxsize=4096)
def _known(key: str) -> Heading | None:
    if key in _EXACT:
        return _EXACT[key]
    if not key or len(key.split()) > _MOST_WORDS:
        return None
    return _joint(key) or _misspelt(key) or _by_word(key)


def _joint(key: str) -> Heading | None:
    parts = [_EXACT.get(part) or _misspelt(part) for part in _JOINT.split(key)]
    known = [part for part in parts if part]
    if len(parts) < 2 or len(known) < len(parts):
        return None
    return next((part for part in known if not part.is_safe), known[0])


def _misspelt(key: str) -> Heading | None:
    if len(key) < _LEAST_LETTERS:
        return None
    meant = {phrase for less in _one_less(key) for phrase in _NEAR.get(less, ())}
    opened = {_EXACT[phrase] for phrase in meant}
    if len({heading.name for heading in opened}) != 1:
        return None
    found = min(opened, key=lambda heading: heading.scope.value, default=None)
    return Heading(name=found.name, scope=found.scope, exact=False) if found else None


def _by_word(key: str) -> Heading | None:
    words = re.findall(r"[a-z][a-z-]*", key)
    for name, marks in _BY_WORD.items():
        if words and (words[-1] in marks or words[0] in marks):
            return Heading(name=name, scope=_EXACT[marks[0]].scope if marks[0] in _EXACT else Scope.OPEN, exact=False)
    return None
