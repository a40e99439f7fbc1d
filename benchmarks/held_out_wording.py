"""A second wording of composed reports, of other headings and sentences and with a few more layouts.

It was written after the section splitter, is only measured on, and must stay so: who adjusts the splitter to it has to
write another.
"""

from benchmarks.report_wordings import BLOCK, LAYOUTS, LINES, Wording

HELD_OUT = Wording(
    headings={
        "indication": (
            *("Clinical question", "Reason for referral", "Referral reason", "Indication for examination"),
            *("Clin. indication", "Reason for request"),
        ),
        "history": ("Clinical details", "Clinical data", "Relevant clinical history", "Medical history", "Background"),
        "exam": ("Examination performed", "Exam description", "Type of examination"),
        "technique": ("Protocol", "Method", "Scan technique", "Acquisition technique"),
        "comparison": ("Compared with", "Previous studies", "Comparison exams", "Priors", "Previous imaging"),
        "findings": (
            *("Observations", "Chest findings", "Imaging findings", "Body of report", "Detailed findings"),
            *("Description of findings", "Report"),
        ),
        "impression": (
            *("Conclusions", "Overall impression", "Diagnostic impression", "Summary", "In summary"),
            *("Radiological diagnosis", "Final impression"),
        ),
        "recommendation": ("Advice", "Suggestion", "Follow-up recommendation", "Further management"),
    },
    unheard_of={"findings": "Image review", "impression": "Take-home message", "comparison": "Read together with"},
    discharge={
        "indication": ("Presenting complaint", "Reason for admission"),
        "history": ("History of the present illness", "Past Medical History", "Interval history"),
        "exam": ("Admission Physical Exam", "On examination"),
        "vitals": ("Admission vitals", "Vital signs on arrival"),
        "labs": ("Laboratory data", "Admission labs"),
        "hospital_course": ("Course in hospital", "Summary of hospital course"),
        "medications": ("Discharge Medications", "Current medications"),
        "allergies": ("Drug allergies", "Allergies and adverse reactions"),
        "diagnosis": ("Principal diagnosis", "Primary Diagnosis"),
        "plan": ("Disposition", "Follow-up plan"),
    },
    sentences={
        "indication": (
            "Productive cough since last week; infiltrate?",
            "Please exclude fracture of the hip.",
            "Known malignancy, staging.",
            "Worsening dyspnea on exertion.",
            "?PE",
            "Pre-operative assessment: knee replacement.",
            "Check position of nasogastric tube.",
        ),
        "history": (
            "Seventy-year-old retired miner.",
            "Asthma since childhood: uses two inhalers.",
            "Hypertension and atrial fibrillation, on apixaban.",
            "Had a lobectomy in 2009.",
            "Never smoked.",
            "Previous tuberculosis, treated.",
        ),
        "exam": (
            "Radiograph of the chest, AP",
            "CT THORAX WITH CONTRAST",
            "MRI of the left knee",
            "Chest X-ray, 1 view",
        ),
        "technique": (
            "Helical acquisition after 80 mL of iohexol.",
            "Slice thickness: 1 mm.",
            "One view, patient supine.",
            "T1, T2 and STIR sequences in three planes.",
        ),
        "comparison": (
            "Radiograph dated 2 May 2018.",
            "Outside study of 11/30/2017.",
            "There are no earlier images.",
            "Exam of yesterday, 18:20.",
        ),
        "findings": (
            "Both lungs are well expanded and free of focal disease.",
            "A 12 mm nodule lies in the left upper lobe: spiculated.",
            "The mediastinal contour is normal.",
            "Left side: small effusion.",
            "Bones: no destructive lesion.",
            "The endotracheal tube ends 4 cm above the carina.",
            "Measurement: 22 x 18 mm, previously 20 x 17 mm.",
            "Calcified granulomas at the right apex.",
            "Compared with the earlier film, the opacity is smaller.",
            "Summary measurements are given below.",
            "Clinical correlation of the rib changes: old injury likely.",
        ),
        "impression": (
            "Normal chest.",
            "Suspicious nodule in the left upper lobe: biopsy is advised.",
            "Unchanged since last year.",
            "Small left pleural effusion.",
            "Features of interstitial lung disease.",
        ),
        "recommendation": (
            "Low-dose CT in twelve months.",
            "Discuss at the multidisciplinary meeting: Thursday.",
            "Ultrasound-guided aspiration may be considered.",
        ),
        "vitals": ("BP 142/88, pulse 96, temp 37.9 C", "HR: 72. RR: 18. Sats: 97% on air"),
        "labs": ("Sodium 138, potassium 4.1.", "CRP: 84 mg/L.", "D-dimer: raised.", "Hemoglobin 13.2."),
        "hospital_course": (
            "Given intravenous diuretics with good effect.",
            "Physiotherapy was begun: she walked on day three.",
            "The chest drain came out on the fifth day.",
            "Blood cultures stayed sterile.",
        ),
        "medications": ("Bisoprolol 2.5 mg once a day", "Apixaban 5 mg: morning and evening", "Salbutamol as needed"),
        "allergies": ("Latex", "None known"),
        "diagnosis": ("Acute pulmonary embolism", "Exacerbation of asthma"),
        "plan": ("Home with community nursing.", "Clinic in six weeks: chest radiograph beforehand."),
    },
    physical=(
        "Appearance: tired",
        "Neck: supple",
        "Chest: wheeze throughout",
        "Cardiovascular: no added sounds",
        "Extremities: no oedema",
    ),
    organs=("AIRWAYS: Patent.", "AORTA: Not dilated.", "DIAPHRAGM: Intact.", "SPINE: Mild scoliosis.", "Hila: Normal."),
    addenda=(
        ("ADDENDUM: ", "A further nodule of 3 mm lies in the lingula. CONCLUSION: two nodules."),
        ("Addendum, dictated 11/30/2018 08:15: ", "The line has been withdrawn by 2 cm."),
        ("ADDENDUM REPORT:\n", "The referring team was telephoned."),
        ("--- Addendum ---\n", "Indication amended. There is a subtle rib fracture."),
    ),
    tops=("NORTHERN DISTRICT IMAGING\nReport of examination\n\n", "CT THORAX\n\n", ""),
    administrative="MRN: 778899\nExam date: 2 May 2018\n\n",
    ends=("\n\nReported by: B. Reader, 2 May 2018", "\n\nVerified by: B. Reader", "\n"),
    layouts={
        **LAYOUTS,
        "colon, tab": (lambda heading: f"{heading.upper()}:\t", LINES),
        "own line, gap": (lambda heading: f"{heading.upper()}:\n\n", BLOCK),
        "own line, indented": (lambda heading: f"{heading}:\n    ", LINES),
        "rules around": (lambda heading: f"=== {heading.upper()} ===\n", BLOCK),
        "underscores": (lambda heading: f"__{heading}:__ ", BLOCK),
    },
    discharge_layouts=("own line, gap", "title case, lines", "bold", "own line, title", "rules around"),
)
