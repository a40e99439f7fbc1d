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
        study; objective of study; pc; p/c; pcx; presenting complaint and hic/c; indication for imaging; reason for
        imaging request; reason for hospital admission; reason for hospital attendance; presented with; presenting with;
        reason for scanning; clinical reason; clinical reasons; signs/symptoms; referring diagnosis; exam question;
        question for radiologist; question for radiology
    """,
    "history": """
        history; clinical history; patient history; brief history; brief clinical history; relevant history; pertinent
        history; relevant clinical history; pertinent clinical history; clinical information; clinical info; clinical
        data; clinical details; clinical context; clinical background; clinical note; clinical notes; clinical summary;
        clinical statement; background; hx; clinical hx; history and indication; history provided; provided history;
        patient information; relevant clinical information; clin history; clin hx; clin details; clin info; clinical
        particulars; case history; history summary; clinical picture; clinical setting; clinical scenario; known
        history; given history; h/o; history given; history per requisition; clinical notes provided; requisition
        history; relevant background; anamnesis; previous history; relevant past history; surgical hx; medical hx; brief
        clinical summary; clinical profile; clinical history and details; clinical notes and history; background
        information; referral history; history from referrer; history from requester; history of patient
    """,
    "exam": """
        exam; exams; examination; examinations; exam type; type of exam; type of examination; examination type; exam
        performed; examination performed; exam name; exam description; exam requested; examination requested;
        examination name; examination description; exam title; examination title; name of examination; name of exam;
        name of study; study description; study name; study title; study requested; exam ordered; type of study; exams
        performed; modality; study; study type; study performed; imaging study; imaging exam; imaging examination;
        radiology exam; radiology examination; radiological examination; radiographic examination; imaging study
        performed; imaging procedure; examination done; scan; scan type; type of scan; scan performed; scan requested;
        name of scan; body part; body part examined; region examined; area examined; exam/study; procedure/exam;
        exam/procedure; procedure/examination; examination/procedure; examinations performed; study ordered;
        investigation requested; investigation performed; imaging requested; views requested; test name
    """,
    "vitals": """
        vitals; vital signs; vs; vital signs on admission; admission vitals; initial vitals; triage vitals; obs; vital
        signs on arrival; vitals on arrival; vitals on admission; vital parameters; vital signs at presentation;
        observations on admission; observations on arrival; admission observations; discharge vitals; vital signs on
        discharge; bedside observations; news2; news score; news2 score; news2 observations; news observations; vs on
        admission; obs on admission; obs on arrival; vital signs and observations; observations/vital signs; initial
        observations; baseline observations; physiological observations
    """,
    "technique": """
        technique; techniques; procedure and technique; imaging technique; scan technique; exam technique; examination
        technique; protocol; imaging protocol; method; methods; procedure comments; technical quality; acquisition
        technique; acquisition; acquisition protocol; scan protocol; scanning technique; scanning protocol; ct
        technique; mri technique; mr technique; technical factors; technical details; technical information; technical
        parameters; technical note; technical notes; scan parameters; study technique; contrast agent; contrast media;
        contrast medium; contrast administered; radiopharmaceutical; radiotracer; pulse sequences; imaging sequences;
        mri sequences; views obtained; views acquired; methodology; image quality; study quality; quality of study;
        radiation dose; dose report; sequences obtained; sequences acquired; radiographic technique; views; projection;
        projections; contrast; contrast used; sequences; technical; acquisition parameters; imaging parameters; contrast
        details; contrast and dose; radiation dose information; dose information; technologist notes
    """,
    "comparison": """
        comparison; comparisons; comparison study; comparison studies; comparison exam; comparison exams; comparison
        examination; comparison film; comparison films; compared to; compared with; comp; prior studies; prior study;
        prior exam; prior exams; prior examinations; prior imaging; previous studies; previous study; previous
        examination; previous imaging; prior films; correlation; relevant prior studies; priors; previous exam; previous
        exams; previous examinations; previous films; previous images; previous scans; previous scan; prior scans; prior
        images; prior radiographs; prior reports; previous reports; prior ct; prior mri; comparison made; comparison
        made with; comparison imaging; comparison scan; comparison images; comparison is made with; comparison is made
        to; comparison with; comparison to; in comparison with; in comparison to; comparisons made; comparative studies;
        comparative imaging; correlative imaging; correlative studies; available priors; relevant priors; relevant prior
        imaging; relevant previous imaging; relevant previous studies; studies for comparison; films for comparison;
        available for comparison; reference study; comp study; earlier studies; earlier imaging; earlier examinations;
        old films; comparators; comparator; compared against; comparison is to; last scan; last study; last examination;
        last imaging; past imaging; past studies; other imaging; other imaging available; imaging for comparison
    """,
    "procedure": """
        procedure; procedures; procedure performed; procedure description; procedures performed; major surgical or
        invasive procedure; major surgical procedures; operation; exam procedure; operations; operative procedure;
        operative procedures; surgical procedures; operations and procedures; invasive procedures; procedures during
        admission; interventions; operation performed; procedure name; procedures and operations; surgery; surgeries;
        operative details; surgical procedure
    """,
    "allergies": """
        allergies; allergy; drug allergies; allergies and adverse reactions; medication allergies; allergies and
        intolerances; allergic to; known allergies; adverse drug reactions; allergies and sensitivities; allergy status;
        drug sensitivities; adverse reactions; drug intolerances; adrs; alerts and allergies; allergies and alerts;
        allergy and intolerance; allergen; allergens; drug reactions; intolerances
    """,
}
OPEN = {
    "history": """
        history of present illness; history of the present illness; history of presenting illness; history of presenting
        complaint; hpi; hopi; interval history; interim history; subjective; past medical history; past history; medical
        history; pmh; pmhx; past medical and surgical history; past surgical history; surgical history; psh; pshx; past
        psychiatric history; past ocular history; obstetric history; social history; sh; shx; family history; fh; fhx;
        family medical history; family and social history; social and family history; review of systems; ros; past
        oncologic history; oncologic history; oncology history; cardiac history; risk factors; cardiac risk factors;
        history and physical; smoking history; travel history; occupational history; history of presenting problem;
        history of presenting complaints; history of current illness; present illness; history of present complaint;
        presenting history; hx of present illness; past illnesses; past medical hx; pmh and psh; other past history;
        significant past history; comorbidities; co-morbidities; chronic conditions; background history; past history of
        note; personal history; treatment history; systems review; systemic enquiry; systems enquiry; systemic inquiry;
        system review; menstrual history; gynecologic history; gynaecological history; developmental history;
        immunization history; birth history; psychiatric history; past obstetric history; obstetrical history; substance
        use; social hx; family hx; functional history; psychosocial history; medical background; hpc; hopc; hxpc; hx of
        presenting complaint; hx of pc; history of pc; pmh/psh; psh/pmh; pmsh; ohx; obhx; obs history; gynae history;
        drinking history; alcohol history; social context; social situation; home situation; home circumstances; living
        situation; functional status; baseline function; premorbid function; occupation; interval hx; history of
        presentation; events leading to admission; story; past medical problems; previous medical history; previous
        surgical history; prior medical history; prior surgical history; previous operations; social circumstances
    """,
    "exam": """
        physical exam; physical examination; physical; physical exam on admission; physical examination on admission;
        physical exam on discharge; admission physical exam; discharge physical exam; admission exam; discharge exam;
        exam on admission; exam on discharge; pe; objective; clinical exam; clinical examination; on examination;
        neurologic exam; neurological exam; neurological examination; physical findings; o/e; on exam; examination on
        admission; examination at admission; general examination; systemic examination; local examination; general
        physical examination; physical exam at admission; physical exam on presentation; physical examination on
        presentation; physical examination on arrival; physical examination on discharge; physical exam on arrival; exam
        on presentation; exam on arrival; examination on arrival; examination on discharge; p/e; physical assessment;
        clinical examination on admission; mental status exam; mental status examination; cns examination; gpe; general
        exam; general physical exam; systemic exam; local exam; pex; focused exam; focused examination; focused physical
        exam; examination of patient; bedside examination; cardiovascular examination; respiratory examination;
        abdominal examination; admission examination; discharge examination
    """,
    "findings": """
        findings; finding; report; narrative; body of report; radiographic findings; ct findings; mri findings; x-ray
        findings; chest findings; imaging findings; observations; observation; results; result; description; discussion;
        detailed findings; interpretation and findings; description of findings; report of findings; report body; main
        report; ultrasound findings; sonographic findings; mammographic findings; scintigraphic findings; pet findings;
        pet/ct findings; mr findings; radiological findings; radiologic findings; cxr findings; usg findings; us
        findings; study findings; study results; exam results; examination results; examination findings; exam findings;
        radiological description; radiographic description; descriptive report; image findings; image description;
        imaging description; imaging observations; imaging appearances; radiographic appearances; report findings;
        procedure findings; operative findings; interpretation of images; image interpretation; clinical findings; key
        findings; main findings; positive findings; significant findings; salient findings; detailed report;
        appearances; imaging features; radiological features; imaging report; scan findings; scan results; key
        observations; detailed observations; systematic review; radiology findings; radiologist findings; report
        details; detailed description; image analysis
    """,
    "impression": """
        impression; impressions; imp; conclusion; conclusions; concl; opinion; interpretation; interpretations; reading;
        summary; final impression; final diagnosis; radiological diagnosis; radiologic diagnosis; diagnostic impression;
        preliminary impression; comment; comments; overall impression; bottom line; summary of findings; overread;
        attending overread; in summary; in conclusion; to conclude; to summarise; to summarize; summary impression;
        summary and conclusion; report summary; report conclusion; concluding remarks; radiologist's impression;
        radiologist impression; radiologist's opinion; radiologist opinion; reporter's opinion; radiological impression;
        radiologic impression; radiographic impression; radiological opinion; radiological conclusion; radiographic
        diagnosis; imaging diagnosis; imaging impression; ct diagnosis; ct impression; mri impression; ultrasound
        impression; us impression; clinical impression; diagnostic opinion; diagnostic conclusion; diagnostic
        interpretation; diagnostic summary; overall assessment; overall conclusion; overall opinion; final conclusion;
        final interpretation; final read; final reading; final opinion; final assessment; impr; bi-rads; birads; bi-rads
        category; birads category; bi-rads assessment; assessment category; bi-rads final assessment; li-rads;
        lung-rads; pi-rads; ti-rads; inference; synopsis; remarks; radiologist interpretation; radiologist's
        interpretation; final comment; closing comment; closing remarks
    """,
    "diagnosis": """
        diagnosis; diagnoses; dx; discharge diagnosis; discharge diagnoses; primary diagnosis; primary diagnoses;
        secondary diagnosis; secondary diagnoses; principal diagnosis; differential diagnosis; ddx; differential;
        working diagnosis; final diagnoses; problem list; active problems; discharge condition; condition on discharge;
        condition at discharge; diagnosis on discharge; diagnoses on discharge; diagnosis at discharge; final discharge
        diagnosis; principal discharge diagnosis; principal diagnoses; primary discharge diagnosis; secondary discharge
        diagnosis; secondary discharge diagnoses; other diagnoses; additional diagnoses; hospital diagnoses;
        postoperative diagnosis; post-operative diagnosis; post-op diagnosis; preoperative diagnosis; pre-operative
        diagnosis; pre-op diagnosis; clinical diagnosis; provisional diagnosis; provisional clinical diagnosis; known
        diagnosis; pathological diagnosis; primary diagnostic code; secondary diagnostic code; diagnostic code;
        problems; main diagnosis; main diagnoses; current diagnosis; active issues; active diagnoses; discharge dx;
        principal dx; primary dx; final dx; secondary dx; principal problem; active problem list; hospital problems;
        hospital problem list; confirmed diagnosis; admission diagnoses; ed diagnosis; ed diagnoses; diagnosis list;
        list of diagnoses; clinical diagnoses; differentials; condition at time of discharge; patient condition
    """,
    "medications": """
        medications; medication; meds; current medications; home medications; home meds; medications prior to admission;
        medications on admission; admission medications; discharge medications; medications on discharge; medications at
        home; outpatient medications; preadmission medications; the preadmission medication list is accurate and
        complete; medication list; current meds; drug history; rx; inpatient medications; treatment; meds on admission;
        meds on discharge; meds at home; medication on admission; medication on discharge; discharge meds; admission
        meds; medications on transfer; medication history; regular medications; regular medication; current medication;
        prescribed medications; current drugs; drugs on admission; drugs on discharge; drug chart; dhx; medication
        reconciliation; medications list; medications changed; new medications; stopped medications; medications
        stopped; treatment given; treatment advised; treatment advised on discharge; treatment advised at discharge;
        medicines; medicines on admission; medicines on discharge; discharge medicines; regular medicines; current
        medicines; dh; tta; ttas; discharge prescription; treatments; current treatment; medication changes; changes to
        medication; medications started; medicines stopped; new medicines; drugs; drug treatment; medical treatment;
        home medication; home medication list; discharge medication; discharge medication list; prior to admission
        medications; pta medications; pta meds; drugs prescribed; drugs given; treatment received; treatment on
        discharge; prescription; prescriptions; tto; ttos
    """,
    "labs": """
        labs; lab; laboratory; laboratory data; laboratory results; laboratory studies; laboratory findings; lab
        results; lab data; pertinent results; pertinent labs; admission labs; discharge labs; labs on admission; labs on
        discharge; other pertinent labs; microbiology; micro; data; tests; investigations; bloods; pathology; pertinent
        data; laboratory tests; laboratory investigations; lab tests; lab findings; blood tests; blood results; blood
        work; bloodwork; biochemistry; haematology; hematology; results of investigations; investigation results;
        relevant investigations; key investigations; laboratory values; recent labs; pertinent laboratory data;
        pertinent laboratory results; admission laboratory data; urinalysis; abg; histopathology; cytology; tests
        performed; relevant results; diagnostic data; ix; lab investigations; lab reports; lab parameters;
        lab work; labwork; labs and studies; labs/studies; laboratory reports; blood investigations; pathology results;
        test results; results of tests; diagnostic tests; special investigations; significant results; key results;
        blood test results; bloods on admission; bloods on arrival; admission bloods; discharge bloods; routine bloods;
        investigations and results; investigations performed
    """,
    "imaging": """
        imaging; imaging studies; radiology; studies; cxr; chest x-ray; chest xray; chest radiograph; chest ct; ct
        chest; ct; ct head; ct abdomen; mri; mri brain; ultrasound; us; echo; echocardiogram; tte; ekg; ecg; x-ray;
        xray; radiograph; radiographs; radiographic studies; imaging results; radiology results; reports; other studies;
        ct abdomen and pelvis; ct chest abdomen pelvis; cta; cta chest; ctpa; mra; mri spine; chest film; cxr pa;
        portable cxr; imaging performed; imaging reports; radiology reports; diagnostic imaging; relevant radiology;
        relevant imaging; pertinent imaging; radiological investigations; radiology studies; diagnostic studies; recent
        imaging; ultrasound abdomen; abdominal ultrasound; abdominal ct; head ct; ct angiography; pet/ct; pet-ct; pet
        ct; bone scan; doppler; eeg; endoscopy; colonoscopy; bronchoscopy; kub; axr; mammogram; mammography
    """,
    "hospital_course": """
        hospital course; brief hospital course; summary of hospital course; hospital course by problem; hospital course
        by system; course in hospital; course; ed course; emergency department course; clinical course; brief hospital
        course by problem; icu course; acute issues; chronic issues; transitional issues; hospital stay; in-hospital
        course; inpatient course; course during admission; course during hospitalization; course during stay; course in
        the hospital; course in ed; clinical progress; progress; progress in hospital; course in ward; management in
        hospital; treatment course; ed management; hospital summary; summary of admission; admission summary; inpatient
        summary; summary of stay; course of treatment; post-operative course; postoperative course; operative course;
        interval events; overnight events; progress during admission; progress during stay; inpatient progress; progress
        on ward; course on ward; course on the ward; ward course; course and management; course and treatment; course in
        hospital and discussion; course of hospitalization; course of hospitalisation; course of admission; narrative
        summary; clinical narrative; events of admission; events during admission; treatment and progress; management
        and progress; ed progress; emergency department progress; hospital narrative
    """,
    "assessment": """
        assessment; a/p; a&p; ap; assessment and plan; assessment & plan; assessment/plan; nursing assessment; medical
        decision making; mdm; impression and plan; impression/plan; imp/plan; impression & plan; assessment and
        recommendations; assessment and recommendation; a and p; a + p; mdm/plan; medical decision-making; ed
        assessment; medical assessment; impression and plan of care; assessment & recommendations; problem-based
        assessment and plan; assessment by problem; clinical assessment; initial assessment
    """,
    "plan": """
        plan; plans; treatment plan; plan of care; care plan; disposition; discharge disposition; follow-up; follow up;
        followup; follow-up plan; dispo; follow-up care; follow-up arrangements; followup plan; follow up plan; plan on
        discharge; discharge plan; plan and follow-up; management plan; plan of action; plan of treatment; treatment and
        plan; further plan; ongoing plan; ongoing management; outpatient follow-up; follow-up appointments; follow up
        appointments; appointments; actions for gp; gp actions; actions required; next steps; action plan; discharge
        planning; code status; mx; f/u; fu; f/u plan; follow-up arrangement; review plan; future plan; plan of
        management; next appointment; next review; outpatient plan; plan and requested actions; requested actions;
        actions for primary care; actions for the gp; actions for hospital; gp to do; to do; follow-up with; follow up
        with; follow-up actions; ed disposition; discharge to; destination on discharge
    """,
    "recommendation": """
        recommendation; recommendations; recs; recommend; suggestion; suggestions; advice; management; follow-up
        recommendation; follow-up recommendations; recommended; recommended follow-up; suggested follow-up; further
        management; further imaging; further investigation; further investigations; further evaluation; management
        recommendation; management recommendations; management advice; suggested management; clinical recommendation;
        further recommendations; further advice; recommended action; imaging recommendation; imaging recommendations;
        adv; imaging follow-up; follow-up imaging; suggested next steps; recommended next steps; recommended next step;
        recommendation/follow-up; recommended investigation; recommended investigations; suggested investigations;
        suggested investigation; suggested imaging; recommended imaging; advised; further workup; suggest;
        recommendations and follow-up; additional recommendations
    """,
    "instructions": """
        discharge instructions; followup instructions; follow-up instructions; follow up instructions; instructions;
        patient instructions; discharge advice; advice on discharge; advice at discharge; advice to patient; patient
        advice; diet; activity; wound care; patient education; information given to patient; return precautions; return
        advice; safety-net advice; safety netting advice; safety net advice; safety netting; safety-netting; dietary
        advice; diet advice; lifestyle advice; special instructions; home instructions; home care instructions;
        aftercare; post-discharge instructions; when to seek help; when to return; patient leaflet; activity
        restrictions; advice given to patient
    """,
    "notification": "notification; notifications; communication; critical results; critical result; critical findings",
    "preliminary_read": """
        wet read; preliminary report; preliminary read; preliminary; prelim; preliminary findings; preliminary
        interpretation; resident read; wet reading; preliminary reading; preliminary result; preliminary results;
        provisional report; provisional read; ed read; ed interpretation; overnight read; prelim read; prelim report;
        interim report; verbal report
    """,
    "note": """
        final report; original report; end of addendum; end of impression; end of report; addendum ends; final;
        radiology report; report text; discharge summary; progress note; end of wet read; diagnostic imaging report;
        consultation report; clinic letter; discharge letter; admission note; nursing note; addended report; amended
        report; corrected report
    """,
}
