"""Notes that lie as text files among the images."""

from pathlib import Path

from mediscan.deidentify.files import Copy
from mediscan.deidentify.header_names import KnownPatients
from mediscan.deidentify.notes import NoteDeidentifier
from mediscan.deidentify.record_names import RecordNames
from mediscan.deidentify.surrogates import Surrogates
from mediscan.errors import SourceError
from mediscan.sources.boundary import refusing
from mediscan.sources.notes.encodings import MAX_NOTE_BYTES, decode_note

SUFFIXES = (".txt", ".text")
"""File names that are taken for notes."""


def deidentify_text(source: Path, target: Path, surrogates: Surrogates, *, known: KnownPatients, name: str) -> Copy:
    """Write a copy of a note without identifiers, in UTF-8.

    The note is of the patient after whom it is named, or whose images lie beside it: dates move with theirs, and what
    their headers know is found in it. A note of nobody known is a patient of its own.

    Args:
        source: The file.
        target: Where to write; the caller moves it to `Copy.place`.
        surrogates: What stands in for identities.
        known: The source's patients.
        name: What the file is called in the ledger, a surrogate.

    Raises:
        SourceError: The file is too long or no text.
    """
    with refusing(source, "cannot be read as a note", kind=SourceError, remedy="Save it again as UTF-8."):
        with source.open("rb") as file:
            raw = file.read(MAX_NOTE_BYTES + 1)
        note = decode_note(raw, what="a note")
        patient = known.of_note(source)
        cleaned = NoteDeidentifier(
            surrogates,
            patient_id=patient or f"note {name}",
            record=known.names.get(patient or "", RecordNames()),
        ).clean(note.text)
        target.write_text(cleaned.text, encoding="utf-8")
    folder = surrogates.patient(patient or f"note {name}")
    counts = {("note", str(kind)): count for kind, count in cleaned.counts.items()}
    return Copy(place=Path(folder) / "notes" / f"{name}.txt", counts=counts)
