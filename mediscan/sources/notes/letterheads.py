"""The phrases that head lines around a note: who, when and where, and who signed. Their sections reach a `LINE`."""

LINE = {
    "administrative": """
        accession; accession number; accession no; mrn; medical record number; patient; patient name; name; patient id;
        unit no; date of birth; dob; birthdate; sex; gender; age; service; attending; attending physician; ordering
        physician; ordering provider; referring physician; referring provider; requesting physician; location; facility;
        institution; hospital; department; admission date; date of admission; discharge date; date of discharge; date of
        exam; date of examination; date of study; exam date; examination date; study date; date; date of service; date
        of procedure; exam date and time; exam time; time; report date; date of report; report status; status; visit
        number; order number; page; priority; note date; note time; hospital number; hospital no; nhs number; nhs no;
        uhid; ip no; op no; ward; consultant; referred by; referrer; referring clinician; referring doctor; referring
        dr; ref by; ref physician; ref doctor; requested by; requesting clinician; requesting provider; requesting
        doctor; ordered by; ordering md; ordering clinician; patient number; patient no; patient location; age/sex;
        sex/age; gender/age; date/time; date and time; study date and time; date reported; reported date; date
        requested; date performed; admitted; discharged; admitted on; discharged on; length of stay; encounter date;
        visit date; case number; technologist; radiographer; copy to; copies to; cc to; primary care physician; primary
        care provider; specialty; consultant in charge; address; phone; telephone; procedure date; scan date; date of
        scan; exam number; study id; patient class
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
