"""Which columns of a table made elsewhere mean what."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from mediscan import schema
from mediscan.errors import ManifestError

_GUESSES = {
    "id": ("study_id", "id"),
    "patient": ("patient_id", "patient"),
    "image": ("image", "images", "path"),
    "split": ("split",),
}


@dataclass(frozen=True, kw_only=True)
class TableColumns:
    """Which columns of a table mean what.

    `id`, `patient`, `image` and `split` are guessed where they are not given: `study_id` or `id`; `patient_id` or
    `patient`; `image`, `images` or `path`; `split`; in any capitals, and with or without signs between the words. Of
    `values`, the names `age_years` and `sex` are the study's own.

    Args:
        id: The study's id; several rows of one id make one study of several images.
        patient: The patient's id, without which splits could not keep patients apart.
        image: An image's path, absolute or relative to the table, or its URL.
        notes: Note section → its column of text.
        note_times: Note section → the column that says when it was written (ISO 8601).
        report: A column of whole reports, which are split into sections; sections in columns of their own win.
        values: Name → its column of numbers.
        findings: Finding → its column of 0/1, true/false, yes/no, positive/negative or present/absent.
        classes: Class group → its column that holds one value per row; empty is unknown.
        split: train, val or test.
    """

    id: str | None = None
    patient: str | None = None
    image: str | None = None
    notes: Mapping[str, str] = field(default_factory=dict)
    note_times: Mapping[str, str] = field(default_factory=dict)
    report: str | None = None
    values: Mapping[str, str] = field(default_factory=dict)
    findings: Mapping[str, str] = field(default_factory=dict)
    classes: Mapping[str, str] = field(default_factory=dict)
    split: str | None = None

    def fitted(self, names: Sequence[str], *, what: str) -> "TableColumns":
        """These columns with the guesses made, all of them checked to be there.

        Args:
            names: The table's columns.
            what: How a message names the table.

        Raises:
            ManifestError: A named column is missing or there twice, or id or patient is neither given nor guessed.
        """
        plain = {_plain(name): name for name in reversed(names)}
        guessed = {
            role: getattr(self, role)
            or next((plain[_plain(guess)] for guess in guesses if _plain(guess) in plain), None)
            for role, guesses in _GUESSES.items()
        }
        for role in ("id", "patient"):
            if guessed[role] is None:
                why = " (splits are drawn by patient, so that no patient is in two)" if role == "patient" else ""
                raise ManifestError(
                    f"{what} has no column for the {role} among {', '.join(names)}",
                    remedy=f"Name it with --{role}{why}.",
                )
        columns = replace(self, **guessed)  # type: ignore[arg-type] # mypy cannot tell which fields the roles name
        for name in columns.named:
            if name not in names:
                raise schema.missing_column(name, names, what=what)
            if names.count(name) > 1:
                raise ManifestError(f"{what} has column {name!r} twice", remedy="Give each column a name of its own.")
        return columns

    @property
    def named(self) -> tuple[str, ...]:
        """Every column that is named."""
        single = (self.id, self.patient, self.image, self.split, self.report)
        many = (self.notes, self.note_times, self.values, self.findings, self.classes)
        return tuple(name for name in (*single, *(name for group in many for name in group.values())) if name)


def _plain(name: str) -> str:
    return re.sub(r"[\W_]+", "", name).casefold()
