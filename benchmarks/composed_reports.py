"""Reports with known sections, composed from hand-written parts in the layouts that real reports have.

Nothing here looks at the splitter: the headings are written down as reports write them, some that no table knows.
"""

import random
import textwrap
from collections.abc import Callable
from dataclasses import dataclass, field

_HEADINGS = {
    "indication": (
        "Indication",
        "Reason for exam",
        "Reason for examination",
        "Clinical indication",
        "Indications",
        "Reason for study",
        "Indication/History",
    ),
    "history": ("History", "Clinical history", "Hx", "Clinical information", "Patient history"),
    "exam": ("Exam", "Examination", "Exam type"),
    "technique": ("Technique", "Procedure and technique", "Imaging technique"),
    "comparison": ("Comparison", "Comparisons", "Comparison studies", "Prior studies"),
    "findings": ("Findings", "Findings", "Findings", "Radiographic findings", "Findings and impression", "CT findings"),
    "impression": ("Impression", "Impression", "Conclusion", "Opinion", "Imp", "Impressions", "Interpretation"),
    "recommendation": ("Recommendation", "Recommendations", "Recommendation(s)"),
}
_UNHEARD_OF = {"findings": "What we see", "impression": "Upshot", "comparison": "Looked at together with"}
_DISCHARGE = {
    "indication": ("Chief Complaint", "Chief complaint"),
    "history": ("History of Present Illness", "HPI"),
    "exam": ("Physical Exam", "Physical Examination"),
    "vitals": ("Vital Signs", "Vitals"),
    "labs": ("Pertinent Results", "Labs"),
    "hospital_course": ("Brief Hospital Course", "Hospital Course"),
    "medications": ("Medications on Admission", "Home Medications"),
    "allergies": ("Allergies",),
    "diagnosis": ("Discharge Diagnosis", "Discharge Diagnoses"),
    "plan": ("Plan",),
}
_SENTENCES = {
    "indication": (
        "Cough and fever for three days.",
        "Rule out pneumonia.",
        "Shortness of breath; evaluate for effusion.",
        "Follow-up of known nodule.",
        "___ year old man with chest pain // pneumothorax?",
        "Line placement.",
        "Evaluate for pulmonary edema.",
        "Fall from height, left-sided pain.",
    ),
    "history": (
        "56-year-old woman with diabetes.",
        "Smoker, 30 pack-years.",
        "Status post CABG in 2012.",
        "Known COPD on home oxygen.",
        "Breast cancer, treated 2015.",
        "No fever at home.",
        "Weight loss of 5 kg.",
    ),
    "exam": ("Chest, two views", "CT chest without contrast", "CHEST (PA AND LAT)", "Portable AP chest radiograph"),
    "technique": (
        "PA and lateral views of the chest.",
        "Axial images were obtained at 1.25 mm.",
        "Dose: 120 kVp.",
        "Single portable view.",
    ),
    "comparison": (
        "None.",
        "Chest radiograph from 03/14/2019.",
        "CT of 2018-11-02, 10:45.",
        "___.",
        "No prior available.",
    ),
    "findings": (
        "The lungs are clear.",
        "There is a 3 cm opacity in the right lower lobe.",
        "No pleural effusion.",
        "Right lung: clear.",
        "Size: 3 cm, unchanged.",
        "Heart size is normal; the history of surgery is noted.",
        "Note: the tip of the tube projects over the carina.",
        "Degenerative changes of the spine, ratio 2:1.",
        "Comparison with the prior shows no change.",
        "Impression of the aorta on the trachea is seen.",
        "The examination is limited: poor inspiration.",
        "Indication of old trauma at rib 5.",
    ),
    "impression": (
        "No acute cardiopulmonary process.",
        "Right lower lobe pneumonia.",
        "Stable 4 mm nodule.",
        "Mild edema: follow up.",
        "Findings are consistent with heart failure.",
        "Moderate left effusion.",
    ),
    "recommendation": (
        "Follow-up CT in 3 months.",
        "Clinical correlation: see history.",
        "Repeat radiograph after therapy.",
    ),
    "vitals": ("T 98.6 HR 80 BP 120/80 RR 16", "Temp: 38.5, HR: 110, SpO2: 91% on room air"),
    "labs": ("WBC 12.3, Hgb 10.1.", "Troponin: negative.", "Creatinine 1.4.", "Culture: no growth to date."),
    "hospital_course": (
        "Treated with ceftriaxone.",
        "He improved: afebrile after two days.",
        "Oxygen was weaned.",
        "Pneumonia on imaging responded to therapy.",
    ),
    "medications": ("Aspirin 81 mg daily", "Metoprolol 25 mg: twice daily", "Lisinopril 10 mg"),
    "allergies": ("Penicillins", "No known drug allergies"),
    "diagnosis": ("Community-acquired pneumonia", "Congestive heart failure"),
    "plan": ("Discharge home.", "Follow up with PCP in one week: call for appointment."),
}
_PHYSICAL = ("Gen: no distress", "HEENT: PERRL", "Lungs: crackles at right base", "CV: regular, no murmur", "Abd: soft")
_ORGANS = ("LUNGS: Clear.", "HEART: Normal size.", "PLEURA: No effusion.", "BONES: Intact.", "Mediastinum: Normal.")
_ADDENDA = (
    ("ADDENDUM: ", "There is also a 5 mm nodule. FINDINGS: as above. IMPRESSION: nodule."),
    ("ADDENDUM by Dr. A. Reader on 03/14/2019 at 10:22 AM: ", "The tube has been repositioned."),
    ("*** ADDENDUM ***\n", "History: revised. On review there is pneumonia."),
    ("ADDENDUM #1 - 2019-03-14 10:22:\n", "Right pneumothorax was communicated."),
)
_TOPS = ("ST. ELSEWHERE HOSPITAL\nDepartment of Radiology\n\n", "CHEST RADIOGRAPH\n\n", "")
_ADMIN = "ACCESSION: 12345\nDATE OF STUDY: March 4, 2019\n\n"
_ENDS = ("\n\nDictated by: A. Reader 03/14/2019 10:22", "\n\nElectronically signed by: A. Reader", "\n")
UNSCORED = frozenset({"administrative", "signature"})
"""Sections of letterheads and signatures, which the truth leaves out."""


@dataclass(frozen=True, kw_only=True)
class Report:
    """A composed report and the text that belongs to each section."""

    layout: str
    text: str
    truth: dict[str, list[str]]
    hidden: tuple[str, ...] = field(default=())  # what the image shows, wherever it stands


@dataclass(frozen=True, kw_only=True)
class _Part:
    name: str
    heading: str | None
    body: str


Draw = random.Random
_BLOCK, _LINES = "\n\n", "\n"
_LAYOUTS: dict[str, tuple[Callable[[str], str], str]] = {
    "colon": (lambda heading: f"{heading.upper()}: ", _BLOCK),
    "colon, tight": (lambda heading: f"{heading.upper()}:", _LINES),
    "colon, lines": (lambda heading: f"{heading.upper()}: ", _LINES),
    "title case": (lambda heading: f"{heading}: ", _BLOCK),
    "title case, lines": (lambda heading: f"{heading.title()}: ", _LINES),
    "own line": (lambda heading: f"{heading.upper()}\n", _BLOCK),
    "own line, colon": (lambda heading: f" {heading.upper()}: \n \n ", "\n \n"),
    "own line, title": (lambda heading: f"{heading}:\n", _BLOCK),
    "underlined": (lambda heading: f"{heading}\n{'=' * len(heading)}\n", _BLOCK),
    "dashes below": (lambda heading: f"{heading.upper()}\n-----------\n", _BLOCK),
    "bold": (lambda heading: f"**{heading}:** ", _BLOCK),
    "bold, own line": (lambda heading: f"**{heading.upper()}**\n", _LINES),
    "hashes": (lambda heading: f"## {heading}\n\n", _BLOCK),
    "run on": (lambda heading: f"{heading.upper()}: ", " "),
    "run on, title case": (lambda heading: f"{heading}: ", " "),
    "dash": (lambda heading: f"{heading.upper()} - ", _LINES),
    "spaces": (lambda heading: f"{heading.upper()}    ", _LINES),
    "brackets": (lambda heading: f"[{heading.upper()}] ", _LINES),
}


def compose_report(draw: Draw) -> Report:
    """A radiology report."""
    names = [name for name in _HEADINGS if name in {"findings", "impression"} or draw.random() < 0.6]
    if draw.random() < 0.15 and "indication" in names and "findings" in names:
        names.remove("impression")
    parts = [_part(name, draw) for name in names]
    kind = draw.choice(list(_LAYOUTS))
    parts, missing = _spoilt(parts, kind, draw)
    addendum = draw.choice(_ADDENDA) if draw.random() < 0.2 else None
    top = draw.choice(_TOPS) + (_ADMIN if draw.random() < 0.3 else "")
    text = _laid_out(parts, kind, draw, numbered=draw.random() < 0.1)
    truth = _truth(parts)
    if "\n" in top:
        truth.setdefault("note", []).insert(0, top.replace(_ADMIN, ""))
        if not top.replace(_ADMIN, "").strip():
            truth["note"].pop(0)
    if addendum:
        text += "\n\n" + "".join(addendum)
        truth["addendum"] = [addendum[1]]
    text = top + text + (draw.choice(_ENDS))
    hidden = [part.body for part in parts if part.name in {"findings", "impression", "recommendation"}]
    return Report(layout=kind, text=text, truth=_kept(truth), hidden=(*hidden, *missing, *truth.get("addendum", ())))


def compose_discharge_summary(draw: Draw) -> Report:
    """A discharge summary."""
    names = [name for name in _DISCHARGE if draw.random() < 0.8] or ["history"]
    parts = [_Part(name=name, heading=draw.choice(_DISCHARGE[name]), body=_clinical_body(name, draw)) for name in names]
    kind = draw.choice(("own line, title", "title case", "colon", "own line", "hashes"))
    text = _laid_out(parts, kind, draw, numbered=False)
    return Report(layout=f"discharge, {kind}", text=text, truth=_kept(_truth(parts)))


def _part(name: str, draw: Draw) -> _Part:
    body = " ".join(draw.sample(_SENTENCES[name], k=1 if name == "exam" else draw.randint(1, 3)))
    if name == "findings" and draw.random() < 0.3:
        body = draw.choice((" ", "\n")).join(draw.sample(_ORGANS, k=3))
    elif name in {"findings", "impression"} and draw.random() < 0.3:
        body = "\n".join(f"{n}. {said}" for n, said in enumerate(draw.sample(_SENTENCES[name], k=3), start=1))
    return _Part(name=name, heading=draw.choice(_HEADINGS[name]), body=body)


def _clinical_body(name: str, draw: Draw) -> str:
    if name == "exam":
        return "\n".join(draw.sample(_PHYSICAL, k=4))
    pool = _SENTENCES[name]
    body = draw.choice((" ", "\n")).join(draw.sample(pool, k=min(len(pool), draw.randint(1, 3))))
    return body + "\n\n" + draw.choice(pool) if name in {"history", "hospital_course"} and draw.random() < 0.4 else body


def _spoilt(parts: list[_Part], kind: str, draw: Draw) -> tuple[list[_Part], list[str]]:
    """Some headings are misspelt, unheard of, or left out; the last two put the text into the note."""
    spoilt, missing = [], []
    for part in parts:
        heading, chance = str(part.heading), draw.random()
        if chance < 0.06 and len(heading) > 6:
            at = draw.randrange(1, len(heading) - 1)
            part = _Part(name=part.name, heading=heading[:at] + heading[at + 1 :], body=part.body)  # noqa: PLW2901
        elif chance < 0.08 and part.name in _UNHEARD_OF and ":" in _LAYOUTS[kind][0]("x"):
            opened = _LAYOUTS[kind][0](_UNHEARD_OF[part.name])
            missing.append(part.body)
            part = _Part(name="note", heading=None, body=opened.strip() + " " + part.body)  # noqa: PLW2901
        elif chance < 0.11 and part.name == "findings" and _LAYOUTS[kind][1] != " " and spoilt:
            body = "The lungs are clear. " + part.body if "\n\n" not in _LAYOUTS[kind][1] else part.body
            missing.append(body)
            part = _Part(name="note", heading=None, body=body)  # noqa: PLW2901
        spoilt.append(part)
    return spoilt, missing


def _laid_out(parts: list[_Part], kind: str, draw: Draw, *, numbered: bool) -> str:
    opened, between = _LAYOUTS[kind]
    wrap = draw.random() < 0.4 and "run on" not in kind
    written = []
    for number, part in enumerate(parts, start=1):
        body = part.body
        if wrap:
            body = "\n".join(textwrap.fill(line, 60, break_on_hyphens=False) for line in body.split("\n"))
        lead = f"{number}. " if numbered and part.heading and kind.startswith("colon") else ""
        written.append(lead + (opened(part.heading) if part.heading else "") + body)
    return between.join(written)


def _truth(parts: list[_Part]) -> dict[str, list[str]]:
    truth: dict[str, list[str]] = {}
    for part in parts:
        truth.setdefault(part.name, []).append(part.body)
    return truth


def _kept(truth: dict[str, list[str]]) -> dict[str, list[str]]:
    return {name: bodies for name, bodies in truth.items() if any(body.strip() for body in bodies)}
