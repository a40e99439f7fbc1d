"""A folder of notes, one text file a study."""

import os
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from mediscan.diagnosis import Refusal
from mediscan.errors import Code, ManifestError, SourceError
from mediscan.sources.boundary import refusing
from mediscan.sources.notes.encodings import MAX_NOTE_BYTES, DecodedNote, decode_note
from mediscan.sources.notes.sections import split_sections
from mediscan.sources.notes.times import DateOrder
from mediscan.sources.studies import SourceStudies
from mediscan.study import Study

SUFFIXES = (".txt", ".text", ".rtf", ".html", ".htm")
"""File names that are read as notes."""

PARENT_FOLDER = re.compile(r"(?:.*/)?(?P<patient>[^/]+)/(?P<study>[^/]+)")
"""The patient is the folder and the study the file, as in MIMIC-CXR's `files/p10/p10000032/s50414267.txt`."""


def read_text_files(
    folder: Path, *, layout: re.Pattern[str] = PARENT_FOLDER, order: DateOrder = DateOrder.UNKNOWN
) -> SourceStudies:
    """The studies whose notes lie below a folder, each note cut into its sections; hidden files are passed over.

    Args:
        folder: Where the files are.
        layout: Matched against each whole path below the folder, with `/` and without its ending; its groups
            `patient` and `study` name both.
        order: How dates in digits are written.

    Raises:
        ManifestError: There is no such folder, no note in it, or `layout` lacks a group. What is wrong with a single
            file becomes the refusal of its study.
    """
    if not {"patient", "study"} <= set(layout.groupindex):
        raise ManifestError(
            "the layout of the note files names no patient or no study",
            remedy="Write a pattern with both groups, such as (?P<patient>[^/]+)/(?P<study>[^/]+).",
        )
    if not folder.is_dir():
        raise ManifestError(f"{folder} is no folder", remedy="Check the path.", code=Code.FILE_NOT_FOUND)
    files = list(_files(folder))
    if not files:
        raise ManifestError(
            f"there are no notes in {folder}", remedy=f"Name them {', '.join(SUFFIXES)}.", code=Code.NO_INPUT
        )
    matches = {path: layout.fullmatch(path.relative_to(folder).with_suffix("").as_posix()) for path in files}
    uses = Counter(match["study"] for match in matches.values() if match)
    studies: dict[str, Study | Refusal] = {}
    guessed = 0
    for path, match in matches.items():
        shown = path.relative_to(folder).as_posix()
        study_id = match["study"] if match else shown
        try:
            patient_id = _patient(match, shown=shown, uses=uses)
            note = _read(path, root=folder)
        except SourceError as error:
            studies[study_id] = Refusal.of(study_id, error)
            continue
        guessed += note.was_guessed
        sections = split_sections(note.text, order=order)
        studies[study_id] = Study(study_id=study_id, patient_id=patient_id, note=sections)
    return SourceStudies(
        studies=tuple(studies.values()),
        notices=(f"{guessed} of {len(files)} notes are not in UTF-8 and were read as Windows-1252.",)
        if guessed
        else (),
    )


def _patient(match: re.Match[str] | None, *, shown: str, uses: Counter[str]) -> str:
    if match is None:
        raise SourceError(
            f"note {shown} does not lie where the layout expects it",
            remedy="Put it into a folder named by its patient, or give the layout.",
            code=Code.INVALID_ROW,
        )
    if uses[match["study"]] > 1:
        raise SourceError(
            f"{uses[match['study']]} notes are named {match['study']}",
            remedy="Give each study a name of its own, or a layout that tells them apart.",
            code=Code.DUPLICATE_STUDY_ID,
        )
    return str(match["patient"])


def _files(folder: Path) -> Iterator[Path]:
    for where, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(names):
            if not name.startswith(".") and name.lower().endswith(SUFFIXES):
                yield Path(where) / name


def _read(path: Path, *, root: Path) -> DecodedNote:
    shown = path.relative_to(root).as_posix()
    with refusing(path, "cannot be read as a note", kind=SourceError, remedy="Save it again as UTF-8."):
        if not path.resolve().is_relative_to(root.resolve()):
            raise SourceError(f"note {shown} is a link out of its folder", remedy="Copy the file there.")
        with path.open("rb") as file:
            raw = file.read(MAX_NOTE_BYTES + 1)
        return decode_note(raw, what=f"note {shown}")
