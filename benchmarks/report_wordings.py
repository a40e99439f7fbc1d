"""What composed reports are made of: headings, sentences and layouts. The section splitter was adjusted on these."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

BLOCK, LINES = "\n\n", "\n"
Layouts = Mapping[str, tuple[Callable[[str], str], str]]
"""How a heading is written, and what stands between two sections, by the layout's name."""


@dataclass(frozen=True, kw_only=True)
class Wording:
    """One set.

    Args:
        headings: Section of a radiology report → how reports call it.
        unheard_of: Headings that no table knows; what follows them is a note.
        discharge: Section of a discharge summary → how summaries call it.
        sentences: Section → sentences; some of them look like headings.
        physical: Lines of a physical examination.
        organs: Findings by organ, each with a heading of its own.
        addenda: Headings of addenda and their texts.
        tops: Letterheads.
        administrative: Lines below the letterhead, with their names.
        ends: Signatures.
        layouts: Those of reports.
        discharge_layouts: Those of discharge summaries, among `layouts`.
    """

    headings: Mapping[str, tuple[str, ...]]
    unheard_of: Mapping[str, str]
    discharge: Mapping[str, tuple[str, ...]]
    sentences: Mapping[str, tuple[str, ...]]
    physical: tuple[str, ...]
    organs: tuple[str, ...]
    addenda: tuple[tuple[str, str], ...]
    tops: tuple[str, ...]
    administrative: str
    ends: tuple[str, ...]
    layouts: Layouts
    discharge_layouts: tuple[str, ...]


LAYOUTS: Layouts = {
    "colon": (lambda heading: f"{heading.upper()}: ", BLOCK),
    "colon, tight": (lambda heading: f"{heading.upper()}:", LINES),
    "colon, lines": (lambda heading: f"{heading.upper()}: ", LINES),
    "title case": (lambda heading: f"{heading}: ", BLOCK),
    "title case, lines": (lambda heading: f"{heading.title()}: ", LINES),
    "own line": (lambda heading: f"{heading.upper()}\n", BLOCK),
    "own line, colon": (lambda heading: f" {heading.upper()}: \n \n ", "\n \n"),
    "own line, title": (lambda heading: f"{heading}:\n", BLOCK),
    "underlined": (lambda heading: f"{heading}\n{'=' * len(heading)}\n", BLOCK),
    "dashes below": (lambda heading: f"{heading.upper()}\n-----------\n", BLOCK),
    "bold": (lambda heading: f"**{heading}:** ", BLOCK),
    "bold, own line": (lambda heading: f"**{heading.upper()}**\n", LINES),
    "hashes": (lambda heading: f"## {heading}\n\n", BLOCK),
    "run on": (lambda heading: f"{heading.upper()}: ", " "),
    "run on, title case": (lambda heading: f"{heading}: ", " "),
    "dash": (lambda heading: f"{heading.upper()} - ", LINES),
    "spaces": (lambda heading: f"{heading.upper()}    ", LINES),
    "brackets": (lambda heading: f"[{heading.upper()}] ", LINES),
}

TUNED = Wording(
    headings={
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
        "findings": (
            "Findings",
            "Findings",
            "Findings",
            "Radiographic findings",
            "Findings and impression",
            "CT findings",
        ),
        "impression": ("Impression", "Impression", "Conclusion", "Opinion", "Imp", "Impressions", "Interpretation"),
        "recommendation": ("Recommendation", "Recommendations", "Recommendation(s)"),
    },
    unheard_of={"findings": "What we see", "impression": "Upshot", "comparison": "Looked at together with"},
    discharge={
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
    },
    sentences={
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
    },
    physical=(
        "Gen: no distress",
        "HEENT: PERRL",
        "Lungs: crackles at right base",
        "CV: regular, no murmur",
        "Abd: soft",
    ),
    organs=("LUNGS: Clear.", "HEART: Normal size.", "PLEURA: No effusion.", "BONES: Intact.", "Mediastinum: Normal."),
    addenda=(
        ("ADDENDUM: ", "There is also a 5 mm nodule. FINDINGS: as above. IMPRESSION: nodule."),
        ("ADDENDUM by Dr. A. Reader on 03/14/2019 at 10:22 AM: ", "The tube has been repositioned."),
        ("*** ADDENDUM ***\n", "History: revised. On review there is pneumonia."),
        ("ADDENDUM #1 - 2019-03-14 10:22:\n", "Right pneumothorax was communicated."),
    ),
    tops=("ST. ELSEWHERE HOSPITAL\nDepartment of Radiology\n\n", "CHEST RADIOGRAPH\n\n", ""),
    administrative="ACCESSION: 12345\nDATE OF STUDY: March 4, 2019\n\n",
    ends=("\n\nDictated by: A. Reader 03/14/2019 10:22", "\n\nElectronically signed by: A. Reader", "\n"),
    layouts=LAYOUTS,
    discharge_layouts=("own line, title", "title case", "colon", "own line", "hashes"),
)
"""What the splitter was adjusted on."""
