"""Notes as text files, one a study."""

import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from mediscan.diagnosis import Refusal
from mediscan.errors import Code, ManifestError, SourceError
from mediscan.sources.boundary import refusing
from mediscan.sources.notes.encodings import MAX_NOTE_BYTES, DecodedNote, decode_note
from mediscan.sources.notes.sections import split_sections
from mediscan.sources.notes.times import DateOrder
from mediscan.sources.studies import UNKNOWN_PATIENT, SourceStudies
from mediscan.study import Study

SUFFIXES = (".txt", ".text", ".rtf", ".html", ".htm")
"""File names that are read as notes."""

FILE_NAME = re.compile(r"(?:.*/)?(?P<study>[^/]+)")
"""The study is the file's name; its images say whose it is."""

PARENT_FOLDER = re.compile(r"(?:.*/)?(?P<patient>[^/]+)/(?P<study>[^/]+)")
"""The patient is the folder and the study the file, as in MIMIC-CXR's `files/p10/p10000032/s50414267.txt`."""


def read_text_files(
    files: Sequence[Path],
    *,
    root: Path,
    layout: re.Pattern[str] = FILE_NAME,
    order: DateOrder = DateOrder.UNKNOWN,
) -> SourceStudies:
    """The studies whose notes are these files, each note cut into its sections.

    Args:
        files: The notes.
        root: The folder that they lie below; a link that leads out of it is refused.
        layout: Matched against each whole path below the root, with `/` and without its ending; its groups `study` and
            `patient` name both. Without a group `patient`, that is left to the study's images.
        order: How dates in digits are written.

    Raises:
        ManifestError: `layout` names no study. What is wrong with a single file becomes the refusal of its study.
    """
    if "study" not in layout.groupindex:
        raise ManifestError(
            "the layout of the note files names no study",
            remedy="Write a pattern with the group study, such as (?P<patient>[^/]+)/(?P<study>[^/]+).",
        )
    matches = {path: layout.fullmatch(path.relative_to(root).with_suffix("").as_posix()) for path in files}
    uses = Counter(match["study"] for match in matches.values() if match)
    studies: dict[str, Study | Refusal] = {}
    guessed = 0
    for path, match in matches.items():
        shown = path.relative_to(root).as_posix()
        study_id = match["study"] if match else shown
        try:
            note = _read(path, root=root, uses=uses[study_id] if match else 0)
        except SourceError as error:
            studies[study_id] = Refusal.of(study_id, error)
            continue
        guessed += note.was_guessed
        patient = match.groupdict().get("patient") if match else None
        studies[study_id] = Study(
            study_id=study_id,
            patient_id=patient or UNKNOWN_PATIENT,
            note=split_sections(note.text, order=order),
        )
    return SourceStudies(
        studies=tuple(studies.values()),
        notices=(f"{guessed} of {len(files)} notes are not in UTF-8 and were read as Windows-1252.",)
        if guessed
        else (),
    )


def _read(path: Path, *, root: Path, uses: int) -> DecodedNote:
    """A note's text; `uses` counts the notes of its study, 0 where the layout does not fit its path."""
    shown = path.relative_to(root).as_posix()
    if uses == 0:
        raise SourceError(
            f"note {shown} does not lie where the layout expects it",
            remedy="Put it into a folder named by its patient, or give the layout.",
            code=Code.INVALID_ROW,
        )
    if uses > 1:
        raise SourceError(
            f"{uses} notes of one name, as {shown}, would be one study",
            remedy="Give each study a name of its own, or a layout that tells them apart.",
            code=Code.DUPLICATE_STUDY_ID,
        )
    with refusing(path, "cannot be read as a note", kind=SourceError, remedy="Save it again as UTF-8."):
        if not path.resolve().is_relative_to(root.resolve()):
            raise SourceError(f"note {shown} is a link out of its folder", remedy="Copy the file there.")
        with path.open("rb") as file:
            raw = file.read(MAX_NOTE_BYTES + 1)
        return decode_note(raw, what=f"note {shown}")
