"""Names of persons in free text: by what stands before and after them, by lists, and by being named before."""

from collections.abc import Iterable, Iterator

from mediscan.deidentify.identifiers import Span
from mediscan.deidentify.lexicon import (
    AUXILIARY_VERBS,
    MONTH_NAMES,
    PERSON_VERBS,
    is_common_word,
    is_given_name,
    is_listed_name,
)
from mediscan.deidentify.lexicon import words as word_list
from mediscan.deidentify.name_tokens import AMBIGUOUS_LETTERS, NoteWords, Trust
from mediscan.deidentify.named_words import NamedWords
from mediscan.deidentify.person_cues import (
    CARET_NAME,
    CUE,
    DESCRIBED,
    INITIALS,
    LABEL,
    RELATIVE,
    RELATIVE_AFTER,
    TITLE,
)

_SPECIES = word_list("species")
# Given names that open a sentence as other words: "Will follow", "May represent", "See above".
_OPENERS = frozenset({"will", "may", "an", "see", "so"})
_CARET_GAPS = frozenset({" ", "^", "-", ". ", "^^"})


def find_persons(note: NoteWords, *, known: Iterable[str] = ()) -> Iterator[Span]:
    """Each word of each person's name.

    Args:
        note: The text in words.
        known: Words of names that the record itself tells, case-folded.
    """
    named = NamedWords(note)
    for find in _FINDERS:
        for words in find(note):
            named.add(words)
    named.add_joined()
    for match in INITIALS.finditer(note.text):
        if not is_common_word(match["initials"]) and (at := note.at_or_after(match.start("initials"))) is not None:
            named.add(range(at, at + 1))
    yield from named.spans(frozenset(known))


def _labelled(note: NoteWords) -> Iterator[range]:
    for match in LABEL.finditer(note.text):
        if words := note.read(note.at_or_after(match.end()), Trust.TITLE, comma=True):
            yield words


def _titled(note: NoteWords) -> Iterator[range]:
    for match in TITLE.finditer(note.text):
        if words := note.read(note.at_or_after(match.end()), Trust.TITLE):
            yield words


def _with_credential(note: NoteWords) -> Iterator[range]:
    """A name before letters such as MD, which alone are believed after a comma or behind two words."""
    ends = {word.end: at for at, word in enumerate(note.words)}
    for match in note.credentials:
        end = match.start()
        at = ends.get(end)
        if at is None and note.text[end - 1 : end] == ".":  # "John A., MD"
            at = ends.get(end - 1)
        words = None if at is None else note.read_back(at)
        sure = match["comma"] and match["letters"] not in AMBIGUOUS_LETTERS
        if words and (sure or len(words) > 1):
            yield words


def _cued(note: NoteWords) -> Iterator[range]:
    for match in CUE.finditer(note.text):
        at = note.at_or_after(match.end())
        inverted = match.group().casefold().startswith(("re", "patient", "pt"))  # "RE: Family, Given"
        if words := note.read(at, Trust.CUE, comma=inverted) or _ambiguous_pair(note, at):
            yield words


def _relatives(note: NoteWords) -> Iterator[range]:
    for match in RELATIVE.finditer(note.text):
        at = note.at_or_after(match.end())
        if at is None:
            continue
        if (words := note.read(at, Trust.CUE)) or (words := _ambiguous_pair(note, at)):
            yield words
        elif is_given_name(note.words[at].text) and note.words[at].text.istitle():
            yield range(at, at + 1)


def _ambiguous_pair(note: NoteWords, at: int | None) -> range | None:
    """A name as in "Hope White" after a cue: both words mean something, and both are names."""
    if at is None or at + 1 >= len(note.words) or note.is_shouted(at):
        return None
    first, second = note.words[at], note.words[at + 1]
    if not (first.text[0].isupper() and is_given_name(first.text) and first.folded not in _OPENERS):
        return None
    words = note.read(at, Trust.TITLE)
    return words if words and len(words) > 1 and (second.text[0].isupper() or note.is_particle(at + 1)) else None


def _with_carets(note: NoteWords) -> Iterator[range]:
    """A name as DICOM writes it, "FAMILY^GIVEN"."""
    for match in CARET_NAME.finditer(note.text):
        first = note.at_or_after(match.start())
        if first is None:
            continue
        last = first
        while last + 1 < len(note.words) and note.words[last + 1].end <= match.end() and note.gap(last) in _CARET_GAPS:
            last += 1
        yield range(first, last + 1)


def _listed(note: NoteWords) -> Iterator[range]:
    """Given and family name, "Family, Given" or "J. Family" with no cue at all."""
    for at, word in enumerate(note.words[:-1]):
        if not word.text[0].isupper():
            continue
        words = _listed_at(note, at)
        if words is None or note.is_eponym(words.stop - 1):
            continue
        whole_names = sum(len(note.words[one].text) > 1 for one in words)
        if whole_names > 1 or (whole_names == 1 and note.gap(at) == ". "):
            yield words


def _listed_at(note: NoteWords, at: int) -> range | None:
    word, after, gap = note.words[at], note.words[at + 1], note.gap(at)
    if gap in {" ", "\n"} and is_given_name(word.text) and not word.text.isupper():
        trust = Trust.CUE if is_common_word(word.text) else Trust.TITLE
        return note.read(at, trust) or _ambiguous_given(note, at)
    if gap in {" ", ". "} and note.is_initial(at) and (after.text.istitle() or not after.text.isupper()):
        follows = gap == ". " and after.folded not in _SPECIES and len(after.text) > 2
        return note.read(at, Trust.CUE) if follows else None
    if gap == ", " and is_given_name(after.text) and not is_common_word(after.text) and not is_common_word(word.text):
        return note.read(at, Trust.CUE, comma=True)
    return None


def _ambiguous_given(note: NoteWords, at: int) -> range | None:
    """A name as in "Grace Okonkwo": the first word, a given name, means something, the second nothing else."""
    after = note.words[at + 1]
    if is_common_word(after.text) or not after.text.istitle() or note.words[at].folded in _OPENERS | {"long"}:
        return None
    rest = note.read(at + 1, Trust.CUE)
    return range(at, rest.stop) if rest else None


def _with_verb(note: NoteWords) -> Iterator[range]:
    """A name as in "Okonkwo denies pain", "Maria is here", "Hope Long (daughter)"."""
    for at, word in enumerate(note.words[:-1]):
        if len(word.text) < 3 or not word.text[0].isupper() or note.gap(at).strip(" \n(,") or note.is_shouted(at):
            continue
        if _is_said_of_a_person(note, at):
            words = note.read_back(at)
            if words and all(note.words[one].text[0].isupper() or note.is_particle(one) for one in words):
                yield words


def _is_said_of_a_person(note: NoteWords, at: int) -> bool:
    word, after = note.words[at], note.words[at + 1].folded
    common = is_common_word(word.text)
    may_be_name = not common or is_listed_name(word.text)
    if may_be_name and RELATIVE_AFTER.match(note.text, word.end):
        return True
    if note.gap(at) not in {" ", "\n"}:
        return False
    if after in PERSON_VERBS and (not common or (is_given_name(word.text) and word.folded not in MONTH_NAMES)):
        return True
    if after in AUXILIARY_VERBS and not common and is_given_name(word.text):
        return True
    return may_be_name and DESCRIBED.match(note.text, word.end) is not None


def _signature_lines(note: NoteWords) -> Iterator[range]:
    """Lines that hold a name and nothing else."""
    at = 0
    for line in note.text.splitlines(keepends=True):
        start, at = at, at + len(line)
        content = line.strip(" \t\r\n-–_,*/")
        if not 4 < len(content) < 60 or any(mark in content for mark in ":;()0123456789"):
            continue
        begin = start + line.index(content[0])
        words = note.read(note.at_or_after(begin), Trust.CUE, comma=True)
        if words and len(words) >= 2 and note.words[words.stop - 1].end >= begin + len(content) - 1:
            yield words


_FINDERS = (
    *(_labelled, _titled, _with_credential, _cued, _relatives),
    *(_with_carets, _listed, _with_verb, _signature_lines),
)
