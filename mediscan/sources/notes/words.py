"""The words that headings are made of, for headings that no table holds as they are written."""

from mediscan.sources.notes.vocabulary import phrases

HEADS = {
    word: name
    for name, words in {
        "indication": """
            indication; indications; reason; reasons; question; questions; complaint; complaints; query; queries;
            concern; concerns; symptom; symptoms; presentation; referral
        """,
        "history": "history; histories; hx; background; anamnesis",
        "exam": "exam; exams; examination; examinations",
        "vitals": "vitals",
        "technique": """
            technique; techniques; technical; protocol; protocols; method; methods; methodology; acquisition;
            radiopharmaceutical; projections; contrast
        """,
        "comparison": "comparison; comparisons; comparative; compared; priors",
        "findings": """
            finding; findings; observation; observations; result; results; description; appearances; measurements
        """,
        "impression": """
            impression; impressions; conclusion; conclusions; opinion; opinions; interpretation; interpretations;
            summary; inference; synopsis
        """,
        "recommendation": """
            recommendation; recommendations; recommended; advice; advise; suggestion; suggestions; suggested;
            management
        """,
        "diagnosis": "diagnosis; diagnoses; dx",
        "medications": "medication; medications; meds; drugs; prescriptions",
        "allergies": "allergy; allergies",
        "labs": "lab; labs; laboratory; bloods; microbiology; biochemistry; haematology; hematology",
        "hospital_course": "course",
        "assessment": "assessment; assessments",
        "plan": "plan; plans; disposition; follow-up; followup",
        "instructions": "instructions",
    }.items()
    for word in phrases(words)
}
"""Word → the section that a heading opens whose chief word it is."""

EARLIER = frozenset(phrases("prior; previous; earlier; past; old; older; available; relevant; outside"))
STUDIES = frozenset(
    phrases("""
        study; studies; exam; exams; examination; examinations; imaging; film; films; image; images; scan; scans;
        radiograph; radiographs; x-ray; x-rays; ct; mri; ultrasound; radiology; mammogram; mammograms
    """)
)
"""`EARLIER` before `STUDIES` names what the images are compared with."""

SUPPLIED = frozenset(
    phrases("""
        details; detail; information; info; data; context; notes; note; particulars; setting; scenario; picture;
        background; statement; problem; problems
    """)
)
KNOWN_BEFORE = frozenset(phrases("clinical; medical; referral; request; anamnestic"))
"""`KNOWN_BEFORE` before `SUPPLIED` names what came with the request: "relevant clinical details"."""

LEADS = frozenset(phrases("in; my; our; to; as; by; under; and"))
"""Words that may lead a heading and say nothing: "In summary"."""

PREPOSITIONS = frozenset(
    phrases("of; for; on; at; in; to; by; with; from; since; during; after; before; upon; as; per; regarding; about")
)
"""A heading's chief word stands before the first of these."""

PLAIN = (
    PREPOSITIONS
    | EARLIER
    | STUDIES
    | SUPPLIED
    | KNOWN_BEFORE
    | frozenset(
        phrases("""
            the; this; a; an; and; or; any; other; brief; pertinent; patient; patients; patient's; present;
            presenting; current; recent; initial; main; chief; principal; primary; secondary; final; overall; general;
            detailed; additional; further; key; specific; short; full; complete; provided; given; supplied; stated;
            submitted; requested; ordered; ordering; requesting; referring; performed; type; name; title; physical;
            systemic; systematic; local; neurological; neurologic; cardiac; respiratory; surgical; family; social;
            personal; obstetric; gynaecological; gynecological; oncological; oncologic; psychiatric; developmental;
            smoking; occupational; travel; treatment; immunization; immunisation; birth; menstrual; sexual; drug;
            illness; disease; illnesses; operative; admission; admitting; discharge; transfer; presentation; arrival;
            triage; emergency; ed; hospital; hospitalization; hospitalisation; visit; encounter; attendance; consult;
            consultation; evaluation; investigation; procedure; test; order; requesting; doing; sending; coming;
            signs; vital; bedside; diagnostic; radiological; radiologic; radiology; radiographic; sonographic;
            imaging; scanning; mr; pet; pet-ct; pet/ct; x-ray; xray; cxr; doppler; mammography; mammographic;
            fluoroscopy; angiography; scintigraphy; dexa; dxa; us; usg; cect; hrct; ncct; chest; thorax; thoracic;
            head; brain; spine; abdomen; abdominal; pelvis; pelvic; knee; neck; report; reporting; body; text;
            reporter's; radiologist's; reader's; doctor's; physician's; clinician's; nursing; post; pre; agent;
            agents; media; medium; radiation; dose; home; regular; outpatient; inpatient; long-term; course; clin;
            rel; exam; reason; history; indication; cc; hpi; follow-up
        """)
    )
)
"""Words that may stand beside the chief word of a heading and do not change what it opens."""

OF_READING = frozenset(
    phrases("""
        image; images; picture; pictures; see; saw; seen; review; reviewed; read; reads; reading; look; looked;
        looking; message; gist; upshot; verdict; answer; outcome; takeaway; take-home; thoughts; bottom; radiologist
    """)
)
"""An unknown heading with one of these stands before what somebody reads in the images."""

OF_IMAGES = frozenset(
    phrases("""
        imaging; film; films; scan; scans; radiograph; radiographs; show; shows; showed; shown; view; views; visible;
        visualized; visualised; appearance; radiology; radiological; radiographic; x-ray; ct; mri; ultrasound;
        sonogram; mammogram
    """)
)
"""An unknown heading with one of these speaks of images, or of what is within the findings."""

SUBHEADINGS = {
    "history": """
        allergies; smoking; tobacco; alcohol; etoh; drugs; occupation; surgery; surgeries; onset; duration; location;
        severity; cardiac; gi; gu; age; sex; weight; pain; fever; cough
    """,
    "indication": "symptoms; duration; side; onset; pain; query; creatinine; egfr; pregnancy; pregnant; weight; age",
    "exam": """
        gen; general; constitutional; appearance; heent; head; eyes; ears; nose; throat; mouth; neck; cv; cvs;
        cardiac; cardiovascular; cor; heart; lungs; lung; pulm; pulmonary; resp; respiratory; chest; abd; abdomen;
        abdominal; gi; gu; ext; extr; extremities; neuro; neurologic; neurological; skin; psych; psychiatric; msk;
        musculoskeletal; back; spine; rectal; lymph; lymphatic; nodes; vascular; pulses; vitals; vs; breast; breasts;
        pelvic; mental; urogenital; genitalia; joints; gait; hernia; thyroid; airway; breathing; circulation;
        inspection; palpation; percussion; auscultation; other; nutrition; mood; orientation; vision; hearing; limbs;
        dentition; o/e; p/a; r/s; cns; jvp
    """,
    "vitals": """
        t; temp; temperature; tmax; tm; tc; bp; hr; p; pulse; rr; r; resp; respirations; sao2; spo2; sat; sats; o2;
        o2sat; weight; wt; height; ht; bmi; pain; fio2; gcs; heart rate; blood pressure; oxygen saturation;
        respiratory rate
    """,
    "technique": """
        contrast; dose; radiation; views; view; number; projection; sequences; kv; mas; ctdi; dlp; slice; field;
        matrix; medium; scanner; phase; route; volume
    """,
}
"""Section → usual headings within it, by their first words."""
