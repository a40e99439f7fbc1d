import csv
import random
import time
from pathlib import Path

import pytest

from mediscan.config import DataConfig
from mediscan.sources.notes.headings import LEAKAGE_SAFE, heading_of
from mediscan.sources.notes.sections import section_spans, split_sections
from mediscan.sources.notes.times import DateOrder

_MIMIC_CXR = """\
                                 FINAL REPORT
 EXAMINATION:  CHEST (PA AND LAT)

 INDICATION:  ___ year old woman with cough  // pneumonia?

 TECHNIQUE:  Chest PA and lateral

 COMPARISON:  ___

 FINDINGS:

 The lungs are clear.  Heart size: normal.

 Note: the tube has been removed.

 IMPRESSION:

 1.  No acute process.
 2.  Stable scar.
"""
_DISCHARGE = """\
Name:  ___                     Unit No:   ___

Allergies:
Penicillins

Chief Complaint:
cough

History of Present Illness:
Ten days of cough.

No weight loss.

Past Medical History:
- HTN

Physical Exam:
Vitals: T 98.6 HR 80
HEENT: PERRL
LUNGS: CTAB

Pertinent Results:
WBC 12.3

CXR: RLL opacity

Brief Hospital Course:
# Pneumonia: treated with ceftriaxone.

Medications on Admission:
1. Aspirin 81 mg

Discharge Diagnosis:
Pneumonia
"""


def _split(text: str) -> dict[str, str]:
    return {section.name: section.text for section in split_sections(text)}


def _safe(text: str) -> str:
    return " ".join(part for name, part in _split(text).items() if name in LEAKAGE_SAFE)


def test_the_leakage_safe_sections_are_the_default_allow_list() -> None:
    assert set(DataConfig().note_sections) == LEAKAGE_SAFE


def test_a_mimic_cxr_report_is_split() -> None:
    assert _split(_MIMIC_CXR) == {
        "exam": "CHEST (PA AND LAT)",
        "indication": "___ year old woman with cough  // pneumonia?",
        "technique": "Chest PA and lateral",
        "comparison": "___",
        "findings": "The lungs are clear.  Heart size: normal.\n\n Note: the tube has been removed.",
        "impression": "1.  No acute process.\n 2.  Stable scar.",
    }


def test_a_discharge_summary_is_split_and_its_imaging_is_not_history() -> None:
    found = _split(_DISCHARGE)
    assert found.pop("administrative").startswith("___")
    assert found == {
        "allergies": "Penicillins",
        "indication": "cough",
        "history": "Ten days of cough.\n\nNo weight loss.\n- HTN",
        "exam": "Vitals: T 98.6 HR 80\nHEENT: PERRL\nLUNGS: CTAB",
        "labs": "WBC 12.3",
        "imaging": "RLL opacity",
        "hospital_course": "# Pneumonia: treated with ceftriaxone.",
        "medications": "1. Aspirin 81 mg",
        "diagnosis": "Pneumonia",
    }


@pytest.mark.parametrize(
    "text",
    [
        "INDICATION: cough\n\nFINDINGS: clear\n\nIMPRESSION: normal",
        "INDICATION:cough\r\nFINDINGS:clear\r\nIMPRESSION:normal",
        "Indication: cough\nFindings: clear\nImpression: normal",
        "indication: cough\nfindings: clear\nimpression: normal",
        "INDICATION\ncough\n\nFINDINGS\nclear\n\nIMPRESSION\nnormal",
        "Indication\n==========\ncough\n\nFindings\n--------\nclear\n\nImpression\n__________\nnormal",
        "**Indication:** cough\n**Findings**: clear\n**Impression**\nnormal",
        "## Indication\n\ncough\n\n## Findings\n\nclear\n\n## Impression\n\nnormal",
        "1. INDICATION: cough\n2. FINDINGS: clear\n3. IMPRESSION: normal",
        "INDICATION: cough FINDINGS: clear IMPRESSION: normal",
        "Indication: cough Findings: clear. Impression: normal",
        "INDICATION - cough\nFINDINGS - clear\nIMPRESSION - normal",
        "INDICATION\tcough\nFINDINGS\tclear\nIMPRESSION    normal",
        "[INDICATION] cough\n[FINDINGS] clear\n[IMPRESSION] normal",
        "REASON FOR EXAM: cough\nFNDINGS: clear\nIMPRESSOIN: normal",
        "REASON FOR THIS EXAMINATION:\n cough\nCT FINDINGS: clear\nCONCLUSION: normal",
        "IND: cough\nFINDINGS: clear\nIMP: normal",
        "__Indication:__ cough\n__Findings__: clear\n__IMPRESSION__\nnormal",
        "=== INDICATION ===\ncough\n\n=== FINDINGS ===\nclear\n\n=== IMPRESSION ===\nnormal",
        "*Indication*: cough\n_Findings_: clear\n• Impression : normal",
        "(1) Indication: cough\n(2) Findings: clear\n(3) Impression: normal",
        "INDICATION cough\nFINDINGS clear\nIMPRESSION normal",
        "INDICATION\uff1acough\nFINDINGS -> clear\nImpression – normal",
        "Indcation - cough\nFindngs - clear\nImpresion - normal",
        "Indcation\ncough\n\nFindngs\nclear\n\nImpresion\nnormal",
        "INDICATION: cough\n----------\nFINDINGS: clear\n**********\nOPINION: normal\n==========",
        "Indication\tcough\nFindings\t\tclear\nImpression\tnormal",
        "Indication | cough\nFindings | clear\nImpression | normal",
        "INDICATION:- cough\nFINDINGS:-\nclear\nIMPRESSION :- normal",
        "Indication:: cough\nFindings:-- clear\nImpression:=> normal",
        "Indication — cough\nFindings—clear\nImpression -- normal",
        "INDICATION- cough\nFINDINGS- clear\nIMPRESSION- normal",
        "Indication = cough\nFindings = clear\nImpression := normal",
        "Indication ..... cough\nFindings … clear\nImpression ........ normal",
        "Indication        cough\nFindings          clear\nImpression        normal",
        "<b>Indication:</b> cough\n<b>Findings</b>: clear\n<h3>Impression</h3>\nnormal",
        "<<Indication>>\ncough\n\n{FINDINGS}\nclear\n\n(Impression) normal",
        "'Indication': cough\n'Findings': clear\n\u201cImpression\u201d: normal",
        "==========\nINDICATION\n==========\ncough\n\n~~~ Findings ~~~\nclear\n\nImp\n---\nnormal",
        "+------------+\n| INDICATION |\n+------------+\ncough\n\n│ FINDINGS │\nclear\n\n#### Impression:\nnormal",
        "> Indication: cough\n➢ Findings: clear\n■ Impression: normal",
    ],
)
def test_the_layouts_of_headings_are_known(text: str) -> None:
    found = {name: part.strip(".") for name, part in _split(text).items()}
    assert found == {"indication": "cough", "findings": "clear", "impression": "normal"}


@pytest.mark.parametrize(
    ("heading", "name"),
    [
        ("FINDINGS AND IMPRESSION", "findings"),
        ("INDICATION/HISTORY", "indication"),
        ("CLINICAL HISTORY AND FINDINGS", "findings"),
        ("ASSESSMENT AND PLAN", "assessment"),
        ("RECOMMENDATION(S)", "recommendation"),
        ("HX", "history"),
        ("WET READ", "preliminary_read"),
        ("MEDICATIONS ON ADMISSION", "medications"),
        ("CHEST CT", "imaging"),
        ("Referral reason", "indication"),
        ("Clin. indication", "indication"),
        ("Reason for the MRI of the knee", "indication"),
        ("Clincal detials", "history"),
        ("Relevant clinical info", "history"),
        ("Vital signs on arrival", "vitals"),
        ("Priors", "comparison"),
        ("Earlier scans", "comparison"),
        ("Lung findings", "findings"),
        ("In summary", "impression"),
        ("Radiologist's conclusions", "impression"),
        ("Further management", "recommendation"),
        ("Addendum, dictated 14 March 2019 08:15", "addendum"),
        ("Supplementary report", "addendum"),
        ("Narrative", "findings"),
        ("Clinical details provided", "history"),
        ("Relevant past medical, surgical and mental health history", "history"),
        ("HPC", "history"),
        ("PC", "indication"),
        ("Referrer's question", "indication"),
        ("Baseline nursing observations", "vitals"),
        ("Discharge vital signs", "vitals"),
        ("Examination findings on admission", "exam"),
        ("Most recent comparison", "comparison"),
        ("Prior relevant studies", "comparison"),
        ("Prior CT/MRI", "comparison"),
        ("Musculoskeletal findings", "findings"),
        ("Abdominal findngs", "findings"),
        ("Observations on the admission radiograph", "findings"),
        ("Conclusion and opinion", "impression"),
        ("Suggested next steps", "recommendation"),
        ("Laboratory results on discharge", "labs"),
        ("Drug allergies and sensitivities", "allergies"),
        ("Hospital course and treatment", "hospital_course"),
        ("Brief summary of hospital course", "hospital_course"),
        ("Instructions given to the patient", "instructions"),
        ("Safety-net advice", "instructions"),
        ("Medications stopped", "medications"),
        ("Plan and requested actions", "plan"),
    ],
)
def test_headings_open_their_sections(heading: str, name: str) -> None:
    assert _split(f"{heading}: words.") == {name: "words."}


@pytest.mark.parametrize("phrase", ["", "Size", "Right lung", "Note", "HISTOLOGY", "EXAM3", "x" * 500])
def test_other_phrases_are_no_headings(phrase: str) -> None:
    assert heading_of(phrase) is None


@pytest.mark.parametrize(
    "findings",
    [
        "LUNGS: Clear.\nHEART: Normal.\n\nBONES: Intact.",
        "Right lung: clear. Size: 3 cm. Note: seen at 10:22, ratio 3:1.",
        "CT CHEST: Nodule.\nCT ABDOMEN: Normal.",
        "Other findings: none.\nIncidental findings: a cyst.",
        "The lungs are clear, see clinical\nhistory: pneumonia last year.",
        "Please compare with the clinical\nHistory: pneumonia.",
        "Limited study. Exam: limited by motion. Opacity.",
        "Opacity.\nVitals: not known.\nMass.",
        "The findings: opacity. Findings are consistent with pneumonia.",
        "1. Indication of trauma.\n2. Impression of the aorta.\n3. Examination is limited.",
        "Findings  are those of oedema.\nHistory  of surgery is noted.",
        "history- as above. Examination - limited; technique = poor.",
    ],
)
def test_colons_within_findings_do_not_split_them(findings: str) -> None:
    assert _split(f"INDICATION: cough.\n\nFINDINGS: {findings}") == {"indication": "cough.", "findings": findings}


@pytest.mark.parametrize(
    "shown",
    [
        "\n\nOpacity in the right lower lobe.",
        "\nThe lungs are clear.",
        " There is a small left effusion.",
        "\nNo focal consolidation.",
        " Bilateral opacities are seen.",
        "\nPA and lateral views of the chest show an opacity.",
        "\nRADIOGRAPHIC REVIEW: Opacity.",
        "\nWhat we saw: opacity.",
        "\nOBSERVATOINS: Opacity.",
        "\nFINDINGS Opacity.",
        "\n__________\nOpacity.",
        " findings: opacity.",
        " Key Findings: opacity.",
        "\nFINDINGS/HISTORY: Opacity.",
        "\nADDENDUM: Opacity.",
        "\nCXR: Opacity.",
        "\n[Opinion] Opacity.",
        "\nMISUNDERSTOOD - Opacity.",
        "\nABDOMINAL FINDINGS- Opacity.",
        "\nabdominal findngs: Opacity.",
        "\nSHOWN ON THE PICTURES:- Opacity.",
        "\nFindings\tOpacity.",
        "\n<b>Image review</b> Opacity.",
        "\nABDOMINAL OBSERVATIONS; Opacity.",
    ],
)
@pytest.mark.parametrize("heading", ["INDICATION", "CLINICAL HISTORY", "EXAM", "Reason for exam"])
def test_what_the_image_shows_is_never_read_as_history(heading: str, shown: str) -> None:
    text = f"{heading}: Cough for days.{shown}"
    assert _safe(text) == "Cough for days."
    assert "pacity" not in _safe(text)


@pytest.mark.parametrize(
    "said",
    [
        "Asthma since childhood: two inhalers.",
        "Pre-operative assessment: knee.",
        "?PE Pre-operative\nassessment: knee.",
    ],
)
def test_a_colon_within_an_indication_does_not_end_it(said: str) -> None:
    assert _safe(f"INDICATION: Cough. {said}\n\nFINDINGS: clear.") == f"Cough. {said}"


def test_findings_without_a_heading_end_the_history_of_a_report_but_not_that_of_a_clinical_note() -> None:
    history = "MEDICAL HISTORY: Asthma.\n\nOpacity at the left base.\n\n"
    assert _safe(history + "IMPRESSION: pneumonia.") == "Asthma."
    assert _safe(history + "MEDICATIONS: none.\n\nPLAN: rest.") == "Asthma.\n\nOpacity at the left base."


def test_a_paragraph_that_names_a_sign_ends_a_history_where_nothing_tells_what_the_note_is() -> None:
    assert _safe("MEDICAL HISTORY:\n\nAsthma.\n\n1. A 12 mm nodule at the apex.\n2. More below.") == "Asthma."
    assert _safe("MEDICAL HISTORY:\n\nAsthma.\n\nLives alone.") == "Asthma.\n\nLives alone."


def test_titles_and_numbered_findings_open_no_section() -> None:
    assert heading_of("CT REPORT") is None
    numbered = "1. Nodule.\n2. Follow-up: in a year."
    assert _split(f"IMPRESSION:\n{numbered}") == {"impression": numbered}


def test_a_plan_in_a_radiology_report_is_a_recommendation() -> None:
    assert set(_split("FINDINGS: nodule.\n\nFOLLOW-UP: CT in a year.")) == {"findings", "recommendation"}


@pytest.mark.parametrize(
    ("heading", "unknown"),
    [
        ("INDICATION: ", " KEY POINTS: "),
        ("Indication: ", " Image review: "),
        ("indication: ", "\nkey points: "),
        ("Indication - ", "\nKey points - "),
        ("Indication = ", "\nKey points = "),
        ("Indication:\n", "\nKey points:\n"),
        ("Indication\n", "\nKey points\n"),
        ("INDICATION\n", "\nKEY POINTS\n"),
        ("**Indication:** ", " **Image review:** "),
        ("EXAM: ", " KEY POINTS: "),
        ("Exam: ", " Key points: "),
    ],
)
def test_an_unknown_heading_that_is_written_like_the_others_ends_an_indication(heading: str, unknown: str) -> None:
    said = "CT of the chest" if heading.lower().startswith("exam") else "Cough for days."
    assert _safe(f"{heading}{said}{unknown}Shadowing at the left base.").removesuffix("**") == said


@pytest.mark.parametrize("below", ["\nLungs: hazy base.", " Lungs: hazy base.", "\nLUNGS/AIRWAYS: hazy base."])
def test_organs_below_the_name_of_an_examination_are_findings_and_in_a_physical_examination_they_are_not(
    below: str,
) -> None:
    assert _safe(f"Exam: CT chest with contrast{below}\nImpression: normal.") == "CT chest with contrast"
    physical = f"Physical exam: Alert.{below}"
    assert _safe(f"{physical}\nMedications: none.") == physical.removeprefix("Physical exam: ")


@pytest.mark.parametrize(
    "said", ["Query PE: raised D-dimer.", "Cough, known COPD: two inhalers.", "Cough.\nQuery\nPE: dyspnea."]
)
def test_the_abbreviation_of_a_disease_before_a_colon_is_no_heading(said: str) -> None:
    assert _split(f"INDICATION: {said}\n\nFINDINGS: clear.") == {"indication": said, "findings": "clear."}


@pytest.mark.parametrize("abbreviation", ["PE", "FH", "SH", "VS"])
def test_an_abbreviation_leads_not_from_the_findings_back_to_history(abbreviation: str) -> None:
    assert _safe(f"HISTORY: cough.\n\nIMPRESSION: No change.\n\n{abbreviation}: none seen.") == "cough."


def test_a_diagnosis_of_a_clinical_note_is_neither_impression_nor_indication() -> None:
    for heading in ("FINAL DIAGNOSIS", "ADMITTING DIAGNOSIS"):
        assert _split(f"{heading}: gout.\n\nMEDICATIONS: none.\n\nPLAN: rest.")["diagnosis"] == "gout."
    assert _split("ADMITTING DIAGNOSIS: gout.\n\nFINDINGS: clear.")["indication"] == "gout."
    assert _split("FINDINGS: tophi.\n\nFINAL DIAGNOSIS: gout.")["impression"] == "gout."


@pytest.mark.parametrize("end", ["  ", "\t", " - ", ":\n"])
def test_an_addendum_needs_no_colon(end: str) -> None:
    found = _split(f"FINDINGS: clear.\n\nRECOMMENDATION: none.\n\nADDENDUM{end}The wet read was called.")
    assert (found["recommendation"], found["addendum"]) == ("none.", "The wet read was called.")


@pytest.mark.parametrize(
    "line",
    [
        "I have personally reviewed the images for this examination and agree with the report above.",
        "I, the attending radiologist, have reviewed the images and agree with the findings.",
        "The attending radiologist has reviewed the study and the resident's report.",
        "Images reviewed by the attending radiologist.",
        "Thank you for this referral.",
    ],
)
def test_an_attestation_is_no_part_of_the_impression(line: str) -> None:
    assert _split(f"IMPRESSION: normal.\n\n{line}") == {"impression": "normal.", "signature": line}


@pytest.mark.parametrize("line", ["Dr A. Reader, FRCR", "Electronically signed by A. Reader", "Consultant Radiologist"])
def test_a_signature_needs_no_heading(line: str) -> None:
    assert _split(f"IMPRESSION: normal.\n\n{line}")["impression"] == "normal."


def test_text_under_no_heading_is_a_note() -> None:
    text = "Seen by the team.\n\nINDICATION: cough.\n\nIn good state.\n\nFINDINGS: clear."
    assert _split(text) == {
        "note": "Seen by the team.\nIn good state.",
        "indication": "cough.",
        "findings": "clear.",
    }


def test_a_text_without_headings_is_one_note_and_an_empty_one_has_no_sections() -> None:
    assert _split("fever and cough\n") == {"note": "fever and cough"}
    assert split_sections("") == split_sections(" \r\n\n") == split_sections("FINDINGS:\n\nIMPRESSION:\n") == ()


def test_a_heading_that_is_repeated_is_one_section() -> None:
    text = "FINDINGS: clear.\nIMPRESSION: normal.\nFINDINGS: still clear."
    assert _split(text) == {"findings": "clear.\nstill clear.", "impression": "normal."}


def test_an_addendum_keeps_its_own_headings_and_time() -> None:
    text = (
        "HISTORY: cough.\nFINDINGS: clear.\nIMPRESSION: normal.\n\n"
        "ADDENDUM by Dr. A. Reader on 03/14/2019 at 10:22 AM: HISTORY: revised.\nIMPRESSION: pneumonia."
    )
    addendum = split_sections(text)[-1]
    assert (addendum.name, addendum.text) == ("addendum", "HISTORY: revised.\nIMPRESSION: pneumonia.")
    assert str(addendum.at) == "2019-03-14 10:22:00"
    assert _safe(text) == "cough."


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("*** ADDENDUM ***\n2019-03-14 10:22 A nodule.", "2019-03-14 10:22:00"),
        ("ADDENDUM #1 - 14 March 2019:\nA nodule.", "2019-03-14 00:00:00"),
        ("ADDENDUM: Compared with 03/14/2019, a nodule.", "None"),
        ("ADDENDUM 03/04/2019: A nodule.", "None"),
        ("ADDENDUM: 03/14/2019\nA.\nADDENDUM: 03/16/2019\nB.", "2019-03-16 00:00:00"),
    ],
)
def test_an_addendum_has_the_time_of_its_heading_only(text: str, at: str) -> None:
    (addendum,) = split_sections(text)
    assert (addendum.name, str(addendum.at)) == ("addendum", at)


def test_what_follows_an_addendum_at_the_top_is_the_report() -> None:
    assert _split("ADDENDUM: a nodule.\n\nFINAL REPORT\nINDICATION: cough.\nFINDINGS: clear.") == {
        "addendum": "a nodule.",
        "indication": "cough.",
        "findings": "clear.",
    }


def test_the_time_of_dictation_is_that_of_what_the_reader_wrote() -> None:
    text = "INDICATION: cough.\nFINDINGS: clear.\n\nDictated by: A. Reader 04/03/2019 10:22"
    times = {s.name: s.at and s.at.isoformat() for s in split_sections(text, order=DateOrder.DAY_FIRST)}
    assert times == {"indication": None, "findings": "2019-03-04T10:22:00", "signature": "2019-03-04T10:22:00"}
    assert {section.at for section in split_sections(text)} == {None}  # 3 April or 4 March?


def test_the_date_of_a_clinical_note_is_that_of_all_its_sections() -> None:
    sections = split_sections("NOTE DATE: 2019-03-14 08:00\nHISTORY: cough.\nPLAN: rest.")
    assert {str(section.at) for section in sections} == {"2019-03-14 08:00:00"}


def test_signatures_are_no_part_of_the_impression() -> None:
    assert _split("IMPRESSION: normal.\n\nElectronically signed by: A. Reader\nOn the ward.") == {
        "impression": "normal.",
        "signature": "A. Reader",
        "note": "On the ward.",
    }


def test_observations_of_a_clinical_note_are_vital_signs_where_it_has_some() -> None:
    rest = "\n\nMEDICATIONS: none.\n\nPLAN: rest."
    assert _split(f"OBSERVATIONS: BP 120/80, HR 72.{rest}")["vitals"] == "BP 120/80, HR 72."
    assert _safe(f"OBSERVATIONS: The lungs are clear, HR and BP not known.{rest}") == ""
    assert _safe("OBSERVATIONS: BP 120/80, HR 72.\n\nIMPRESSION: normal.") == ""


def test_the_name_of_an_examination_in_capitals_below_its_heading_is_no_heading() -> None:
    text = "EXAM TYPE\nCTA CHEST W WO CONTRAST\n\nFINDINGS\nclear."
    assert _split(text) == {"exam": "CTA CHEST W WO CONTRAST", "findings": "clear."}


def test_a_list_keeps_its_entries_that_look_like_headings() -> None:
    allergies = "Sulfa drugs: rash\nLatex"
    assert _split(f"ALLERGIES\n{allergies}\n\nMEDICATIONS\nnone")["allergies"] == allergies


@pytest.mark.parametrize("unknown", [" BODY: ", "\nBody: ", "\nBODY: ", "\nBody = "])
def test_an_unknown_heading_ends_the_medical_history_of_a_report(unknown: str) -> None:
    sign = " = " if "=" in unknown else ": "
    heading = "MEDICAL HISTORY" if unknown.isupper() else "Medical history"
    assert _safe(f"{heading}{sign}Asthma.{unknown}Shadowing at the base.\n\nIMPRESSION{sign}normal.") == "Asthma."


@pytest.mark.parametrize("heading", ["CC", "O/E", "PMH"])
def test_a_short_heading_may_be_underlined(heading: str) -> None:
    (found,) = _split(f"{heading}\n{'_' * len(heading)}\nwords.").values()
    assert found == "words."


def test_a_title_with_nothing_below_it_is_a_note() -> None:
    assert _split("FINAL REPORT\n\nINDICATION: cough.") == {"note": "FINAL REPORT", "indication": "cough."}


def test_a_number_that_ends_a_sentence_on_the_next_line_is_kept() -> None:
    assert _split("PLAN: off oxygen by day\n4.\n\nMEDICATIONS: none.")["plan"] == "off oxygen by day\n4."


@pytest.mark.parametrize(
    "role", ["Specialist Registrar in Radiology", "Dept. of Radiology, Ext 4410", "14/03/2019 10:22"]
)
def test_who_signs_may_take_several_lines(role: str) -> None:
    found = _split(f"IMPRESSION: normal.\n\nVerified by: A. Reader\n{role}")
    assert found == {"impression": "normal.", "signature": f"A. Reader\n{role}"}


def test_a_letter_ends_with_its_closing() -> None:
    assert _split("IMPRESSION: normal.\n\nYours sincerely,\nDr A. Reader")["impression"] == "normal."


def test_spans_count_the_characters_of_the_note() -> None:
    for span in section_spans(_MIMIC_CXR):
        assert _MIMIC_CXR[span.start : span.end] == _split(_MIMIC_CXR)[span.name]


def test_nothing_but_headings_and_space_is_lost() -> None:
    kept = "".join(_split(_DISCHARGE).values())
    for word in ("Penicillins", "cough", "HTN", "PERRL", "12.3", "RLL", "ceftriaxone", "Aspirin", "Pneumonia"):
        assert word in kept


_UNITS = (
    *(" ", "\n", "\t", "A: ", "a. a. :", "- ", "1. ", "_", "*", "<b>", "A- ", "\u2014", "| ", "..", "A\t"),
    *("HISTORY (", "HISTORY | ", "ADDENDUM by ", "INDICATION: the lungs ", "there is ", "Dictated: 1/1/"),
    *("FINDINGS: a\n***\n", "FINDINGS: The lungs are clear.\n\n", "Signed by: A\nB C\n"),
)


@pytest.mark.parametrize("unit", _UNITS)
def test_time_grows_with_length_only(unit: str) -> None:
    def seconds(length: int) -> float:
        text = "HISTORY: x" + unit * (length // len(unit)) + "\n"
        tries = []
        for _ in range(3):  # the fastest is the one that nothing else slowed down
            started = time.process_time()
            split_sections(text)
            tries.append(time.process_time() - started)
        return min(tries)

    assert seconds(160_000) < 20 * max(seconds(20_000), 0.01)


def test_noise_never_raises() -> None:
    draw = random.Random(0)
    words = [
        "FINDINGS:",
        "history:",
        "ADDENDUM",
        "\n",
        "\n\n",
        "**",
        "==",
        "12:30",
        "_",
        "(",
        ")",
        "#",
        "ok.",
        "\r",
        " ",
        ":",
    ]
    for _ in range(300):
        text = " ".join(draw.choices(words, k=40))
        assert all(section.text.strip() for section in split_sections(text))


@pytest.mark.real_data
def test_open_i_reports_are_split_back(shared_data: Path) -> None:
    with (shared_data / "openi-reports" / "reports.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    names = ("indication", "comparison", "findings", "impression")
    exact = 0
    for row in rows:
        found = _split("\n\n".join(f"{name.upper()}: {row[name]}" for name in names))
        exact += found == {name: row[name].strip() for name in names if row[name].strip()}
    assert exact / len(rows) > 0.99


def test_the_study_is_the_exam_and_an_addendum_begins_where_it_says_so() -> None:
    found = split_sections("STUDY: CT chest\nFINDINGS: Clear.\nADDENDUM BEGINS\nNo fracture.")
    assert {section.name: section.text for section in found} == {
        "exam": "CT chest",
        "findings": "Clear.",
        "addendum": "No fracture.",
    }


def test_colons_in_a_column_are_no_part_of_the_text():
    report = "INDICATION FOR EXAM     : Chest pain.\nFINDINGS                : Clear lungs.\nCONCLUSION   : Normal."
    found = {section.name: section.text for section in split_sections(report)}
    assert found == {"indication": "Chest pain.", "findings": "Clear lungs.", "impression": "Normal."}
