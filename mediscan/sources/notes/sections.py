"""Placeholder until the splitter is written."""

from mediscan.study import NoteSection


def split_sections(text: str) -> tuple[NoteSection, ...]:
    """The whole text as one section."""
    return (NoteSection(name="note", text=text),)
