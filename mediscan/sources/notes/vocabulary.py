"""The phrases that head sections in English radiology reports and clinical notes; a section is named by its key.

How far a section reaches that no other heading ends: a `LINE`, a `PARAGRAPH`, or to the end (`OPEN`).
"""


def phrases(table: str) -> list[str]:
    """The entries of a table's text."""
    return [" ".join(phrase.split()) for phrase in table.split(";")]


PARAGRAPH = {
    "indication": """
        indication; indications; clinical indication; clinical indications; indication for exam; indication for
        examination; indication for study; indication for procedure; reason; reason for exam; reason for
        examination; reason for this exam; reason for this examination; reason for study; reason for the study;
        reason for visit; reason for request; reason for referral; reason for consult; reason for consultation;
        reason for test; reason for procedure; reason for order; reason for imaging; exam reason; exam indication;
        study indication; ordering indication; clinical question; question; clinical problem; underlying medical
        condition; medical condition; admitting diagnosis; admission diagnosis; referral diagnosis; ordering
        diagnosis; ind; chief complaint; presenting complaint; presenting problem; cc; symptoms; presentation;
        clinical presentation; request; clinical request
    """,
    "history": """
        history; clinical history; patient history; brief history; brief clinical history; relevant history;
        pertinent history; relevant clinical history; pertinent clinical history; clinical information; clinical
        info; clinical data; clinical details; clinical context; clinical background; clinical note; clinical notes;
        clinical summary; clinical statement; background; hx; clinical hx; history and indication; history provided;
        provided history; patient information; relevant clinical information
    """,
    "exam": """
        exam; exams; examination; examinations; exam type; type of exam; type of examination; examination type; exam
        performed; examination performed; exam name; exam description; exam requested; examination requested
    """,
    "vitals": "vitals; vital signs; vs; vital signs on admission; admission vitals; initial vitals; triage vitals; obs",
    "technique": """
        technique; techniques; procedure and technique; imaging technique; scan technique; exam technique;
        examination technique; protocol; imaging protocol; method; methods; procedure comments; technical quality
    """,
    "comparison": """
        comparison; comparisons; comparison study; comparison studies; comparison exam; comparison exams; comparison
        examination; comparison film; comparison films; compared to; compared with; comp; prior studies; prior
        study; prior exam; prior exams; prior examinations; prior imaging; previous studies; previous study;
        previous examination; previous imaging; prior films; correlation; relevant prior studies
    """,
    "procedure": """
        procedure; procedures; study; study type; study performed; procedure performed; procedure description;
        procedures performed; major surgical or invasive procedure; major surgical procedures; operation; exam
        procedure
    """,
    "allergies": "allergies; allergy; drug allergies; allergies and adverse reactions; medication allergies",
}
OPEN = {
    "history": """
        history of present illness; history of the present illness; history of presenting illness; history of
        presenting complaint; hpi; hopi; interval history; interim history; subjective; past medical history; past
        history; medical history; pmh; pmhx; past medical and surgical history; past surgical history; surgical
        history; psh; pshx; past psychiatric history; past ocular history; obstetric history; social history; sh;
        shx; family history; fh; fhx; family medical history; family and social history; social and family history;
        review of systems; ros; past oncologic history; oncologic history; oncology history; cardiac history; risk
        factors; cardiac risk factors; history and physical; smoking history; travel history; occupational history
    """,
    "exam": """
        physical exam; physical examination; physical; physical exam on admission; physical examination on
        admission; physical exam on discharge; admission physical exam; discharge physical exam; admission exam;
        discharge exam; exam on admission; exam on discharge; pe; objective; clinical exam; clinical examination; on
        examination; neurologic exam; neurological exam; neurological examination; physical findings
    """,
    "findings": """
        findings; finding; report; body of report; radiographic findings; ct findings; mri findings; x-ray findings;
        chest findings; imaging findings; observations; observation; results; result; description; discussion;
        detailed findings; interpretation and findings
    """,
    "impression": """
        impression; impressions; imp; conclusion; conclusions; concl; opinion; interpretation; interpretations;
        reading; summary; final impression; final diagnosis; radiological diagnosis; radiologic diagnosis;
        diagnostic impression; preliminary impression; comment; comments; overall impression; bottom line; summary
        of findings; overread; attending overread
    """,
    "diagnosis": """
        diagnosis; diagnoses; dx; discharge diagnosis; discharge diagnoses; primary diagnosis; primary diagnoses;
        secondary diagnosis; secondary diagnoses; principal diagnosis; differential diagnosis; ddx; differential;
        working diagnosis; final diagnoses; problem list; active problems; discharge condition
    """,
    "medications": """
        medications; medication; meds; current medications; home medications; home meds; medications prior to
        admission; medications on admission; admission medications; discharge medications; medications on discharge;
        medications at home; outpatient medications; preadmission medications; the preadmission medication list is
        accurate and complete; medication list; current meds; drug history; rx; inpatient medications; treatment
    """,
    "labs": """
        labs; lab; laboratory; laboratory data; laboratory results; laboratory studies; laboratory findings; lab
        results; lab data; pertinent results; pertinent labs; admission labs; discharge labs; labs on admission;
        labs on discharge; other pertinent labs; microbiology; micro; data; tests; investigations; bloods;
        pathology; pertinent data
    """,
    "imaging": """
        imaging; imaging studies; radiology; studies; cxr; chest x-ray; chest xray; chest radiograph; chest ct; ct
        chest; ct; ct head; ct abdomen; mri; mri brain; ultrasound; us; echo; echocardiogram; tte; ekg; ecg; x-ray;
        xray; radiograph; radiographs; radiographic studies; imaging results; radiology results; reports; other
        studies
    """,
    "hospital_course": """
        hospital course; brief hospital course; summary of hospital course; hospital course by problem; hospital
        course by system; course in hospital; course; ed course; emergency department course; clinical course; brief
        hospital course by problem; icu course; acute issues; chronic issues; transitional issues
    """,
    "assessment": """
        assessment; a/p; a&p; ap; assessment and plan; assessment & plan; assessment/plan
    """,
    "plan": """
        plan; plans; treatment plan; plan of care; care plan; disposition; discharge disposition; follow-up; follow
        up; followup; follow-up plan; dispo
    """,
    "recommendation": """
        recommendation; recommendations; recs; recommend; suggestion; suggestions; advice; management; follow-up
        recommendation; follow-up recommendations
    """,
    "instructions": """
        discharge instructions; followup instructions; follow-up instructions; follow up instructions; instructions;
        patient instructions
    """,
    "notification": "notification; notifications; communication; critical results; critical result; critical findings",
    "preliminary_read": """
        wet read; preliminary report; preliminary read; preliminary; prelim; preliminary findings; preliminary
        interpretation; resident read; wet reading; preliminary reading
    """,
    "note": """
        narrative; final report; original report; end of addendum; end of impression; end of report; addendum ends;
        final; radiology report; report text; discharge summary; progress note; end of wet read
    """,
}
LINE = {
    "administrative": """
        accession; accession number; accession no; mrn; medical record number; patient; patient name; name; patient
        id; unit no; date of birth; dob; birthdate; sex; gender; age; service; attending; attending physician;
        ordering physician; ordering provider; referring physician; referring provider; requesting physician;
        location; facility; institution; hospital; department; admission date; date of admission; discharge date;
        date of discharge; date of exam; date of examination; date of study; exam date; examination date; study
        date; date; date of service; date of procedure; exam date and time; exam time; time; report date; date of
        report; report status; status; visit number; order number; page; priority; note date; note time
    """,
    "signature": """
        dictated by; dictated; dictated on; dictation date; transcribed by; transcribed; transcribed on;
        transcription date; signed by; signed; signed on; electronically signed by; electronically signed;
        electronically signed on; electronically verified by; verified by; verified; verified on; approved by;
        approved; reported by; reported; reported on; read by; interpreted by; finalized by; finalized; finalized
        on; finalised on; radiologist; reporting radiologist; attending radiologist; resident; reviewed by;
        authenticated by; report electronically signed by
    """,
}

SUBHEADINGS = {
    "exam": """
        gen; general; constitutional; appearance; heent; head; eyes; ears; nose; throat; mouth; neck; cv; cvs;
        cardiac; cardiovascular; cor; heart; lungs; lung; pulm; pulmonary; resp; respiratory; chest; abd; abdomen;
        abdominal; gi; gu; ext; extr; extremities; neuro; neurologic; neurological; skin; psych; psychiatric; msk;
        musculoskeletal; back; spine; rectal; lymph; lymphatic; nodes; vascular; pulses; vitals; vs; breast;
        breasts; pelvic; mental
    """,
    "vitals": """
        t; temp; temperature; tmax; tm; tc; bp; hr; p; pulse; rr; r; resp; respirations; sao2; spo2; sat; sats; o2;
        o2sat; weight; wt; height; ht; bmi; pain; fio2; gcs; heart rate; blood pressure; oxygen saturation;
        respiratory rate
    """,
    "technique": "contrast; dose; radiation dose; views; number of views; projection; sequences; kv; mas; ctdi; dlp",
}
TELLING = frozenset(
    phrases(
        """findings; finding; observation; observations; impression; impressions; conclusion; conclusions; opinion;
        interpretation; recommendation; recommendations; technique; comparison; comparisons; medications; diagnosis;
        diagnoses; ct; mri; cxr; x-ray; xray; radiograph; radiographs; ultrasound; echocardiogram"""
    )
)
