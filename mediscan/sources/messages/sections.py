"""Sections of several reports as one note."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from types import MappingProxyType

from mediscan.sources.messages.moments import latest, not_after
from mediscan.sources.messages.notices import Notices
from mediscan.sources.notes.headings import CONCLUSIVE, LEAKAGE_SAFE
from mediscan.sources.notes.sections import split_sections
from mediscan.study import NoteSection

BY_LOINC: Mapping[str, str] = MappingProxyType(
    {
        "11329-0": "history",
        "55752-0": "history",
        "18785-6": "indication",
        "55111-9": "technique",
        "18834-2": "comparison",
        "18782-3": "findings",
        "59776-5": "findings",
        "19005-8": "impression",
        "18783-0": "recommendation",
    }
)
"""The section that an observation's LOINC code names.

Source: DICOM PS3.16 CID 7001 (Diagnostic Imaging Report Headings) and PS3.20.
"""


@dataclass(frozen=True, kw_only=True)
class Written:
    """When a report's text came to be.

    Args:
        known: When the request was known, at the latest: the time of the sections that are written before anybody knows
            what the image shows. A report repeats them, but did not find them out.
        issued: When the report was made available: the time of all other sections.
    """

    known: datetime | None = None
    issued: datetime | None = None

    def time_of(self, section: str) -> datetime | None:
        """The time that a section of this name bears."""
        return self.known if section in LEAKAGE_SAFE and self.known else self.issued


def report_sections(text: str, *, written: Written) -> tuple[NoteSection, ...]:
    """A whole report, split, with the time of each section."""
    return tuple(replace(section, at=section.at or written.time_of(section.name)) for section in split_sections(text))


def merge_sections(
    sections: Iterable[NoteSection], *, start: datetime | None, where: str, notices: Notices
) -> tuple[NoteSection, ...]:
    """One section of each name, in the order of their first mention; equal texts are kept once.

    A merged section bears the time of its youngest text, unless that is the start of the examination: this stands in
    for an unknown time, and the clocks of a message's sender and of the scanner differ by minutes. Where some texts of
    a name are from before the examination and some are not, only the former are kept, lest all be taken for younger
    than the image. Of sections that say what the image shows all texts are kept.

    Args:
        sections: The sections of all reports, oldest report first.
        start: When the examination began, where known.
        where: The study, for notices.
        notices: Where it is noted that a text was left out.
    """
    by_name: dict[str, list[NoteSection]] = {}
    for section in sections:
        if section.text.strip():
            by_name.setdefault(section.name, []).append(section)
    merged = []
    for name, found in by_name.items():
        older = [section for section in found if start and section.at and not_after(section.at, start)]
        kept = older if older and name not in CONCLUSIVE else found
        if len(kept) < len(found):
            notices.add(f"Texts of section {name} from after the study were left out beside older ones", where=where)
        merged.append(_merged(name, kept, start=start))
    return tuple(merged)


def _merged(name: str, sections: list[NoteSection], *, start: datetime | None) -> NoteSection:
    # With a text of unknown time, the time of the whole is unknown.
    times = [section.at for section in sections if section.at]
    youngest = latest(times) if len(times) == len(sections) else None
    return NoteSection(
        name=name,
        text="\n\n".join(dict.fromkeys(section.text.strip() for section in sections)),
        at=None if name in LEAKAGE_SAFE and youngest == start else youngest,
    )
