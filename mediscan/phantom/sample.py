"""A small sample that shows what users have: images in several file forms, and a table that names them."""

import csv
from collections.abc import Sequence
from pathlib import Path

from mediscan.manifest import Manifest
from mediscan.phantom.cases import PhantomCase
from mediscan.phantom.forms import FileForm
from mediscan.phantom.notes import SECTIONS
from mediscan.phantom.rules import FINDINGS
from mediscan.phantom.write import write_studies

TABLE_NAME = "studies.csv"
SAMPLE_FORMS = (
    FileForm.DICOM_JPEG_LS,
    FileForm.DICOM_JPEG_2000,
    FileForm.DICOM_RLE,
    FileForm.DICOM_JPEG_2000,
    FileForm.DICOM_JPEG_LS,
    FileForm.DICOM,
    FileForm.DICOM_JPEG_LS,
    FileForm.PNG,
    FileForm.DICOM_JPEG_2000,
    FileForm.DICOM_JPEG_LS,
    FileForm.NIFTI,
    FileForm.DICOM_JPEG_2000,
)
"""Mostly packed, to keep the sample small."""


def write_sample(cases: Sequence[PhantomCase], out: Path) -> Path:
    """Write studies in mixed file forms, and `studies.csv` beside the manifest: one row per image, as a user has it.

    Args:
        cases: The studies.
        out: The folder.

    Returns:
        The manifest's path.

    Raises:
        ConfigError: A codec is not installed.
    """
    path = write_studies(cases, out, forms=SAMPLE_FORMS, workers=1)
    root = out.absolute()
    with (out / TABLE_NAME).open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file, lineterminator="\n")
        rows.writerow(["study", "patient", "image", *SECTIONS, "age_years", "sex", *FINDINGS.names, "split"])
        for study in Manifest.read(path).studies():
            text = {section.name: section.text for section in study.note}
            facts = [
                f"{study.age_years:.0f}",
                study.sex,
                *(study.labels.get(name) for name in FINDINGS.names),
                study.split,
            ]
            notes = [text.get(section, "") for section in SECTIONS]
            for image in [Path(ref.path).relative_to(root).as_posix() for ref in study.images] or [""]:
                rows.writerow([study.study_id, study.patient_id, image, *notes, *facts])
    return path
