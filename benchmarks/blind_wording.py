"""A third wording for composed reports, written without a look at the splitter, its tables or the held-out wording.

Headings, layouts and sign-offs are those of English-language reports of several countries; the usual headings are
repeated, and the usual layouts stand in several variants, so that they are drawn more often than the rare ones.
"""

from benchmarks.report_wordings import BLOCK, LINES, Layouts, Wording

_TELETYPE = "\n \n "
"""Between the sections of reports that keep the leading blank of a line printer."""


def _titled(heading: str) -> str:
    """Title case that leaves abbreviations alone."""
    return " ".join(word if word.isupper() else word.title() for word in heading.split())


_LAYOUTS: Layouts = {
    "capitals": (lambda heading: f"{heading.upper()}: ", BLOCK),
    "capitals, two spaces": (lambda heading: f"{heading.upper()}:  ", BLOCK),
    "capitals, teletype": (lambda heading: f"{heading.upper()}:  ", _TELETYPE),
    "capitals, one a line": (lambda heading: f"{heading.upper()}: ", LINES),
    "capitals, text below": (lambda heading: f"{heading.upper()}:\n", BLOCK),
    "capitals, text below, tight": (lambda heading: f"{heading.upper()}:\n", LINES),
    "capitals, text after a gap": (lambda heading: f"{heading.upper()}:\n\n", BLOCK),
    "capitals, Windows lines": (lambda heading: f"{heading.upper()}:\r\n", "\r\n\r\n"),
    "sentence case": (lambda heading: f"{heading}: ", BLOCK),
    "sentence case, one a line": (lambda heading: f"{heading}: ", LINES),
    "sentence case, text below": (lambda heading: f"{heading}:\n", BLOCK),
    "title case": (lambda heading: f"{_titled(heading)}: ", BLOCK),
    "title case, text below": (lambda heading: f"{_titled(heading)}:\n", BLOCK),
    "title case, teletype": (lambda heading: f"{_titled(heading)}:\n", "\n \n"),
    "title case, indented": (lambda heading: f"    {_titled(heading)}:\n      ", BLOCK),
    "colon after a space": (lambda heading: f"{heading.upper()} : ", LINES),
    "colon, no space": (lambda heading: f"{heading.upper()}:", LINES),
    "capitals alone": (lambda heading: f"{heading.upper()}\n", BLOCK),
    "sentence case alone": (lambda heading: f"{heading}\n", BLOCK),
    "capitals, run on": (lambda heading: f"{heading.upper()}: ", " "),
    "sentence case, run on": (lambda heading: f"{heading}: ", " "),
    "dash": (lambda heading: f"{heading} - ", LINES),
    "bold": (lambda heading: f"**{heading}:** ", BLOCK),
    "bold, text below": (lambda heading: f"**{heading}**\n\n", BLOCK),
}

BLIND = Wording(
    headings={
        "exam": (
            *(("Exam",) * 2 + ("Examination",) * 3),
            *("Exam description", "Type of examination", "Examination performed"),
        ),
        "indication": (
            *(("Indication",) * 5 + ("Clinical indication",) * 2 + ("Reason for exam",) * 2),
            *("Reason for examination", "Reason for this examination", "Reason for study", "Reason for request"),
            *("Clinical question", "Indication for study"),
        ),
        "history": (
            *(("History", "Clinical history") * 3 + ("Clinical information", "Clinical details") * 2),
            *("Clinical notes", "Clinical data", "Patient history", "Relevant history"),
            "Relevant clinical information",
        ),
        "technique": (
            *(("Technique",) * 6),
            *("Protocol", "CT technique", "Imaging technique", "Scan technique", "Procedure comments", "Contrast"),
        ),
        "comparison": (
            *(("Comparison",) * 6),
            *("Comparisons", "Comparison study", "Comparison exams", "Compared with", "Prior exams"),
            *("Previous studies", "Previous imaging"),
        ),
        "findings": (
            *(("Findings",) * 8 + ("Report",) * 2),
            *("Observations", "Finding", "Imaging findings", "Chest findings", "Narrative"),
        ),
        "impression": (
            *(("Impression",) * 7 + ("Conclusion",) * 2),
            *("Opinion", "Comment", "Summary", "Impressions", "Final impression", "Interpretation"),
            "Impression and recommendations",
        ),
        "recommendation": (
            *(("Recommendation", "Recommendations") * 2),
            *("Recommendation(s)", "Advice", "Follow-up recommendations", "Suggested follow-up"),
        ),
    },
    unheard_of={"findings": "Image review", "impression": "Bottom line", "comparison": "Correlated with"},
    discharge={
        "allergies": (
            *(("Allergies",) * 4),
            *("Drug allergies", "Allergies and intolerances", "Allergies / Adverse Drug Reactions"),
        ),
        "indication": (
            *(("Chief Complaint",) * 3),
            *("Chief complaint", "CC", "Presenting complaint", "Reason for admission", "Reason for Visit"),
        ),
        "history": (
            *(("History of Present Illness", "Past Medical History") * 2 + ("HPI", "PMH")),
            *("History of present illness", "Past medical history", "History of presenting complaint"),
            *("Past Surgical History", "Social History", "Family History", "Background"),
        ),
        "vitals": (*(("Vital Signs", "Vitals") * 2), "Vital signs", "VS", "Triage vitals", "Admission Vitals"),
        "exam": (
            *(("Physical Exam",) * 2 + ("Physical Examination", "Physical examination")),
            *("Exam", "PE", "On examination", "Examination", "Admission Physical Exam"),
        ),
        "labs": (
            *(("Pertinent Results", "Labs") * 2),
            *("Laboratory data", "Lab results", "Laboratory results", "Admission Labs"),
            *("Investigations", "Blood results"),
        ),
        "hospital_course": (
            *(("Brief Hospital Course",) * 2 + ("Hospital Course", "Hospital course")),
            *("Course in hospital", "ED Course", "Hospital course by problem", "Summary of hospital course"),
        ),
        "assessment": (*(("Assessment",) * 2), "Assessment and Plan", "Assessment/Plan", "A/P", "Assessment & Plan"),
        "medications": (
            *(("Discharge Medications",) * 2 + ("Medications on Admission", "Discharge medications")),
            *("Home Medications", "Current Medications", "Medications", "Meds", "Regular medications"),
            *("Medications prior to admission", "Medications at discharge"),
        ),
        "diagnosis": (
            *(("Discharge Diagnosis",) * 2 + ("Discharge Diagnoses", "Principal Diagnosis")),
            *("Primary diagnosis", "Final Diagnosis", "Diagnosis", "Admitting Diagnosis"),
        ),
        "plan": (*(("Plan",) * 3), "Discharge Plan", "Follow-up", "Follow up plan"),
        "instructions": (*(("Discharge Instructions",) * 2), "Followup Instructions"),
    },
    sentences={
        "exam": (
            "CHEST (PORTABLE AP)",
            "XR CHEST 2 VIEWS",
            "CT ANGIOGRAPHY CHEST WITH IV CONTRAST",
            "X-ray chest PA view",
            "Chest radiograph, frontal and lateral, 3/14/2019 9:41 AM",
            "HRCT thorax",
            "CR CHEST 1 VIEW 71045",
        ),
        "indication": (
            "___F with productive cough, evaluate for infiltrate.",
            "?pneumonia ?effusion.",
            "Hypoxia after extubation, please assess.",
            "___ year old woman with new NG tube // confirm placement.",
            "Chest pain, r/o pneumothorax.",
            "Query PE: raised D-dimer, tachycardic.",
            "Pre-operative assessment.",
            "Persistent cough > 3 weeks, ex-smoker.",
            "Interval change?",
            "MVC, restrained driver.",
        ),
        "history": (
            "72 y/o male with CHF and CKD stage 3.",
            "Past history of pulmonary TB, treated in 2009.",
            "Ex-smoker: 40 pack years, stopped 2011.",
            "S/P right upper lobectomy.",
            "Presented to the ED at 02:30 with worsening dyspnea and orthopnea.",
            "Known case of rheumatoid arthritis on methotrexate.",
            "ESRD on HD (Mon/Wed/Fri).",
            "Past medical problems include hypertension, type 2 diabetes and gout.",
            "He denies chest pain, hemoptysis or recent travel.",
            "The patient was seen at an outside hospital two days ago and given azithromycin.",
            "Recent exam by her GP was unremarkable.",
        ),
        "technique": (
            "Frontal and lateral chest radiographs were obtained.",
            "Helical CT of the thorax after 75 mL of Omnipaque 350, with coronal and sagittal reformats.",
            "DLP: 312 mGy-cm.",
            "Non-contrast images from the lung apices to the adrenals at 1.5 mm.",
            "AP semi-upright portable view at 05:42.",
            "Dose reduction: automated exposure control was used.",
        ),
        "comparison": (
            "None available.",
            "Chest radiograph dated ___.",
            "CT chest 11/2/2018 and PET-CT 6/20/2018.",
            "Chest X-ray of 12 May 2021, 08:15.",
            "Multiple prior chest radiographs, most recently from yesterday at 4:12 a.m.",
            "No previous imaging for comparison.",
            "Outside study from 2017; report not available.",
        ),
        "findings": (
            "PA and lateral views of the chest provided.",
            "Lungs are hyperinflated with flattened hemidiaphragms.",
            "In comparison with the study of ___, there is little overall change.",
            "The cardiomediastinal silhouette is within normal limits.",
            "ET tube: tip 4.2 cm above the carina.",
            "Series 4, image 112: 6 x 5 mm solid nodule in the left upper lobe.",
            "Patchy consolidation in the lingula with air bronchograms.",
            "Small bilateral pleural effusions, right greater than left, with adjacent atelectasis.",
            "Cardiothoracic ratio measures 0.56 (previously 0.52).",
            "Incidental note is made of a small hiatus hernia.",
            "Right paratracheal node measures 14 mm in short axis, previously: 11 mm.",
            "Technique is limited by patient rotation and motion.",
            "Sternotomy wires and clips reflect the history of bypass surgery.",
            "The aortic arch leaves an impression on the oesophagus.",
            "Old healed fractures of the left 6th and 7th ribs.",
            "There is no focal airspace disease, pneumothorax or free air below the diaphragm.",
            "Pulmonary arteries: no filling defect to the subsegmental level.",
        ),
        "impression": (
            "No radiographic evidence of acute cardiopulmonary disease.",
            "Lingular consolidation, in keeping with pneumonia in the right clinical setting.",
            "Interval worsening of interstitial pulmonary oedema.",
            "Lines and tubes as described above.",
            "Findings discussed with Dr. ___ by telephone at 10:15 AM on 3/2/2019, 5 minutes after discovery.",
            "Solitary nodule: see Fleischner guidelines.",
            "Findings suggestive of active granulomatous infection; sputum AFB advised.",
            "No PE.",
            "Cardiomegaly with mild vascular congestion, similar to prior.",
            "Compared to the prior exam, the left effusion is smaller.",
        ),
        "recommendation": (
            "Follow-up chest radiograph in 6 weeks to document resolution.",
            "CT chest in 12 months if high risk: otherwise no routine follow-up.",
            "Suggest clinical and laboratory correlation.",
            "Referral to the respiratory team is suggested.",
            "Advancing the tube by 3 cm is recommended.",
        ),
        "allergies": (
            "NKDA",
            "Sulfa (Sulfonamide Antibiotics)",
            "Penicillin: rash",
            "Nil known",
            "Codeine - nausea; latex",
        ),
        "vitals": (
            "T 101.2 BP 98/54 HR 118 RR 24 SpO2 88% RA",
            "Temp: 37.2 C, pulse: 84, resp: 18, BP: 132/76, O2 sat: 97% on 2L NC",
            "98.4 112/70 72 16 99RA",
            "BP 145/90 mmHg, HR 92 bpm, afebrile",
        ),
        "labs": (
            "___ 06:10AM BLOOD WBC-8.1 RBC-3.99* Hgb-12.2 Hct-36.5 Plt ___",
            "___ 06:10AM BLOOD Glucose-104 UreaN-22* Creat-1.3* Na-138 K-4.1",
            "CRP 124, lactate 2.1, troponin <0.01.",
            "Blood cultures: no growth at 48 hours.",
            "Sputum: mixed respiratory flora.",
            "BNP 1,240 pg/mL on arrival.",
        ),
        "hospital_course": (
            "# Hypoxic respiratory failure: likely due to pneumonia, weaned to room air by day 3.",
            "The patient was admitted to the medical service and started on IV ceftriaxone and azithromycin.",
            "# CHF: diuresed with IV furosemide, net negative 4 L.",
            "Physical therapy saw the patient and cleared her for home.",
            "Home lisinopril was held in the setting of AKI and restarted before discharge.",
            "A repeat chest x-ray on ___ showed improvement.",
            "At 21:40 on the second day he became hypotensive and received 2 L of fluid.",
        ),
        "assessment": (
            "68M with COPD presenting with dyspnea, likely an exacerbation triggered by infection.",
            "Sepsis secondary to pulmonary source: improving.",
            "Low suspicion for ACS given negative troponins x2.",
            "Continue steroids and nebulisers.",
        ),
        "medications": (
            "1. Furosemide 40 mg PO DAILY",
            "2. Albuterol Inhaler 2 PUFF IH Q6H:PRN wheeze",
            "Atorvastatin 20 mg nocte",
            "Apixaban 5 mg PO BID",
            "Prednisone 40 mg daily x 5 days, then stop",
            "Amoxicillin 500 mg tds (new: complete 5 more days)",
        ),
        "diagnosis": (
            "Acute on chronic diastolic heart failure",
            "Community acquired pneumonia, right lower lobe",
            "COPD exacerbation",
            "Pulmonary embolism: provoked",
            "Hypertension",
        ),
        "plan": (
            "GP to repeat U&Es in 1 week please.",
            "Outpatient echocardiogram to be arranged.",
            "Chest clinic in 6 weeks with repeat X-ray.",
        ),
        "instructions": (
            "Weigh yourself every morning, call MD if weight goes up more than 3 lbs.",
            "Return to the ED if worse: fever, chest pain or breathlessness.",
            "You were admitted with pneumonia and treated with antibiotics.",
        ),
    },
    physical=(
        "GENERAL: NAD, sitting up in bed",
        "HEENT: NC/AT, MMM, sclerae anicteric",
        "NECK: supple, JVP 10 cm",
        "CARDIAC: RRR, S1/S2, no murmurs",
        "LUNGS: bibasilar crackles, no wheeze",
        "Chest: dull to percussion at the left base",
        "ABDOMEN: soft, NT/ND, +BS",
        "EXTREMITIES: 1+ pitting edema to the shins",
        "Neuro: A&Ox3, moving all 4 extremities",
        "SKIN: warm, no rashes",
    ),
    organs=(
        "Lungs and pleura: No consolidation or effusion.",
        "LUNGS/AIRWAYS: Central airways patent. Mild emphysema.",
        "Heart and mediastinum: Normal heart size. No adenopathy.",
        "CARDIOVASCULAR: Coronary calcification, aorta 3.4 cm.",
        "Lines/tubes: Right IJ line with tip in the SVC.",
        "Bones and soft tissues: No destructive lesion.",
        "UPPER ABDOMEN: Cholelithiasis, partly imaged.",
        "Thyroid: Unremarkable for age.",
        "Support devices: Dual-lead pacemaker, leads intact.",
        "OSSEOUS STRUCTURES: Multilevel degenerative change.",
    ),
    addenda=(
        ("ADDENDUM: ", "On further review there is a subtle fracture of the right 5th rib."),
        ("Addendum:\n", "Prior outside CT is now available. The nodule is unchanged since 2016."),
        ("ADDENDUM  ", "The wet read was called to Dr. ___ at 7:20 p.m."),
        (
            "Addendum by Dr A Reader, 12/05/2021 14:30:\n",
            "The side stated should read left. The report is otherwise unchanged.",
        ),
        ("***ADDENDUM***\n", "Correlation with MRI.\nIMPRESSION: Probable haemangioma of T8."),
        ("ADDENDUM #1\n", "A small apical pneumothorax is present in retrospect."),
    ),
    tops=(
        *(("",) * 5),
        "RIVERSIDE GENERAL HOSPITAL\nDEPARTMENT OF DIAGNOSTIC IMAGING\n\n",
        "Northgate NHS Foundation Trust\nRadiology Department\n\n",
        "Lakeview Diagnostics Pvt. Ltd.\n12 Station Road\n\n",
    ),
    administrative=(
        "FINAL REPORT\nPatient Name: ___\nMRN: 00417723\nDOB: 03/04/1956\nAccession Number: CR190314-0042\n"
        "Exam Date: 03/14/2019 09:41\nReferring Physician: ___\n\n"
    ),
    ends=(
        *(("\n",) * 3),
        "\n\nElectronically signed by: A. Reader, MD on 3/14/2019 10:22 AM",
        "\n\nDictated by: A. Reader, M.D.\nTranscribed by: LK\nSigned by: B. Reader, M.D.",
        "\n\nReported by: Dr A Reader, Consultant Radiologist, GMC 1234567",
        "\n\nDr. A. Reader\nConsultant Radiologist",
        "\n\nI have personally reviewed the images for this examination and agree with the report above.",
        "\n\nThis report was electronically signed and approved by A. Reader MD",
        "\n\nVerified by: Dr. A. Reader, MD (Radiodiagnosis)",
    ),
    layouts=_LAYOUTS,
    discharge_layouts=(
        *("title case, text below", "title case, teletype", "title case, teletype", "sentence case, text below"),
        *("sentence case", "sentence case, one a line", "capitals", "capitals, text below", "sentence case alone"),
        *("title case", "bold, text below"),
    ),
)
"""What the splitter is only measured on."""
