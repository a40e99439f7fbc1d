"""What several sources say of one study, brought together."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import TypeVar

from mediscan.diagnosis import Refusal
from mediscan.errors import IdentityMismatchError, ManifestError
from mediscan.sources.studies import UNKNOWN_PATIENT, SourceStudies
from mediscan.study import ImageRef, NoteSection, Study

_Value = TypeVar("_Value")


def merge(sources: Sequence[SourceStudies]) -> SourceStudies:
    """All studies of several sources, those of one id as one.

    Images and note sections add up; a section that two sources have with different texts keeps both, one after the
    other, and the later time. A study that one source refuses is refused. Sources that contradict each other in the
    patient, a value or a label refuse the study.
    """
    told: dict[str, Study | Refusal] = {}
    for entry in (entry for source in sources for entry in source.studies):
        known = told.get(entry.study_id)
        told[entry.study_id] = entry if known is None else _both(known, entry)
    return SourceStudies(
        studies=tuple(told.values()),
        findings=tuple(dict.fromkeys(name for source in sources for name in source.findings)),
        split_given=any(source.split_given for source in sources),
        named=frozenset().union(*(source.named for source in sources)),
        notices=tuple(notice for source in sources for notice in source.notices),
    )


def _both(one: Study | Refusal, other: Study | Refusal) -> Study | Refusal:
    if isinstance(one, Refusal):
        if isinstance(other, Refusal) and other.message not in one.message:
            return replace(one, message=f"{one.message} {other.message}")
        return one
    if isinstance(other, Refusal):
        return other
    try:
        return _joined(one, other)
    except (ManifestError, IdentityMismatchError) as error:
        return Refusal.of(one.study_id, error)


def _joined(one: Study, other: Study) -> Study:
    patients = {one.patient_id, other.patient_id} - {UNKNOWN_PATIENT}
    if len(patients) > 1:
        raise IdentityMismatchError(
            f"study {one.study_id!r}: two sources name different patients",
            remedy="Find out whose study it is, and correct the source.",
        )

    def same(name: str, first: _Value | None, second: _Value | None) -> _Value | None:
        return _same(one.study_id, name, first, second)

    def all_of(first: Mapping[str, _Value], second: Mapping[str, _Value]) -> dict[str, _Value]:
        return dict(first) | {
            name: _same(one.study_id, name, first.get(name, value), value) for name, value in second.items()
        }

    return replace(
        one,
        patient_id=patients.pop() if patients else UNKNOWN_PATIENT,
        images=_images(one.images, other.images),
        note=_sections(one.note, other.note),
        split=same("split", one.split, other.split),
        age_years=same("age_years", one.age_years, other.age_years),
        sex=same("sex", one.sex, other.sex),
        values=all_of(one.values, other.values),
        labels=all_of(one.labels, other.labels),
    )


def _same(study_id: str, name: str, first: _Value | None, second: _Value | None) -> _Value:
    if first is not None and second is not None and first != second:
        raise ManifestError(
            f"study {study_id!r}: two sources disagree in {name!r}", remedy="Correct one of them, or leave one out."
        )
    return first if first is not None else second  # type: ignore[return-value] # None only where both are


def _images(first: Iterable[ImageRef], second: Iterable[ImageRef]) -> tuple[ImageRef, ...]:
    return tuple({image.path: image for image in (*second, *first)}.values())


def _sections(first: Sequence[NoteSection], second: Sequence[NoteSection]) -> tuple[NoteSection, ...]:
    sections = {section.name: section for section in first}
    for section in second:
        known = sections.get(section.name, section)
        if known.text.strip() == section.text.strip():
            sections.setdefault(section.name, section)
        else:
            text = f"{known.text.rstrip()}\n{section.text}"
            sections[section.name] = replace(known, text=text, at=_later(known.at, section.at))
    return tuple(sections.values())


def _later(one: datetime | None, other: datetime | None) -> datetime | None:
    # A text whose parts are of two times is as late as the later one: nothing of it may pass for older than it is.
    if one is None or other is None:
        return one or other
    return max(one, other, key=lambda moment: moment.replace(tzinfo=None))
