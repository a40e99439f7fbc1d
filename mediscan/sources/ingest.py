"""From what a hospital or an archive holds to a manifest, with a ledger that says what became of every record."""

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from mediscan.cells import OLDEST_YEARS
from mediscan.diagnosis import Refusal
from mediscan.errors import Code, IdentityMismatchError, ManifestError, SourceError
from mediscan.findings import FindingSet, natural_order
from mediscan.manifest import Manifest
from mediscan.progress import Progress, silent
from mediscan.sources.choosing import choose
from mediscan.sources.columns import TableColumns
from mediscan.sources.describing import Described
from mediscan.sources.description import ImageDescription
from mediscan.sources.gather import gather
from mediscan.sources.identity import age_at_acquisition, check_identity, check_patient, compare_patients
from mediscan.sources.join import join, unmatched
from mediscan.sources.notes.text_files import FILE_NAME
from mediscan.sources.outcome import FindingCount, IngestResult, Outcome, report
from mediscan.sources.selection import SelectionRules
from mediscan.study import ImageMeta, ImageRef, Split, Study

__all__ = ["FindingCount", "IngestResult", "SelectionRules", "TableColumns", "drawn_split", "ingest"]

_TRAIN_SHARE, _VAL_SHARE = 0.70, 0.15


def drawn_split(patient_id: str) -> Split:
    """The split of all studies of a patient where a source gives none: 70 % train, 15 % val, 15 % test.

    It is read off the SHA-256 of the id, so it depends neither on other patients nor on the order of rows, and stays
    the same when data are added. The shares hold on average; few patients may leave a split empty.
    """
    digest = hashlib.sha256(patient_id.encode()).digest()
    share = int.from_bytes(digest[:8], "big") / 2**64
    if share < _TRAIN_SHARE:
        return Split.TRAIN
    return Split.VAL if share < _TRAIN_SHARE + _VAL_SHARE else Split.TEST


def ingest(
    sources: Sequence[Path],
    *,
    out: Path,
    table: Path | None = None,
    columns: TableColumns | None = None,
    collection: str | None = None,
    rules: SelectionRules | None = None,
    note_layout: re.Pattern[str] = FILE_NAME,
    progress: Progress = silent,
) -> IngestResult:
    """Write a manifest, and beside it the ledger `<stem>.ledger.parquet`.

    Args:
        sources: Folders and zip archives of images, notes and messages, single files, or a table.
        out: The manifest to write, a .parquet file. Zip archives are unpacked beside it, into `<stem>.files`.
        table: A table, where `sources` are not it.
        columns: Which of its columns mean what.
        collection: The public collection whose original layout the sources have.
        rules: Which series of a study are used; by default all but localizers and derived pictures.
        note_layout: Where patient and study stand in the paths of text notes; see `read_text_files`.
        progress: Told of images described.

    Raises:
        ManifestError: A source or a column is missing, more than one table is given, there is nothing to ingest, or
            a file cannot be written. What is wrong with a single record is its refusal in the ledger.
        SourceError: A source that is a file cannot be used as a whole.
    """
    out, columns = Path(out), columns or TableColumns()
    if out.suffix.lower() != ".parquet":
        raise ManifestError(f"manifest {out.name} must be .parquet", remedy=f"Write to {out.stem}.parquet.")
    gathered = gather(
        [Path(source) for source in sources],
        table=table,
        columns=columns,
        collection=collection,
        note_layout=note_layout,
        unpack_into=out.with_name(f"{out.stem}.files"),
    )
    told = gathered.told
    entries = [*join(told.studies, gathered.images, named=told.named), *gathered.unread]
    if not entries:
        raise ManifestError("there is no study in the sources", remedy="Name folders with images, or a table.")
    notices = [*told.notices, *filter(None, [unmatched(told.studies, entries, gathered.images)])]
    if not told.split_given:
        entries = [
            replace(entry, split=drawn_split(entry.patient_id)) if isinstance(entry, Study) else entry
            for entry in entries
        ]
        notices.append("No split was given: splits were drawn by patient, 70 % train, 15 % val, 15 % test.")
    # Images that a table names are chosen already.
    free = {str(image.path): image.candidate for image in gathered.images if str(image.path) not in told.named}
    outcomes, described = choose(entries, free, rules or SelectionRules(), progress=progress)
    checked = _identified([_described(one, described) for one in outcomes], notices=notices)
    manifest = Manifest.of(
        [one.outcome.entry for one in checked if isinstance(one.outcome.entry, Study)],
        findings=FindingSet(natural_order(told.findings)),
        root=out.parent,
        sections=tuple(columns.notes),
    ).write(out)
    return report(manifest, [one.outcome for one in checked], notices=notices)


@dataclass(frozen=True, kw_only=True)
class _Checked:
    # A record's outcome, and what its images say of their patient.
    outcome: Outcome
    images: tuple[ImageDescription, ...] = ()


def _described(outcome: Outcome, described: Mapping[str, Described]) -> _Checked:
    study = outcome.entry
    if isinstance(study, Refusal):
        return _Checked(outcome=outcome)
    if not study.images and not study.written_sections:
        nothing = ManifestError(
            f"study {study.study_id!r} has neither an image nor a note's text",
            remedy="Give it one of them, or take it out.",
            code=Code.NO_INPUT,
        )
        return _Checked(outcome=replace(outcome, entry=Refusal.of(study.study_id, nothing)))
    seconds = sum(described[image.path].seconds for image in study.images if image.path in described)
    images: dict[str, ImageRef] = {}
    found: list[ImageDescription] = []
    for image in study.images:
        description = described[image.path].outcome if image.path in described else ImageDescription(meta=ImageMeta())
        if isinstance(description, SourceError):
            refusal = Refusal.of(study.study_id, description)
            name = Path(image.path).name
            if name not in refusal.message:
                refusal = replace(refusal, message=f"{name}: {refusal.message}")
            return _Checked(outcome=replace(outcome, entry=refusal, seconds=seconds))
        found.append(description)
        # The same content under two names is one image.
        meta = _overlaid(description.meta, on=image.meta)
        images.setdefault(meta.sha256 or image.path, ImageRef(path=image.path, meta=meta))
    flags = {flag.code: flag for description in found for flag in description.flags}
    return _Checked(
        outcome=replace(
            outcome,
            entry=_with_patient_facts(replace(study, images=tuple(images.values())), found),
            flags=(*outcome.flags, *flags.values()),
            seconds=seconds,
        ),
        images=tuple(found),
    )


def _with_patient_facts(study: Study, images: Sequence[ImageDescription]) -> Study:
    """The study with the age and the sex of its image headers, where its source tells none and they agree."""
    sexes = {image.patient.sex for image in images if image.patient.sex is not None}
    ages = {age for image in images if (age := age_at_acquisition(image)) is not None and 0 <= age <= OLDEST_YEARS}
    return replace(
        study,
        sex=study.sex or (sexes.pop() if len(sexes) == 1 else None),
        age_years=min(ages) if study.age_years is None and ages and max(ages) - min(ages) <= 1 else study.age_years,
    )


def _overlaid(meta: ImageMeta, *, on: ImageMeta) -> ImageMeta:
    """What a file says of itself, and what its source says where the file is silent."""
    known = {name: value for name, value in vars(meta).items() if value is not None}
    return replace(on, **known)


def _identified(checked: Sequence[_Checked], *, notices: list[str]) -> list[_Checked]:
    """Refuse the studies whose note, record and images are of different patients."""
    studies = [one.outcome.entry for one in checked if isinstance(one.outcome.entry, Study)]
    comparison = compare_patients(
        studies, {one.outcome.entry.study_id: one.images for one in checked if isinstance(one.outcome.entry, Study)}
    )
    if comparison.pseudonyms:
        notices.append(
            "The sources name patients otherwise than the image headers do, one to one: ids were not compared."
        )
    return [_same_patient(one, mismatched=comparison.mismatched) for one in checked]


def _same_patient(checked: _Checked, *, mismatched: frozenset[str]) -> _Checked:
    study = checked.outcome.entry
    if isinstance(study, Refusal):
        return checked
    try:
        check_patient(study, checked.images, mismatched=mismatched)
        check_identity(study, checked.images)
    except IdentityMismatchError as error:
        return replace(checked, outcome=replace(checked.outcome, entry=Refusal.of(study.study_id, error)))
    return checked
