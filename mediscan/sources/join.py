"""A table's rows and a folder's images brought together: whose image is whose."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from mediscan.diagnosis import Refusal
from mediscan.errors import Code, IdentityMismatchError, ManifestError
from mediscan.sources.folder import FolderImage
from mediscan.sources.identifiers import REWRITTEN, loose, rewritten_remedy
from mediscan.sources.studies import UNKNOWN_PATIENT
from mediscan.study import ImageRef, Study

_Indices = Sequence[tuple[str, Mapping[str, Sequence[FolderImage]]]]

_KEYS: tuple[tuple[str, Callable[[FolderImage], str | None]], ...] = (
    ("StudyInstanceUID", lambda image: image.study_id),
    ("AccessionNumber", lambda image: image.accession),
    ("file name", lambda image: image.stem),
)
"""What a study's id may be in a folder; the first that fits decides."""


def join(
    told: Sequence[Study | Refusal], images: Sequence[FolderImage], *, named: frozenset[str]
) -> list[Study | Refusal]:
    """One study, or the reason there is none, per id: the table's in its order, then what only the folder knows.

    A table's study without images of its own gets those of the folder that its id names, by StudyInstanceUID,
    AccessionNumber or file name.

    Args:
        told: The table's studies.
        images: The folder's images.
        named: Paths of images that the table names; the folder's copies of them make no studies.
    """
    free = [image for image in images if not _is_named(image, named)]
    indices = _indices(free)
    taken: set[Path] = set()
    joined: list[Study | Refusal] = []
    for entry in told:
        if isinstance(entry, Study) and entry.images:
            joined.append(entry)
            continue
        how, found = _found(entry.study_id, indices)
        try:
            joined.append(
                _with_patient(_with_images(entry, found, how=how, taken=taken), found)
                if isinstance(entry, Study)
                else entry
            )
        except (ManifestError, IdentityMismatchError) as error:
            joined.append(Refusal.of(entry.study_id, error))
        # A refused row keeps its images too, or they would come back as a study without its note.
        taken.update(image.path for image in found)
    joined.extend(_of_folder([image for image in free if image.path not in taken]))
    return _told_apart(joined)


def unmatched(told: Sequence[Study | Refusal], joined: Sequence[Study | Refusal], images: Sequence[FolderImage]) -> str:
    """A sentence where some of the told studies found no image and some of the folder's none that tells of them.

    Args:
        told: The table's studies, as `join` was given them.
        joined: What `join` made of them.
        images: The folder's images.

    Returns:
        The sentence, which also says how many ids would fit but for what spreadsheets change in them; "" where all
        found each other, or one kind has none.
    """
    ids = {entry.study_id for entry in told}
    studies = [entry for entry in joined if isinstance(entry, Study)]
    bare = [study.study_id for study in studies if study.study_id in ids and not study.images]
    lone = {image.path for study in studies if study.study_id not in ids for image in study.images}
    if not bare or not lone:
        return ""
    free = [image for image in images if str(image.path) in lone]
    keys = {loose(name) for image in free for _, key in _KEYS if (name := key(image)) is not None}
    near = sum(loose(study_id) in keys for study_id in bare)
    patients = sum(study_id in {image.patient_id for image in free} for study_id in bare)
    return (
        f"{len(bare)} studies of tables, notes or messages found no image, and {len(free)} images no such study: ids "
        f"are compared with {', '.join(how for how, _ in _KEYS)}."
        + (f" {near} would fit but for {REWRITTEN}." if near else "")
        + (f" {patients} are PatientIDs: a study needs an id of its own." if patients else "")
    )


def _is_named(image: FolderImage, named: frozenset[str]) -> bool:
    # A table may name a series by its folder, or by any of its slices.
    return not named.isdisjoint(
        {str(image.path), *(str(place) for file in image.files for place in (file, file.parent))}
    )


def _indices(images: Sequence[FolderImage]) -> _Indices:
    indices = []
    for how, key in _KEYS:
        index: dict[str, list[FolderImage]] = {}
        for image in images:
            name = key(image)
            if name is not None:
                index.setdefault(name, []).append(image)
        indices.append((how, index))
    return indices


def _found(study_id: str, indices: _Indices) -> tuple[str, Sequence[FolderImage]]:
    return next(((how, index[study_id]) for how, index in indices if study_id in index), ("", ()))


def _with_images(study: Study, found: Sequence[FolderImage], *, how: str, taken: set[Path]) -> Study:
    origins = {image.path if image.alone else image.study_id for image in found}
    if len(origins) > 1:
        raise ManifestError(
            f"study {study.study_id!r}: its id is the {how} of {len(origins)} studies",
            remedy="Name each study's images in a column, or use StudyInstanceUID as the id.",
        )
    if any(image.path in taken for image in found):
        raise ManifestError(
            f"study {study.study_id!r}: its images already belong to another row",
            remedy="Give one study one row, or name each row's images in a column.",
        )
    known = {None, study.patient_id} if study.patient_id != UNKNOWN_PATIENT else {image.patient_id for image in found}
    strangers = {image.patient_id for image in found if not image.alone} - known
    if strangers:
        raise IdentityMismatchError(
            f"study {study.study_id!r}: the table and the DICOM header name different patients",
            remedy="Correct the id or the patient; where the files were de-identified, name them in an image column."
            + rewritten_remedy(study.patient_id, strangers),
        )
    return replace(study, images=tuple(ImageRef(path=str(image.path)) for image in found))


def _with_patient(study: Study, found: Sequence[FolderImage]) -> Study:
    """The study with the patient of its images, where its source names none."""
    if study.patient_id != UNKNOWN_PATIENT:
        return study
    patients = {image.patient_id for image in found if image.patient_id is not None}
    if len(patients) > 1:
        raise IdentityMismatchError(
            f"study {study.study_id!r}: its images name different patients",
            remedy="Correct StudyInstanceUID or PatientID in the headers.",
        )
    if not patients:
        raise ManifestError(
            f"study {study.study_id!r}: neither its note nor an image says which patient it is of",
            remedy="Give its images, or say with --note-layout where the patient stands in the paths of the notes.",
        )
    return replace(study, patient_id=patients.pop())


def _of_folder(images: Sequence[FolderImage]) -> Iterator[Study | Refusal]:
    groups: dict[tuple[str, Path | None], list[FolderImage]] = {}
    for image in images:
        groups.setdefault((image.study_id, image.path if image.alone else None), []).append(image)
    for (study_id, _), members in groups.items():
        patients = {image.patient_id for image in members}
        patient = patients.pop()
        if patients:
            error = IdentityMismatchError(
                f"study {study_id!r}: its {len(members)} images name different patients",
                remedy="Correct StudyInstanceUID or PatientID in the headers.",
            )
            yield Refusal.of(study_id, error)
        elif patient is None:
            missing = ManifestError(
                f"study {study_id!r}: the header of {members[0].path.name} has no PatientID",
                remedy="Name the patient in a table; splits are drawn by patient.",
            )
            yield Refusal.of(study_id, missing)
        else:
            refs = tuple(ImageRef(path=str(image.path)) for image in members)
            yield Study(study_id=study_id, patient_id=patient, images=refs)


def _told_apart(entries: Sequence[Study | Refusal]) -> list[Study | Refusal]:
    counts = Counter(entry.study_id for entry in entries)
    apart: list[Study | Refusal] = []
    for entry in entries:
        if counts[entry.study_id] > 1 and isinstance(entry, Study):
            names = ", ".join(Path(image.path).name for image in entry.images[:3]) or "its row"
            error = ManifestError(
                f"study id {entry.study_id!r} ({names}) is that of {counts[entry.study_id]} studies",
                remedy="Name files and rows apart; results could not be told apart.",
                code=Code.DUPLICATE_STUDY_ID,
            )
            apart.append(Refusal.of(entry.study_id, error))
        else:
            apart.append(entry)
    return apart
