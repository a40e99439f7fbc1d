"""Tiny copies of public collections in their original layouts, with texts and numbers of our own."""

import csv
import gzip
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import nibabel as nib
import numpy as np
from PIL import Image

CHEXPERT_LABELS = (
    *("No Finding", "Enlarged Cardiomediastinum", "Cardiomegaly", "Lung Opacity", "Lung Lesion", "Edema"),
    *("Consolidation", "Pneumonia", "Atelectasis", "Pneumothorax", "Pleural Effusion", "Pleural Other"),
    *("Fracture", "Support Devices"),
)

Row = Mapping[str, object]


def write_png(path: Path, *, seed: int = 0) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.random.default_rng(seed).integers(0, 256, (12, 10), dtype=np.uint8)).save(path)
    return path


def write_nifti(path: Path, *, seed: int = 0) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    values = np.random.default_rng(seed).normal(size=(4, 5, 6)).astype(np.float32)
    nib.save(nib.Nifti1Image(values, np.eye(4)), path)
    return path


def write_table(path: Path, rows: Sequence[Row], *, columns: Sequence[str] = ()) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    columns = columns or list(dict.fromkeys(name for row in rows for name in row))
    opened = gzip.open if path.suffix == ".gz" else open
    with opened(path, "wt", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, columns, delimiter="\t" if ".tsv" in path.name else ",")
        writer.writeheader()
        writer.writerows(rows)
    return path


def write_text(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def openi_xml(root: Path) -> Path:
    """Report 1 has two images, 2 is normal, 3 was not coded, 4 has no image, and 5 is cut off."""
    two = ["1_IM-0001-3001", "1_IM-0001-4001"]
    reports = {
        1: ("Chest pain.", ["Cardiomegaly/borderline", "Pleural Effusion/left/small"], two),
        2: ("Cough.", ["normal"], ["2_IM-0652-1001"]),
        3: ("", ["No Indexing"], ["3_IM-1384-1001"]),
        4: ("Fever.", ["Fractures, Bone/ribs/healed"], []),
    }
    for number, (indication, headings, images) in reports.items():
        major = "".join(f"<major>{heading}</major>" for heading in headings)
        parents = "".join(f'<parentImage id="CXR{image}"><caption>PA</caption></parentImage>' for image in images)
        sections = {"COMPARISON": "None.", "INDICATION": indication, "FINDINGS": "Seen.", "IMPRESSION": "Known."}
        abstract = "".join(f'<AbstractText Label="{name}">{text}</AbstractText>' for name, text in sections.items())
        write_text(
            root / "ecgen-radiology" / f"{number}.xml",
            f'<?xml version="1.0" encoding="utf-8"?><eCitation><uId id="CXR{number}"/><MedlineCitation><Article>'
            f"<Abstract>{abstract}</Abstract></Article></MedlineCitation><MeSH>{major}"
            f"<automatic>heart</automatic></MeSH>{parents}</eCitation>",
        )
        for image in images:
            write_png(root / "NLMCXR_png" / f"CXR{image}.png")
    write_text(root / "ecgen-radiology" / "5.xml", "<eCitation><uId")
    return root


def openi_tables(root: Path) -> Path:
    """The release on Kaggle: report 1 has two images, report 2 none, and image 9 no report."""
    columns = ("uid", "MeSH", "Problems", "image", "indication", "comparison", "findings", "impression")
    reports = [
        {
            "uid": 1,
            "MeSH": "Opacity/lung/base/left;Cardiomegaly/mild",
            "indication": "Pain,\nleft",
            "findings": "Seen.",
        },
        {"uid": 2, "MeSH": "normal", "impression": "Known."},
    ]
    write_table(root / "indiana_reports.csv", reports, columns=columns)
    projections = [
        {"uid": 1, "filename": "1_IM-0001-4001.dcm.png", "projection": "Frontal"},
        {"uid": 1, "filename": "1_IM-0001-3001.dcm.png", "projection": "Lateral"},
        {"uid": 9, "filename": "9_IM-2407-1001.dcm.png", "projection": "Frontal"},
    ]
    write_table(root / "indiana_projections.csv", projections)
    for row in projections:
        write_png(root / "images" / "images_normalized" / str(row["filename"]))
    return root


def mimic_cxr(root: Path, *, suffix: str = ".jpg", packed: bool = True) -> Path:
    """Two studies of one patient and one of another, whose image is missing; one study has no report."""
    end = ".csv.gz" if packed else ".csv"
    images = [
        ("02aa804e", "10000032", "50414267", "PA", "21800506", "213014.53100000002"),
        ("174413ec", "10000032", "50414267", "LATERAL", "21800506", "213014.53100000002"),
        ("2a2277a9", "10000032", "53189527", "AP", "21800626", "5556.875"),
        ("e084de3b", "11000764", "53911762", "", "21800723", ""),
    ]
    metadata = ("dicom_id", "subject_id", "study_id", "ViewPosition", "StudyDate", "StudyTime")
    rows = [dict(zip(metadata, image, strict=True)) | {"Rows": "3056"} for image in images]
    write_table(root / f"mimic-cxr-2.0.0-metadata{end}", rows)
    splits = dict(zip(("50414267", "53189527", "53911762"), ("train", "train", "validate"), strict=True))
    ids = [{name: row[name] for name in ("dicom_id", "study_id", "subject_id")} for row in rows]
    write_table(root / f"mimic-cxr-2.0.0-split{end}", [row | {"split": splits[row["study_id"]]} for row in ids])
    labels = [
        {
            "subject_id": "10000032",
            "study_id": "50414267",
            "Pleural Effusion": "1.0",
            "Edema": "-1.0",
            "Pneumonia": "0.0",
        },
        {"subject_id": "11000764", "study_id": "53911762", "No Finding": "1.0"},
        {"subject_id": "12000000", "study_id": "59999999", "No Finding": "1.0"},
    ]
    write_table(root / f"mimic-cxr-2.0.0-chexpert{end}", labels, columns=("subject_id", "study_id", *CHEXPERT_LABELS))
    for image, subject, study, *_ in images[:3]:
        write_png(root / "files" / f"p{subject[:2]}" / f"p{subject}" / f"s{study}" / f"{image}.png").rename(
            root / "files" / f"p{subject[:2]}" / f"p{subject}" / f"s{study}" / f"{image}{suffix}"
        )
    report = "FINAL REPORT\n INDICATION: Cough.\n\n FINDINGS: Seen.\n\n IMPRESSION: Known.\n"
    write_text(root / "files" / "p10" / "p10000032" / "s50414267.txt", report)
    write_text(root / "files" / "p11" / "p11000764" / "s53911762.txt", report)
    return root


def mimic_cxr_dicom(root: Path) -> Path:
    """MIMIC-CXR alone: a list of records, and none of the tables of MIMIC-CXR-JPG."""
    mimic_cxr(root, suffix=".dcm")
    for table in root.glob("mimic-cxr-2.0.0-*"):
        table.unlink()
    record = {"subject_id": "10000032", "study_id": "50414267", "dicom_id": "02aa804e"}
    path = "files/p10/p10000032/s50414267/02aa804e.dcm"
    write_table(root / "cxr-record-list.csv.gz", [record | {"path": path}])
    return root


def chexpert_row(path: str, *, side: str = "Frontal", projection: str = "AP", **labels: object) -> Row:
    about = {"Path": path, "Sex": "Female", "Age": "68", "Frontal/Lateral": side, "AP/PA": projection}
    return about | {name.replace("_", " "): value for name, value in labels.items()}


def chexpert(root: Path) -> Path:
    """Two studies of one patient, one with two views; the image of the second is missing."""
    columns = ("Path", "Sex", "Age", "Frontal/Lateral", "AP/PA", *CHEXPERT_LABELS)
    top = "CheXpert-v1.0-small"
    labels = {"Pleural_Effusion": "1.0", "Edema": "-1.0", "Fracture": "0.0"}
    train = [
        chexpert_row(f"{top}/train/patient00001/study1/view1_frontal.jpg", **labels),
        chexpert_row(f"{top}/train/patient00001/study1/view2_lateral.jpg", side="Lateral", projection="", **labels),
        chexpert_row(f"{top}/train/patient00001/study2/view1_frontal.jpg", projection="PA"),
    ]
    valid = [chexpert_row(f"{top}/valid/patient64541/study1/view1_frontal.jpg", Cardiomegaly="0.0")]
    write_table(root / "train.csv", train, columns=columns)
    write_table(root / "valid.csv", valid, columns=columns)
    write_png(root / "train" / "patient00001" / "study1" / "view1_frontal.jpg")
    write_png(root / "train" / "patient00001" / "study1" / "view2_lateral.jpg")
    write_png(root / "valid" / "patient64541" / "study1" / "view1_frontal.jpg")
    return root


def chexpert_plus(root: Path) -> Path:
    """A study with two views and a report, and one of the validation patients without findings."""
    rows = [
        {
            "path_to_image": "train/patient42142/study5/view1_frontal.jpg",
            "path_to_dcm": "train/patient42142/study5/view1_frontal.dcm",
            "frontal_lateral": "Frontal",
            "ap_pa": "AP",
            "deid_patient_id": "patient42142",
            "report": "whole",
            "section_clinical_history": "Shortness of breath.",
            "section_history": "Smoker.",
            "section_findings": "Seen,\nin two lines.",
            "section_impression": "Known.",
            "section_accession_number": "CANARY-4711",
            "age": "61.0",
            "sex": "Male",
            "split": "train",
        },
        {
            "path_to_image": "valid/patient64541/study1/view1_frontal.jpg",
            "frontal_lateral": "Frontal",
            "ap_pa": "PA",
            "deid_patient_id": "patient64541",
            "section_impression": "Known.",
            "age": "n/a",
            "sex": "Unknown",
            "split": "valid",
        },
    ]
    lateral = rows[0] | {
        "path_to_image": "train/patient42142/study5/view2_lateral.jpg",
        "frontal_lateral": "Lateral",
        "ap_pa": "",
    }
    write_table(root / "df_chexpert_plus_240401.csv", [rows[0], lateral, rows[1]])
    empty = dict.fromkeys(CHEXPERT_LABELS)
    first = empty | {"path_to_image": rows[0]["path_to_image"], "Edema": 1.0, "Pneumonia": -1.0, "Fracture": 0.0}
    second = empty | {"path_to_image": rows[1]["path_to_image"], "No Finding": 1.0, "Edema": float("nan")}
    lines = [first, first | {"path_to_image": lateral["path_to_image"]}, second]
    write_text(root / "chexbert_labels" / "report_fixed.json", "\n".join(map(json.dumps, lines)))
    for row in (rows[0], lateral, rows[1]):
        write_png((root / "PNG" / str(row["path_to_image"])).with_suffix(".png"))
    return root


def padchest(root: Path) -> Path:
    """A study with two projections, unclear and excluded ones, one without a report and one without a patient."""
    columns = (
        *("", "ImageID", "ImageDir", "StudyDate_DICOM", "StudyID", "PatientID", "PatientBirth", "PatientSex_DICOM"),
        *("ViewPosition_DICOM", "Projection", "Modality_DICOM", "ReportID", "Report", "MethodLabel", "Labels"),
    )
    names = ("ImageID", "StudyID", "PatientID", "Projection", "Labels", "Report", "Modality_DICOM")
    two = ("['atypical pneumonia', ' pleural effusion']", "derram pleural")
    images = [
        ("a.png", "S1", "P1", "PA", *two, ""),
        ("b.png", "S1", "P1", "L", *two, ""),
        ("c.png", "S2", "P1", "AP_horizontal", "['unchanged', 'pneumonia']", "sin cambi", ""),
        ("d.png", "S3", "P2", "PA", "['normal']", "normal", "CR"),
        ("e.png", "S4", "P3", "EXCLUDE", "['exclude']", "", ""),
        ("f.png", "S5", "P4", "PA", "", "", ""),
        ("g.png", "S6", "", "PA", "['normal']", "", ""),
    ]
    about = {"ImageDir": "0", "StudyDate_DICOM": "20140915", "PatientBirth": "1930.0", "PatientSex_DICOM": "F"}
    rows = [about | dict(zip(names, image, strict=True)) for image in images]
    write_table(root / "PADCHEST_chest_x_ray_images_labels_160K_01.02.19.csv", rows, columns=columns)
    for row in rows:
        write_png(root / "0" / str(row["ImageID"]))
    return root


def nih_chestxray14(root: Path) -> Path:
    """The corrected table; the official test list; images in two folders, one missing; one image in neither list."""
    names = (
        "Image Index",
        "Finding Labels",
        "Follow-up #",
        "Patient ID",
        "Patient Age",
        "Patient Gender",
        "View Position",
    )
    header = f"{','.join(names)},OriginalImage[Width,Height],OriginalImagePixelSpacing[x,y],\n"
    lines = [
        "00000001_000.png,Cardiomegaly|Pleural_Thickening,0,1,058Y,M,PA,2682,2749,0.143,0.143,",
        "00000001_001.png,No Finding,1,1,414,M,AP,2894,2729,0.143,0.143,",
        "00000002_000.png,Effusion,0,2,80,F,PA,2500,2048,0.171,0.171,",
        "00000003_000.png,Hernia,0,3,74,F,PA,2500,2048,0.168,0.168,",
    ]
    write_text(root / "Data_Entry_2017_v2020.csv", header + "\n".join(lines) + "\n")
    write_text(root / "train_val_list.txt", "00000001_000.png\n00000001_001.png\n")
    write_text(root / "test_list.txt", "00000002_000.png\n")
    write_png(root / "images_001" / "images" / "00000001_000.png")
    write_png(root / "images_001" / "images" / "00000001_001.png")
    write_png(root / "images_002" / "images" / "00000002_000.png")
    return root


def covid_chestxray(root: Path) -> Path:
    """Two views of one day, a later CT, a pneumonia of unnamed cause, one without a diagnosis, one without findings."""
    rows = [
        {"patientid": "2", "offset": "0", "finding": "Pneumonia/Viral/COVID-19", "view": "PA", "filename": "a.jpg"},
        {"patientid": "2", "offset": "0", "finding": "Pneumonia/Viral/COVID-19", "view": "L", "filename": "b.jpg"},
        {
            "patientid": "2",
            "offset": "5",
            "finding": "Pneumonia/Viral/COVID-19",
            "view": "Axial",
            "filename": "c.nii.gz",
        },
        {"patientid": "3", "offset": "", "finding": "Pneumonia", "view": "AP Supine", "filename": "d.png"},
        {"patientid": "4", "offset": "1", "finding": "todo", "view": "PA", "filename": "e.png"},
        {"patientid": "5", "offset": "1", "finding": "No Finding", "view": "PA", "filename": "f.png"},
    ]
    about = {
        "sex": "M",
        "age": "65",
        "survival": "Y",
        "went_icu": "",
        "temperature": "38.5",
        "modality": "X-ray",
        "folder": "images",
    }
    rows = [about | row | {"clinical_notes": "Fever, dry cough."} for row in rows]  # fmt: skip
    rows[2] |= {"modality": "CT", "folder": "volumes"}
    write_table(root / "metadata.csv", rows)
    for row in rows:
        if row["folder"] == "images":
            write_png(root / "images" / str(row["filename"]))
    return root


def medpix(root: Path) -> Path:
    """A CT case, an MR case, a case without a known category, and one that is no case at all."""

    def case(uid: str, *, category: str, ct: Sequence[str] = (), mr: Sequence[str] = (), exam: str = "Tender.") -> Row:
        text = {"Title": "T", "History": "Pain.", "Exam": exam, "Findings": "Seen.", "Case Diagnosis": "Known."}
        return {"U_id": uid, "TAC": list(ct), "MRI": list(mr), "Case": text, "Topic": {"Category": category}}

    cases = [
        case("MPX1009", category="Diverticulum", ct=["MPX1009_synpic1", "MPX1009_synpic2"], exam="N/A"),
        case("MPX1024", category="Neoplasm, carcinoma", mr=["MPX1024_synpic3"]),
        case("MPX1035", category="Unsure", ct=["MPX1035_synpic4"]),
        {"U_id": "MPX1036", "TAC": [], "MRI": []},
    ]
    write_text(root / "Case_topic.json", json.dumps(cases))

    def image(name: str, *, kind: str, age: str | None, place: str) -> Row:
        about = {"Age": age, "Sex": "male", "Plane": "Axial", "Caption": "Seen."}
        return {"Type": kind, "U_id": name[:7], "image": name, "Description": about, "Location Category": place}

    described = [
        image("MPX1009_synpic1", kind="CT", age="73", place="Reproductive and Urinary System"),
        image("MPX1009_synpic2", kind="CT", age=None, place="Reproductive and Urinary System"),
        image("MPX1024_synpic3", kind="MR", age="60", place="Thorax"),
    ]
    write_text(root / "Descriptions.json", json.dumps(described))
    splits = {"train": ["MPX1009"], "train_1": ["MPX1009"], "dev": ["MPX1024"], "test": ["MPX1035"]}
    write_text(root / "splitted_dataset" / "uid_list.json", json.dumps(splits))
    for name in ("MPX1009_synpic1", "MPX1009_synpic2", "MPX1024_synpic3"):
        write_png(root / "images" / f"{name}.png")
    return root


def bids(root: Path) -> Path:
    """A participant with two sessions, one without, one without a folder, and one with no structural image."""
    write_text(root / "dataset_description.json", '{"Name": "tiny", "BIDSVersion": "1.10.0"}')
    people = [
        {"participant_id": "sub-01", "age": "34", "sex": "F", "group": "patient"},
        {"participant_id": "sub-02", "age": "89+", "sex": "n/a", "group": "control"},
        {"participant_id": "sub-03", "age": "20", "sex": "M", "group": "n/a"},
    ]
    write_table(root / "participants.tsv", people)
    first = write_nifti(root / "sub-01" / "ses-a" / "anat" / "sub-01_ses-a_T1w.nii.gz")
    write_text(first.with_name("sub-01_ses-a_T1w.json"), '{"Modality": "MR", "BodyPartExamined": "brain"}')
    scans = [{"filename": f"anat/{first.name}", "acq_time": "2019-03-01T10:20:30"}]
    write_table(root / "sub-01" / "ses-a" / "sub-01_ses-a_scans.tsv", scans)
    write_nifti(root / "sub-01" / "ses-b" / "anat" / "sub-01_ses-b_T1w.nii.gz")
    write_nifti(root / "sub-01" / "ses-b" / "anat" / "sub-01_ses-b_T2w.nii.gz")
    write_nifti(root / "sub-01" / "ses-b" / "func" / "sub-01_ses-b_task-rest_bold.nii.gz")
    write_nifti(root / "sub-02" / "anat" / "sub-02_T1w.nii.gz")
    write_nifti(root / "sub-02" / "anat" / "sub-02_label-lesion_mask.nii.gz")
    write_nifti(root / "sub-04" / "dwi" / "sub-04_dwi.nii.gz")
    return root


def nifti_folder(root: Path) -> Path:
    """Volumes right in the folder, in a folder per patient, and in the folders of the Decathlon."""
    write_nifti(root / "alone.nii.gz")
    write_nifti(root / "P1" / "first" / "t1.nii.gz")
    write_nifti(root / "P1" / "first" / "flair.nii")
    write_nifti(root / "P1" / "first" / "P1_seg.nii.gz")
    write_nifti(root / "P1" / "second" / "t1.nii.gz")
    write_nifti(root / "imagesTr" / "lung_001.nii.gz")
    write_nifti(root / "labelsTr" / "lung_001.nii.gz")
    return root
