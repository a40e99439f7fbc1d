"""The words that headings are made of, for headings that no table holds as they are written."""

from mediscan.sources.notes.vocabulary import phrases

HEADS = {
    word: name
    for name, words in {
        "indication": """
            indication; indications; reason; reasons; question; questions; complaint; complaints; query; queries;
            concern; concerns; symptom; symptoms; presentation; referral; rationale; purpose; request
        """,
        "history": "history; histories; hx; background; anamnesis; comorbidities; comorbidity; circumstances",
        "exam": "exam; exams; examination; examinations",
        "vitals": "vitals; vital; obs",
        "technique": """
            technique; techniques; technical; protocol; protocols; method; methods; methodology; acquisition;
            radiopharmaceutical; projection; projections; contrast; sequences; parameters; views
        """,
        "comparison": "comparison; comparisons; comparative; comparators; comparator; compared; correlative; priors",
        "findings": """
            finding; findings; observation; observations; result; results; description; descriptions; appearances;
            measurements; features; narrative
        """,
        "impression": """
            impression; impressions; conclusion; conclusions; opinion; opinions; interpretation; interpretations;
            summary; inference; inferences; synopsis; comment; comments; remark; remarks; interpretative; interpretive
        """,
        "recommendation": """
            recommendation; recommendations; recommended; recommends; recommend; advice; advise; advised; suggestion;
            suggestions; suggested; suggest; management
        """,
        "diagnosis": "diagnosis; diagnoses; dx",
        "medications": "medication; medications; meds; medicine; medicines; drug; drugs; prescription; prescriptions",
        "allergies": "allergy; allergies; intolerance; intolerances; sensitivities; sensitivity; reactions",
        "labs": """
            lab; labs; laboratory; bloods; bloodwork; microbiology; biochemistry; haematology; hematology;
            investigations
        """,
        "hospital_course": "course; progress; stay",
        "assessment": "assessment; assessments",
        "plan": "plan; plans; disposition; dispo; follow-up; followup; actions; appointment; appointments",
        "instructions": """
            instruction; instructions; precautions; education; aftercare; safety-net; safety-netting; leaflets
        """,
        "procedure": "procedures; operation; operations; interventions",
    }.items()
    for word in phrases(words)
}
"""Word → the section that a heading opens whose chief word it is."""

EARLIER = frozenset(phrases("prior; previous; earlier; past; old; older; last; available; relevant; outside"))
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
KNOWN_BEFORE = frozenset(
    phrases("""
    clinical; medical; referral; request; requisition; anamnestic; social; functional; background
""")
)
"""`KNOWN_BEFORE` before `SUPPLIED` names what came with the request: "relevant clinical details"."""

GIVEN = frozenset(
    phrases("""
    provided; given; supplied; stated; submitted; available; reported; received; made; used; known
""")
)
"""Words that may end a heading and say nothing: "Clinical details provided"."""

LEADS = frozenset(phrases("in; my; our; to; as; by; under; and"))
"""Words that may lead a heading and say nothing: "In summary"."""

PREPOSITIONS = frozenset(
    phrases("""
        of; for; on; at; in; to; by; with; without; w; wo; w/o; from; since; during; after; before; following; upon; as;
        per; regarding; about; against; prior-to
    """)
)
"""A heading's chief word stands before the first of these."""

SETTINGS = frozenset(
    phrases("""
        admission; arrival; presentation; discharge; triage; ed; er; ward; bedside; baseline; initial; nursing; vital;
        admitting; physical; attendance
    """)
)
"""Words beside which "observations" are vital signs, and an examination is that of a patient and not of an image."""

OF_PATIENTS = frozenset(
    phrases("""
        physical; clinical; general; systemic; local; neurological; neurologic; cardiovascular; cardiac; respiratory;
        abdominal; mental; focused; focussed; bedside
    """)
)
"""Words of an examination that a clinician makes with eyes and hands."""

OF_CLINICIANS = frozenset(phrases("clinical; physical; general; systemic"))
"""Words beside which findings of an examination are not those of images."""

OF_HISTORIES = frozenset(
    phrases("""
        past; present; presenting; family; social; personal; surgical; medication; previous; prior; smoking; travel;
        occupational; psychiatric; obstetric; gynaecological; gynecological; developmental; birth; functional; illness
    """)
)
"""Words of the parts of a history in a clinical note, which may have several paragraphs."""

OF_LABORATORIES = frozenset(
    phrases("lab; labs; laboratory; blood; bloods; pathology; microbiology; biochemistry; haematology; hematology")
)
"""With one of these, results and findings are those of a laboratory."""

OF_RESULTS = frozenset(
    phrases("""
        result; results; finding; findings; report; reports; value; values; data; test; tests; study; studies; work
    """)
)

ADVISED = frozenset(
    phrases("""
    patient; patients; patient's; carer; carers; family; parents; discharge; home; lifestyle; diet
""")
)
ADVISING = frozenset(phrases("advice; information; instructions; education; guidance; leaflets; precautions"))
"""`ADVISING` of those `ADVISED` is an instruction to a patient, and no recommendation to a referrer."""

PLAIN = (
    PREPOSITIONS
    | EARLIER
    | STUDIES
    | SUPPLIED
    | KNOWN_BEFORE
    | frozenset(
        phrases("""
            the; this; a; an; and; or; any; other; brief; pertinent; patient; patients; patient's; present; presenting;
            current; recent; initial; main; chief; principal; primary; secondary; final; overall; general; detailed;
            additional; further; key; specific; short; full; complete; provided; given; supplied; stated; submitted;
            requested; ordered; ordering; requesting; referring; performed; type; name; title; physical; systemic;
            systematic; local; neurological; neurologic; cardiac; respiratory; surgical; family; social; personal;
            obstetric; gynaecological; gynecological; oncological; oncologic; psychiatric; developmental; smoking;
            alcohol; occupational; travel; mental; health; functional; psychosocial; gynae; haematological; treatment;
            immunization; immunisation; birth; menstrual; sexual; drug; illness; disease; illnesses; operative;
            admission; admitting; discharge; transfer; presentation; arrival; triage; emergency; ed; hospital;
            hospitalization; hospitalisation; visit; encounter; attendance; consult; consultation; evaluation;
            investigation; procedure; test; order; doing; sending; coming; signs; vital; bedside; diagnostic;
            radiological; radiologic; radiology; radiographic; sonographic; imaging; scanning; mr; pet; pet-ct; pet/ct;
            x-ray; xray; cxr; doppler; mammography; mammographic; fluoroscopy; angiography; scintigraphy; dexa; dxa; us;
            usg; cect; hrct; ncct; chest; thorax; thoracic; head; brain; spine; abdomen; abdominal; pelvis; pelvic;
            knee; neck; report; reporting; body; text; reporter's; radiologist's; reader's; doctor's; physician's;
            clinician's; nursing; post; pre; agent; agents; media; medium; radiation; dose; home; regular; outpatient;
            inpatient; long-term; course; clin; rel; exam; reason; history; indication; cc; hpi; follow-up; er; icu;
            ward; day; time; list; lists; changes; baseline; usual; existing; previously; significant; notable; salient;
            positive; most; new; acute; chronic; active; confirmed; suspected; stopped; started; continued;
            discontinued; prescribed; reconciled; referrer; referrer's; requester; requester's; requestor; provider;
            provider's; clinician; gp; nurse; team; carers; carer; parents; system; problem-based; events; leading;
            made; used; done; reported; known; received; if; s; scan's; when; was; were; is; material; materials; next;
            steps; support; living; lifestyle; habits; medicine; radiologists; concluding; closing; attending; resident;
            staff; consultant; technologist; technician; musculoskeletal; lumbar; cervical; hip; shoulder; ankle; wrist;
            elbow; foot; hand; breast; renal; vascular; fetal; foetal; cranial; facial; sinus; orbit; skeletal; bone;
            pulmonary; lung; lungs; heart; bowel; bladder; joint
        """)
    )
)
"""Words that may stand beside the chief word of a heading and do not change what it opens."""

OF_READING = frozenset(
    phrases("""
        image; images; picture; pictures; see; saw; seen; review; reviewed; read; reads; reading; look; looked; looking;
        message; gist; upshot; verdict; answer; outcome; takeaway; take-home; thoughts; bottom; radiologist
    """)
)
"""An unknown heading with one of these stands before what somebody reads in the images."""

OF_IMAGES = frozenset(
    phrases("""
        imaging; film; films; scan; scans; radiograph; radiographs; show; shows; showed; shown; view; views; visible;
        visualized; visualised; appearance; radiology; radiological; radiographic; x-ray; ct; mri; ultrasound; sonogram;
        mammogram
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
        gen; general; constitutional; appearance; heent; head; eyes; ears; nose; throat; mouth; neck; cv; cvs; cardiac;
        cardiovascular; cor; heart; lungs; lung; pulm; pulmonary; resp; respiratory; chest; abd; abdomen; abdominal; gi;
        gu; ext; extr; extremities; neuro; neurologic; neurological; skin; psych; psychiatric; msk; musculoskeletal;
        back; spine; rectal; lymph; lymphatic; nodes; vascular; pulses; vitals; vs; breast; breasts; pelvic; mental;
        urogenital; genitalia; joints; gait; hernia; thyroid; airway; breathing; circulation; inspection; palpation;
        percussion; auscultation; other; nutrition; mood; orientation; vision; hearing; limbs; dentition; abdo; ent;
        integument; integumentary; heme; hematologic; limb; legs; arms; hands; calves; feet; oedema; edema; perfusion;
        hydration; wound; urine; gcs; avpu; mse; affect; speech; sensation; power; tone; reflexes; coordination;
        cranial; motor; sensory; peripheral; peripheries; trachea; sinuses; scalp; tongue; teeth; prostate; pr; pv; dre;
        o/e; p/a; r/s; cns; jvp
    """,
    "vitals": """
        t; temp; temperature; tmax; tm; tc; bp; hr; p; pulse; rr; r; resp; respirations; sao2; spo2; sat; sats; o2;
        o2sat; weight; wt; height; ht; bmi; pain; fio2; gcs; heart rate; blood pressure; oxygen saturation; respiratory
        rate
    """,
    "instructions": "diet; activity; wound; driving; smoking; alcohol; exercise; work; return; bathing; lifting",
    "technique": """
        contrast; dose; radiation; views; view; number; projection; sequences; kv; mas; ctdi; dlp; slice; field; matrix;
        medium; scanner; phase; route; volume
    """,
}
"""Section → usual headings within it, by their first words."""
