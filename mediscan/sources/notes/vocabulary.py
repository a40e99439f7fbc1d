"""The phrases that head sections in English radiology reports and clinical notes; a section is named by its key.

How far a section reaches that no other heading ends: a `LINE`, a `PARAGRAPH`, or to the end (`OPEN`).
"""


def phrases(table: str) -> list[str]:
    """The entries of a table's text."""
    return [" ".join(phrase.split()) for phrase in table.split(";")]


PARAGRAPH = {
    "indication": """
        indication; indications; clinical indication; clinical indications; indication for exam; indication for
        examination; indication for study; indication for procedure; reason; reason for exam; reason for examination;
        reason for this exam; reason for this examination; reason for study; reason for the study; reason for visit;
        reason for request; reason for referral; reason for consult; reason for consultation; reason for test; reason
        for procedure; reason for order; reason for imaging; exam reason; exam indication; study indication; ordering
        indication; clinical question; question; clinical problem; underlying medical condition; medical condition;
        admitting diagnosis; admission diagnosis; referral diagnosis; ordering diagnosis; ind; chief complaint;
        presenting complaint; presenting problem; cc; symptoms; presentation; clinical presentation; request; clinical
        request; referral reason; reasons for exam; reason for scan; reason for ct; reason for mri; reason for
        ultrasound; reason for admission; reason for hospitalization; reason for hospitalisation; reason for
        presentation; reason for attendance; reason for investigation; reason for evaluation; clin indication; ind for
        exam; rfe; complaint; complaints; presenting complaints; chief complaints; chief concern; presenting symptoms;
        symptom; c/o; complaining of; clinical query; query; clinical suspicion; clinical concern; referral question;
        question to be answered; diagnosis on admission; referral; referral information; referral details; request
        details; signs and symptoms; reason exam; exam reasons; purpose of exam; purpose of examination; purpose of
        study; objective of study
    """,
    "history": """
        history; clinical history; patient history; brief history; brief clinical history; relevant history; pertinent
        history; relevant clinical history; pertinent clinical history; clinical information; clinical info; clinical
        data; clinical details; clinical context; clinical background; clinical note; clinical notes; clinical
        summary; clinical statement; background; hx; clinical hx; history and indication; history provided; provided
        history; patient information; relevant clinical information; clin history; clin hx; clin details; clin info;
        clinical particulars; case history; history summary; clinical picture; clinical setting; clinical scenario;
        known history; given history; h/o; history given; history per requisition; clinical notes provided;
        requisition history; relevant background; anamnesis; previous history; relevant past history; surgical hx;
        medical hx; brief clinical summary
    """,
    "exam": """
        exam; exams; examination; examinations; exam type; type of exam; type of examination; examination type; exam
        performed; examination performed; exam name; exam description; exam requested; examination requested;
        examination name; examination description; exam title; examination title; name of examination; name of exam;
        name of study; study description; study name; study title; study requested; exam ordered; type of study; exams
        performed; modality; study; study type; study performed
    """,
    "vitals": """
        vitals; vital signs; vs; vital signs on admission; admission vitals; initial vitals; triage vitals; obs; vital
        signs on arrival; vitals on arrival; vitals on admission; vital parameters; vital signs at presentation;
        observations on admission; observations on arrival; admission observations; discharge vitals; vital signs on
        discharge; bedside observations
    """,
    "technique": """
        technique; techniques; procedure and technique; imaging technique; scan technique; exam technique; examination
        technique; protocol; imaging protocol; method; methods; procedure comments; technical quality; acquisition
        technique; acquisition; acquisition protocol; scan protocol; scanning technique; scanning protocol; ct
        technique; mri technique; mr technique; technical factors; technical details; technical information; technical
        parameters; technical note; technical notes; scan parameters; study technique; contrast agent; contrast media;
        contrast medium; contrast administered; radiopharmaceutical; radiotracer; pulse sequences; imaging sequences;
        mri sequences; views obtained; views acquired; methodology; image quality; study quality; quality of study;
        radiation dose; dose report; sequences obtained; sequences acquired; radiographic technique
    """,
    "comparison": """
        comparison; comparisons; comparison study; comparison studies; comparison exam; comparison exams; comparison
        examination; comparison film; comparison films; compared to; compared with; comp; prior studies; prior study;
        prior exam; prior exams; prior examinations; prior imaging; previous studies; previous study; previous
        examination; previous imaging; prior films; correlation; relevant prior studies; priors; previous exam;
        previous exams; previous examinations; previous films; previous images; previous scans; previous scan; prior
        scans; prior images; prior radiographs; prior reports; previous reports; prior ct; prior mri; comparison made;
        comparison made with; comparison imaging; comparison scan; comparison images; comparison is made with;
        comparison is made to; comparison with; comparison to; in comparison with; in comparison to; comparisons made;
        comparative studies; comparative imaging; correlative imaging; correlative studies; available priors; relevant
        priors; relevant prior imaging; relevant previous imaging; relevant previous studies; studies for comparison;
        films for comparison; available for comparison; reference study; comp study; earlier studies; earlier imaging;
        earlier examinations; old films; other imaging; other imaging available; imaging for comparison
    """,
    "procedure": """
        procedure; procedures; procedure performed; procedure description;
        procedures performed; major surgical or invasive procedure; major surgical procedures; operation; exam
        procedure; operations; operative procedure; operative procedures; surgical procedures; operations and
        procedures; invasive procedures; procedures during admission; interventions; operation performed; procedure
        name
    """,
    "allergies": """
        allergies; allergy; drug allergies; allergies and adverse reactions; medication allergies; allergies and
        intolerances; allergic to; known allergies; adverse drug reactions; allergies and sensitivities; allergy
        status; drug sensitivities; adverse reactions; drug intolerances
    """,
}
OPEN = {
    "history": """
        history of present illness; history of the present illness; history of presenting illness; history of
        presenting complaint; hpi; hopi; interval history; interim history; subjective; past medical history; past
        history; medical history; pmh; pmhx; past medical and surgical history; past surgical history; surgical
        history; psh; pshx; past psychiatric history; past ocular history; obstetric history; social history; sh; shx;
        family history; fh; fhx; family medical history; family and social history; social and family history; review
        of systems; ros; past oncologic history; oncologic history; oncology history; cardiac history; risk factors;
        cardiac risk factors; history and physical; smoking history; travel history; occupational history; history of
        presenting problem; history of presenting complaints; history of current illness; present illness; history of
        present complaint; presenting history; hx of present illness; past illnesses; past medical hx; pmh and psh;
        other past history; significant past history; comorbidities; co-morbidities; chronic conditions; background
        history; past history of note; personal history; treatment history; systems review; systemic enquiry; systems
        enquiry; systemic inquiry; system review; menstrual history; gynecologic history; gynaecological history;
        developmental history; immunization history; birth history; psychiatric history; past obstetric history;
        obstetrical history; substance use; social hx; family hx; functional history; psychosocial history; medical
        background; past medical problems; previous medical history; previous surgical history; prior medical history;
        prior surgical history; previous operations; social circumstances
    """,
    "exam": """
        physical exam; physical examination; physical; physical exam on admission; physical examination on admission;
        physical exam on discharge; admission physical exam; discharge physical exam; admission exam; discharge exam;
        exam on admission; exam on discharge; pe; objective; clinical exam; clinical examination; on examination;
        neurologic exam; neurological exam; neurological examination; physical findings; o/e; on exam; examination on
        admission; examination at admission; general examination; systemic examination; local examination; general
        physical examination; physical exam at admission; physical exam on presentation; physical examination on
        presentation; physical examination on arrival; physical examination on discharge; physical exam on arrival;
        exam on presentation; exam on arrival; examination on arrival; examination on discharge; p/e; physical
        assessment; clinical examination on admission; mental status exam; mental status examination; cns examination;
        cardiovascular examination; respiratory examination; abdominal examination; admission examination; discharge
        examination
    """,
    "findings": """
        findings; finding; report; narrative; body of report; radiographic findings; ct findings; mri findings; x-ray
        findings; chest findings; imaging findings; observations; observation; results; result; description;
        discussion; detailed findings; interpretation and findings; description of findings; report of findings;
        report body; main report; ultrasound findings; sonographic findings; mammographic findings; scintigraphic
        findings; pet findings; pet/ct findings; mr findings; radiological findings; radiologic findings; cxr
        findings; usg findings; us findings; study findings; study results; exam results; examination results;
        examination findings; exam findings; radiological description; radiographic description; descriptive report;
        image findings; image description; imaging description; imaging observations; imaging appearances;
        radiographic appearances; report findings; procedure findings; operative findings; interpretation of images;
        image interpretation; clinical findings
    """,
    "impression": """
        impression; impressions; imp; conclusion; conclusions; concl; opinion; interpretation; interpretations;
        reading; summary; final impression; final diagnosis; radiological diagnosis; radiologic diagnosis; diagnostic
        impression; preliminary impression; comment; comments; overall impression; bottom line; summary of findings;
        overread; attending overread; in summary; in conclusion; to conclude; to summarise; to summarize; summary
        impression; summary and conclusion; report summary; report conclusion; concluding remarks; radiologist's
        impression; radiologist impression; radiologist's opinion; radiologist opinion; reporter's opinion;
        radiological impression; radiologic impression; radiographic impression; radiological opinion; radiological
        conclusion; radiographic diagnosis; imaging diagnosis; imaging impression; ct diagnosis; ct impression; mri
        impression; ultrasound impression; us impression; clinical impression; diagnostic opinion; diagnostic
        conclusion; diagnostic interpretation; diagnostic summary; overall assessment; overall conclusion; overall
        opinion; final conclusion; final interpretation; final read; final reading; final opinion; final assessment;
        impr; bi-rads; birads; bi-rads category; birads category; bi-rads assessment; assessment category; bi-rads
        final assessment; li-rads; lung-rads; pi-rads; ti-rads; inference; synopsis; remarks
    """,
    "diagnosis": """
        diagnosis; diagnoses; dx; discharge diagnosis; discharge diagnoses; primary diagnosis; primary diagnoses;
        secondary diagnosis; secondary diagnoses; principal diagnosis; differential diagnosis; ddx; differential;
        working diagnosis; final diagnoses; problem list; active problems; discharge condition; condition on
        discharge; condition at discharge; diagnosis on discharge; diagnoses on discharge; diagnosis at discharge;
        final discharge diagnosis; principal discharge diagnosis; principal diagnoses; primary discharge diagnosis;
        secondary discharge diagnosis; secondary discharge diagnoses; other diagnoses; additional diagnoses; hospital
        diagnoses; postoperative diagnosis; post-operative diagnosis; post-op diagnosis; preoperative diagnosis;
        pre-operative diagnosis; pre-op diagnosis; clinical diagnosis; provisional diagnosis; provisional clinical
        diagnosis; known diagnosis; pathological diagnosis; primary diagnostic code; secondary diagnostic code;
        diagnostic code; problems; main diagnosis; main diagnoses; current diagnosis; active issues; active diagnoses
    """,
    "medications": """
        medications; medication; meds; current medications; home medications; home meds; medications prior to
        admission; medications on admission; admission medications; discharge medications; medications on discharge;
        medications at home; outpatient medications; preadmission medications; the preadmission medication list is
        accurate and complete; medication list; current meds; drug history; rx; inpatient medications; treatment; meds
        on admission; meds on discharge; meds at home; medication on admission; medication on discharge; discharge
        meds; admission meds; medications on transfer; medication history; regular medications; regular medication;
        current medication; prescribed medications; current drugs; drugs on admission; drugs on discharge; drug chart;
        dhx; medication reconciliation; medications list; medications changed; new medications; stopped medications;
        medications stopped; treatment given; treatment received; treatment on discharge; prescription; prescriptions;
        tto; ttos
    """,
    "labs": """
        labs; lab; laboratory; laboratory data; laboratory results; laboratory studies; laboratory findings; lab
        results; lab data; pertinent results; pertinent labs; admission labs; discharge labs; labs on admission; labs
        on discharge; other pertinent labs; microbiology; micro; data; tests; investigations; bloods; pathology;
        pertinent data; laboratory tests; laboratory investigations; lab tests; lab findings; blood tests;
        blood results; blood work; bloodwork; biochemistry; haematology; hematology; results of investigations;
        investigation results; relevant investigations; key investigations; laboratory values; recent labs; pertinent
        laboratory data; pertinent laboratory results; admission laboratory data; urinalysis; abg; histopathology;
        cytology; tests performed; relevant results; diagnostic data
    """,
    "imaging": """
        imaging; imaging studies; radiology; studies; cxr; chest x-ray; chest xray; chest radiograph; chest ct; ct
        chest; ct; ct head; ct abdomen; mri; mri brain; ultrasound; us; echo; echocardiogram; tte; ekg; ecg; x-ray;
        xray; radiograph; radiographs; radiographic studies; imaging results; radiology results; reports; other
        studies; ct abdomen and pelvis; ct chest abdomen pelvis; cta; cta chest; ctpa; mra; mri spine; chest film; cxr
        pa; portable cxr; imaging performed; imaging reports; radiology reports; diagnostic imaging; relevant
        radiology; relevant imaging; pertinent imaging; radiological investigations; radiology studies; diagnostic
        studies; recent imaging; ultrasound abdomen; abdominal ultrasound; abdominal ct; head ct; ct angiography;
        pet/ct; pet-ct; pet ct; bone scan; doppler; eeg; endoscopy; colonoscopy; bronchoscopy; kub; axr; mammogram;
        mammography
    """,
    "hospital_course": """
        hospital course; brief hospital course; summary of hospital course; hospital course by problem; hospital
        course by system; course in hospital; course; ed course; emergency department course; clinical course; brief
        hospital course by problem; icu course; acute issues; chronic issues; transitional issues; hospital stay;
        in-hospital course; inpatient course; course during admission; course during hospitalization; course during
        stay; course in the hospital; course in ed; clinical progress; progress; progress in hospital; course in ward;
        management in hospital; treatment course; ed management; hospital summary; summary of admission; admission
        summary; inpatient summary; summary of stay; course of treatment; post-operative course; postoperative course;
        operative course; interval events; overnight events
    """,
    "assessment": """
        assessment; a/p; a&p; ap; assessment and plan; assessment & plan; assessment/plan; nursing assessment; medical
        decision making; mdm; impression and plan; impression/plan; imp/plan; impression & plan; assessment and
        recommendations; assessment and recommendation; clinical assessment; initial assessment
    """,
    "plan": """
        plan; plans; treatment plan; plan of care; care plan; disposition; discharge disposition; follow-up; follow
        up; followup; follow-up plan; dispo; follow-up care; follow-up arrangements; followup plan; follow up plan;
        plan on discharge; discharge plan; plan and follow-up; management plan; plan of action; plan of treatment;
        treatment and plan; further plan; ongoing plan; ongoing management; outpatient follow-up; follow-up
        appointments; follow up appointments; appointments; actions for gp; gp actions; actions required; next steps;
        action plan; discharge planning; code status
    """,
    "recommendation": """
        recommendation; recommendations; recs; recommend; suggestion; suggestions; advice; management; follow-up
        recommendation; follow-up recommendations; recommended; recommended follow-up; suggested follow-up; further
        management; further imaging; further investigation; further investigations; further evaluation; management
        recommendation; management recommendations; management advice; suggested management; clinical recommendation;
        further recommendations; further advice; recommended action; imaging recommendation; imaging recommendations;
        advised; further workup; suggest; recommendations and follow-up; additional recommendations
    """,
    "instructions": """
        discharge instructions; followup instructions; follow-up instructions; follow up instructions; instructions;
        patient instructions; discharge advice; advice on discharge; advice at discharge; advice to patient; patient
        advice; diet; activity; wound care; patient education; information given to patient; return precautions
    """,
    "notification": "notification; notifications; communication; critical results; critical result; critical findings",
    "preliminary_read": """
        wet read; preliminary report; preliminary read; preliminary; prelim; preliminary findings; preliminary
        interpretation; resident read; wet reading; preliminary reading; preliminary result; preliminary results;
        provisional report; provisional read; ed read; ed interpretation; overnight read; prelim read; prelim report;
        interim report; verbal report
    """,
    "note": """
        final report; original report; end of addendum; end of impression; end of report; addendum ends;
        final; radiology report; report text; discharge summary; progress note; end of wet read; diagnostic imaging
        report; consultation report; clinic letter; discharge letter; admission note; nursing note; addended report;
        amended report; corrected report
    """,
}
LINE = {
    "administrative": """
        accession; accession number; accession no; mrn; medical record number; patient; patient name; name; patient
        id; unit no; date of birth; dob; birthdate; sex; gender; age; service; attending; attending physician;
        ordering physician; ordering provider; referring physician; referring provider; requesting physician;
        location; facility; institution; hospital; department; admission date; date of admission; discharge date; date
        of discharge; date of exam; date of examination; date of study; exam date; examination date; study date; date;
        date of service; date of procedure; exam date and time; exam time; time; report date; date of report; report
        status; status; visit number; order number; page; priority; note date; note time; hospital number; hospital
        no; nhs number; nhs no; uhid; ip no; op no; ward; consultant; referred by; referrer; referring clinician;
        referring doctor; referring dr; ref by; ref physician; ref doctor; requested by; requesting clinician;
        requesting provider; requesting doctor; ordered by; ordering md; ordering clinician; patient number; patient
        no; patient location; age/sex; sex/age; gender/age; date/time; date and time; study date and time; date
        reported; reported date; date requested; date performed; admitted; discharged; admitted on; discharged on;
        length of stay; encounter date; visit date; case number; technologist; radiographer; copy to; copies to; cc
        to; primary care physician; primary care provider; specialty; consultant in charge; address; phone; telephone;
        procedure date; scan date; date of scan; exam number; study id; patient class
    """,
    "signature": """
        dictated by; dictated; dictated on; dictation date; transcribed by; transcribed; transcribed on; transcription
        date; signed by; signed; signed on; electronically signed by; electronically signed; electronically signed on;
        electronically verified by; verified by; verified; verified on; approved by; approved; reported by; reported;
        reported on; read by; interpreted by; finalized by; finalized; finalized on; finalised on; radiologist;
        reporting radiologist; attending radiologist; resident; reviewed by; authenticated by; report electronically
        signed by; consultant radiologist; reported and verified by; authorised by; authorized by; reporting doctor;
        reporting physician; reporting consultant; reporter; author; signature; signed off by; validated by; released
        by; digitally signed by; reading physician; reading radiologist; interpreting physician; interpreting
        radiologist; staff radiologist; prepared by; completed by; typed by; transcriptionist; attestation
    """,
}
