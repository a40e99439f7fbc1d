"""De-identification of notes: what identifies is found by patterns, lists and the record, and gets a surrogate."""

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from mediscan.deidentify.identifiers import IdentifierKind, Span
from mediscan.deidentify.lexicon import PARTICLES, is_common_word
from mediscan.deidentify.name_tokens import NoteWords
from mediscan.deidentify.note_dates import find_dates
from mediscan.deidentify.note_numbers import find_long_numbers, find_numbers
from mediscan.deidentify.note_persons import find_persons
from mediscan.deidentify.note_places import find_places
from mediscan.deidentify.record_names import RecordNames
from mediscan.deidentify.surrogate_text import SurrogateText
from mediscan.deidentify.surrogates import Surrogates
from mediscan.sources.notes.times import DateOrder

_AGES = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        r"(?<![\w./-])(?P<age>9\d|1[0-2]\d)(?=[\s-]{0,2}(?:years?\b|yrs?\b|y\.?\s?/?\s?o\b|yo[mf]?\b|y/o|year-old))",
        r"\bage[ds]?(?:\s(?:of|at))?[\s:]{1,3}(?P<age>9\d|1[0-2]\d)(?![\w.%/])",
        r"(?<![\w./-])(?P<age>9\d|10\d)(?=\s?(?-i:[MF])\s(?:with|who|w/|s/p|presents|presenting|here|admitted)\b)",
    )
)
_NAME_GAP = re.compile(r"[ \n^]|[.,] ?|-")
_OLDEST = "over 89"


@dataclass(frozen=True, repr=False)
class CleanedNote:
    """A note without its identifiers.

    Args:
        text: The note with surrogates in place.
        counts: How many identifiers of each kind were replaced.
        spans: Where they stood in the note as given, in order.
    """

    text: str
    counts: Mapping[IdentifierKind, int]
    spans: tuple[Span, ...]

    def __repr__(self) -> str:
        """The counts alone."""
        return f"CleanedNote({dict(self.counts)})"


class NoteDeidentifier:
    """Replaces what identifies in the notes of one patient.

    A help, not a guarantee: free text can identify in ways that no pattern knows.

    Args:
        surrogates: The secret that surrogates and date shift are drawn from.
        patient_id: Whose notes these are; dates move as in the same patient's images.
        record: What the record itself knows of its people.
        date_order: How 03/04/2019 is meant.
    """

    def __init__(
        self,
        surrogates: Surrogates,
        *,
        patient_id: str,
        record: RecordNames | None = None,
        date_order: DateOrder = DateOrder.MONTH_FIRST,
    ) -> None:
        self._days = surrogates.days(patient_id)
        self._texts = SurrogateText(surrogates, patient_id)
        self._date_order = date_order
        record = record or RecordNames()
        self._known_names = frozenset(_name_words(record))
        self._known_values = tuple(_known_values(record))

    def clean(self, text: str) -> CleanedNote:
        """The text with surrogates in place of its identifiers."""
        replaced: dict[Span, str] = {}
        taken = bytearray(len(text))  # one byte a character: what a surer finding has claimed
        for span, surrogate in self._findings(text):
            for free in _free_parts(span, taken, text):
                taken[free.start : free.end] = b"\1" * (free.end - free.start)
                replaced[free] = surrogate(text[free.start : free.end])
        spans = tuple(sorted(replaced))
        parts, at = [], 0
        for span in spans:
            parts += [text[at : span.start], replaced[span]]
            at = span.end
        whole = _joined(spans, text)
        return CleanedNote("".join([*parts, text[at:]]), Counter(span.kind for span in whole), whole)

    def _findings(self, text: str) -> Iterator[tuple[Span, Callable[[str], str]]]:
        """Identifiers, the surest first."""
        for kind, pattern in self._known_values:
            yield from ((Span(*match.span(), kind), self._surrogate_of(kind)) for match in pattern.finditer(text))
        for span in find_numbers(text):
            yield span, self._surrogate_of(span.kind)
        for written in find_dates(text, self._date_order):
            moved = written.moved(self._days)
            yield written.span, _always(moved)
        for span in find_long_numbers(text):
            yield span, self._surrogate_of(span.kind)
        for pattern in _AGES:
            for match in pattern.finditer(text):
                yield Span(*match.span("age"), IdentifierKind.AGE), _always(_OLDEST)
        for span in find_places(text):
            yield span, self._surrogate_of(span.kind)
        for span in find_persons(NoteWords(text), known=self._known_names):
            yield span, self._surrogate_of(span.kind)

    def _surrogate_of(self, kind: IdentifierKind) -> Callable[[str], str]:
        return lambda value: self._texts.of(kind, value)


def _always(text: str) -> Callable[[str], str]:
    return lambda _: text


def _free_parts(span: Span, taken: bytearray, text: str) -> Iterator[Span]:
    """What of a span no surer finding has claimed; a date or number that is claimed in part is no date or number."""
    claimed = taken[span.start : span.end]
    if not any(claimed):
        yield span
    elif span.kind in {IdentifierKind.NAME, IdentifierKind.PLACE, IdentifierKind.INSTITUTION}:
        for run in re.finditer(rb"\0+", claimed):
            part = Span(span.start + run.start(), span.start + run.end(), span.kind)
            if any(letter.isalnum() for letter in text[part.start : part.end]):
                yield part


def _joined(spans: tuple[Span, ...], text: str) -> tuple[Span, ...]:
    """The words of one name as one span."""
    joined: list[Span] = []
    for span in spans:
        last = joined[-1] if joined else None
        if last and last.kind is span.kind is IdentifierKind.NAME and _NAME_GAP.fullmatch(text, last.end, span.start):
            joined[-1] = Span(last.start, span.end, span.kind)
        else:
            joined.append(span)
    return tuple(joined)


def _name_words(record: RecordNames) -> Iterator[str]:
    for person in record.persons:
        for word in re.findall(r"[^\W\d_]+(?:['\u2019-][^\W\d_]+)*", person):
            folded = word.casefold().replace("\u2019", "'")
            if len(folded) > 1 and folded not in PARTICLES:
                yield folded
    for institution in record.institutions:
        yield from (word for word in re.findall(r"[^\W\d_]{4,}", institution.casefold()) if not is_common_word(word))


def _known_values(record: RecordNames) -> Iterator[tuple[IdentifierKind, re.Pattern[str]]]:
    groups = (
        (IdentifierKind.RECORD_NUMBER, record.numbers),
        (IdentifierKind.PHONE, record.phones),
        (IdentifierKind.PLACE, record.places),
        (IdentifierKind.INSTITUTION, record.institutions),
    )
    for kind, values in groups:
        for value in values:
            letters = [letter for letter in value if letter.isalnum()]
            if len(letters) < 4 or (kind is not IdentifierKind.INSTITUTION and not any(map(str.isdigit, letters))):
                continue
            joined = r"[\s.,/'\u2019^-]{0,3}".join(map(re.escape, letters))
            yield kind, re.compile(rf"(?<!\w){joined}(?!\w)", re.IGNORECASE)
    if record.birth_date is not None:
        for form in ("%d%m%Y", "%m%d%Y", "%d%m%y", "%m%d%y", "%y%m%d"):
            yield IdentifierKind.RECORD_NUMBER, re.compile(rf"(?<!\d){record.birth_date:{form}}(?!\d)")
