"""What identifies a person in a note, and where it stands."""

from dataclasses import dataclass
from enum import StrEnum


class IdentifierKind(StrEnum):
    """Kinds of identifiers in free text.

    Source: 45 CFR 164.514(b)(2)(i), the Safe Harbor list; `docs/deidentify_notes.md` maps one to the other.
    """

    NAME = "name"
    DATE = "date"
    AGE = "age"
    PLACE = "place"
    INSTITUTION = "institution"
    PHONE = "phone"
    EMAIL = "email"
    URL = "url"
    IP = "ip"
    RECORD_NUMBER = "record_number"
    NATIONAL_NUMBER = "national_number"
    PLAN_NUMBER = "plan_number"
    ACCOUNT = "account"
    LICENCE = "licence"
    DEVICE = "device"


@dataclass(frozen=True, order=True)
class Span:
    """Characters `start` to `end` (not included) of a text."""

    start: int
    end: int
    kind: IdentifierKind

    def overlaps(self, other: "Span") -> bool:
        """Whether the two share a character."""
        return self.start < other.end and other.start < self.end
