"""Synthetic studies as files: DICOM images, a manifest, and beside it the truth that no model may read."""

import json
from collections.abc import Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from hashlib import sha256
from multiprocessing import get_context
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from mediscan.manifest import Manifest
from mediscan.phantom.cases import PhantomCase
from mediscan.phantom.dicom import spacing_mm
from mediscan.phantom.forms import FileForm, encode
from mediscan.phantom.image import Region
from mediscan.phantom.notes import SECTIONS
from mediscan.phantom.rules import FINDINGS
from mediscan.progress import Progress, silent
from mediscan.study import ImageMeta, ImageRef, NoteSection, Study

MANIFEST_NAME, TRUTH_NAME = "manifest.parquet", "truth.parquet"
_STAGE = "drawing studies"
_MIN_STUDIES_FOR_WORKERS = 64


@dataclass(frozen=True, kw_only=True)
class WrittenImage:
    """An image file and what is where on it; `path` is relative to the output folder."""

    path: str
    meta: ImageMeta
    regions: tuple[Region, ...]


def write_studies(
    cases: Sequence[PhantomCase],
    out: Path,
    *,
    forms: Sequence[FileForm] = (FileForm.DICOM,),
    workers: int = 2,
    progress: Progress = silent,
) -> Path:
    """Write the studies below a folder and return the manifest's path.

    `dicom/` holds the images, named by a hash; `manifest.parquet` names them with notes, age, sex, labels and split;
    `truth.parquet` says what was drawn and stated, and is not named in the manifest.

    Args:
        cases: The studies.
        out: The folder; it is made if it is not there.
        forms: File forms that the studies take in turn.
        workers: Processes that draw; 1 draws in this one, and few studies are drawn in this one anyway. With more, the
            calling script needs the usual `if __name__ == "__main__":`.
        progress: Told after each study that has images.

    Raises:
        ConfigError: A form needs a codec that is not installed.
    """
    for form in forms:
        form.require_codec()
    written = _write_all(cases, out, forms=forms, workers=workers, progress=progress)
    studies = [_study(case, written.get(case.study_id, ()), out) for case in cases]
    manifest = out / MANIFEST_NAME
    Manifest.of(studies, findings=FINDINGS, root=out, sections=SECTIONS).write(manifest)
    truth = pa.Table.from_pylist([_truth_row(case, written.get(case.study_id, ())) for case in cases], _TRUTH_SCHEMA)
    pq.write_table(truth, out / TRUTH_NAME)
    return manifest


def _write_all(
    cases: Sequence[PhantomCase], out: Path, *, forms: Sequence[FileForm], workers: int, progress: Progress
) -> dict[str, tuple[WrittenImage, ...]]:
    """Study → its images, for the studies that keep theirs."""
    out.mkdir(parents=True, exist_ok=True)
    jobs = [(case, forms[index % len(forms)]) for index, case in enumerate(cases) if case.has_image]
    written: dict[str, tuple[WrittenImage, ...]] = {}
    with ExitStack() as stack:
        draw = partial(_write_images, out=out)
        results: Iterable[tuple[WrittenImage, ...]] = map(draw, jobs)
        if workers > 1 and len(jobs) >= _MIN_STUDIES_FOR_WORKERS:
            pool = stack.enter_context(ProcessPoolExecutor(workers, mp_context=get_context("spawn")))
            results = pool.map(draw, jobs, chunksize=16)
        for (case, _), images in zip(jobs, results, strict=True):
            written[case.study_id] = images
            progress(_STAGE, len(written), len(jobs))
    return written


def _write_images(job: tuple[PhantomCase, FileForm], *, out: Path) -> tuple[WrittenImage, ...]:
    case, form = job
    images: list[WrittenImage] = []
    for shot in case.shots:
        drawn = case.draw(shot)
        content = encode(case, shot, drawn.pixels, form=form)
        digest = sha256(content).hexdigest()
        path = f"{form.folder}/{digest[:24]}{form.suffix}"
        (out / path).parent.mkdir(exist_ok=True)
        (out / path).write_bytes(content)
        meta = ImageMeta(
            modality="CR",
            body_part="CHEST",
            view=shot.position.value,
            spacing_mm=(spacing_mm(shot, case.size),) * 2,
            acquired_at=case.acquired_at,
            sha256=digest,
        )
        images.append(WrittenImage(path=path, meta=meta, regions=drawn.regions))
    return tuple(images)


def _study(case: PhantomCase, images: Sequence[WrittenImage], out: Path) -> Study:
    written_at = case.acquired_at - timedelta(minutes=45)
    note = tuple(NoteSection(name=name, text=text, at=written_at) for name, text in case.note.sections.items())
    return Study(
        study_id=case.study_id,
        patient_id=case.patient_id,
        images=tuple(ImageRef(path=str((out / image.path).absolute()), meta=image.meta) for image in images),
        note=note if case.has_note else (),
        split=case.split,
        age_years=float(case.age_years),
        sex=case.sex,
        labels=case.labels,
    )


_TRUTH_COLUMNS = ("study_id", "patterns", "contexts", "pain_side", "images", "phrases", "findings")
_TRUTH_SCHEMA = pa.schema([(name, pa.string()) for name in _TRUTH_COLUMNS])


def _truth_row(case: PhantomCase, images: Sequence[WrittenImage]) -> dict[str, str | None]:
    """One row of the truth; the columns after `study_id` are JSON, but for the side of pain."""
    note = case.note
    return {
        "study_id": case.study_id,
        "patterns": json.dumps(sorted(case.patterns)),
        "contexts": json.dumps(sorted(case.contexts)),
        "pain_side": note.pain_side.value if note.pain_side and case.has_note else None,
        "images": json.dumps(
            [
                {"path": image.path, "view": image.meta.view, "regions": [_region(region) for region in image.regions]}
                for image in images
            ]
        ),
        "phrases": json.dumps(
            [
                {
                    "section": span.section,
                    "start": span.start,
                    "stop": span.stop,
                    "role": span.role,
                    "context": span.context,
                    "text": note.text(span),
                }
                for span in note.spans
                if case.has_note
            ]
        ),
        "findings": json.dumps(case.truth),
    }


def _region(region: Region) -> dict[str, object]:
    return {
        "pattern": region.pattern,
        "side": region.side,
        "zone": region.zone,
        "row": round(region.row, 2),
        "col": round(region.col, 2),
        "radius": round(region.radius, 2),
        "box": list(region.box),
    }
