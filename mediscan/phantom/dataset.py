"""Any synthetic studies as a data set: images, a manifest, and beside it the truth that no model may read."""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import timedelta
from multiprocessing import get_context
from pathlib import Path
from typing import TypeVar

import pyarrow as pa
import pyarrow.parquet as pq

from mediscan.findings import FindingSet
from mediscan.manifest import Manifest
from mediscan.phantom.encounter import Encounter
from mediscan.phantom.notes import SECTIONS
from mediscan.phantom.rules import FINDINGS
from mediscan.progress import Progress
from mediscan.study import ImageMeta, ImageRef, NoteSection, Study

MANIFEST_NAME, TRUTH_NAME = "manifest.parquet", "truth.parquet"
_STAGE = "drawing studies"
_MIN_STUDIES_FOR_WORKERS = 64
_Case = TypeVar("_Case", bound=Encounter)


@dataclass(frozen=True, kw_only=True)
class WrittenImage:
    """An image file or series, relative to the output folder, and what is where on it, ready for JSON."""

    path: str
    meta: ImageMeta
    regions: tuple[Mapping[str, object], ...]


def write_dataset(
    cases: Sequence[_Case],
    out: Path,
    *,
    write_images: Callable[[tuple[int, _Case]], tuple[WrittenImage, ...]],
    workers: int,
    progress: Progress,
) -> Path:
    """Write the studies below a folder and return the manifest's path.

    Args:
        cases: The studies, all of one task.
        out: The folder; it is made if it is not there.
        write_images: Draws and writes the images of a study, given its position and itself; another process must be
            able to import it.
        workers: Processes that draw; few studies are drawn in this one anyway.
        progress: Told after each study that has images.
    """
    written = _write_all(cases, out, write_images=write_images, workers=workers, progress=progress)
    studies = [_study(case, written.get(case.study_id, ()), out) for case in cases]
    findings = FindingSet(tuple(cases[0].truth)) if cases else FINDINGS
    manifest = out / MANIFEST_NAME
    Manifest.of(studies, findings=findings, root=out, sections=SECTIONS).write(manifest)
    truth = pa.Table.from_pylist([_truth_row(case, written.get(case.study_id, ())) for case in cases], _TRUTH_SCHEMA)
    pq.write_table(truth, out / TRUTH_NAME)
    return manifest


def _write_all(
    cases: Sequence[_Case],
    out: Path,
    *,
    write_images: Callable[[tuple[int, _Case]], tuple[WrittenImage, ...]],
    workers: int,
    progress: Progress,
) -> dict[str, tuple[WrittenImage, ...]]:
    """Study → its images, for the studies that keep theirs."""
    out.mkdir(parents=True, exist_ok=True)
    jobs = [(index, case) for index, case in enumerate(cases) if case.has_image]
    written: dict[str, tuple[WrittenImage, ...]] = {}
    with ExitStack() as stack:
        results: Iterable[tuple[WrittenImage, ...]] = map(write_images, jobs)
        if workers > 1 and len(jobs) >= _MIN_STUDIES_FOR_WORKERS:
            pool = stack.enter_context(ProcessPoolExecutor(workers, mp_context=get_context("spawn")))
            results = pool.map(write_images, jobs, chunksize=16)
        for (_, case), images in zip(jobs, results, strict=True):
            written[case.study_id] = images
            progress(_STAGE, len(written), len(jobs))
    return written


def _study(case: Encounter, images: Sequence[WrittenImage], out: Path) -> Study:
    written_at, reported_at = case.acquired_at - timedelta(minutes=45), case.acquired_at + timedelta(minutes=95)
    note = [NoteSection(name=name, text=text, at=written_at) for name, text in case.note.sections.items()]
    report = [NoteSection(name=name, text=text, at=reported_at) for name, text in case.report_sections.items()]
    return Study(
        study_id=case.study_id,
        patient_id=case.patient_id,
        images=tuple(ImageRef(path=str((out / image.path).absolute()), meta=image.meta) for image in images),
        note=(*(note if case.has_note else ()), *(report if case.has_image else ())),
        split=case.split,
        age_years=float(case.age_years),
        sex=case.sex,
        labels=case.labels,
    )


_TRUTH_COLUMNS = ("study_id", "patterns", "contexts", "pain_side", "images", "phrases", "findings")
_TRUTH_SCHEMA = pa.schema([(name, pa.string()) for name in _TRUTH_COLUMNS])


def _truth_row(case: Encounter, images: Sequence[WrittenImage]) -> dict[str, str | None]:
    """One row of the truth; the columns after `study_id` are JSON, but for the side of pain."""
    note = case.note
    return {
        "study_id": case.study_id,
        "patterns": json.dumps(sorted(case.patterns)),
        "contexts": json.dumps(sorted(case.contexts)),
        "pain_side": note.pain_side.value if note.pain_side and case.has_note else None,
        "images": json.dumps(
            [{"path": image.path, "view": image.meta.view, "regions": list(image.regions)} for image in images]
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
