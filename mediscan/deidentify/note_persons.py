"""Names of persons in free text: by what stands before and after them, by lists, and by being named before."""

import re
from collections.abc import Iterable, Iterator

from mediscan.deidentify.identifiers import IdentifierKind, Span
from mediscan.deidentify.lexicon import MONTH_NAMES, is_common_word, is_given_name, is_listed_name
from mediscan.deidentify.lexicon import words as word_list
from mediscan.deidentify.name_tokens import AMBIGUOUS_LETTERS, CREDENTIAL, NoteWords, Trust

_ROLE = (
    r"(?:(?:patient|pt|client|attending|referring|ordering|requesting|performing|primary(?:\scare)?"
    r"|consulting|interpreting|reading|responsible"
    r"|supervising|admitting|operating|family|emergency|treating)['\u2019]?s?\s(?:\w+\s)?)?"
    r"(?:patient(?:'s)?(?:\sname)?|(?:full\s|last\s|first\s|maiden\s)?name|pt|physicians?|doctor|provider"
    r"|practitioner|surgeons?|assistants?"
    r"|an(?:a)?esthesiologist|an(?:a)?esthetist|attending|resident|fellow|intern|radiologist|pathologist"
    r"|cardiologist|technologist|tech|nurse|therapist"
    r"|social\sworker|case\smanager|pharmacist|sonographer|radiographer|consultant|registrar|pcp|gp"
    r"|author|dictator|transcriptionist|caller|contact"
    r"|next\sof\skin|nok|guardian|proxy|re|cc|attn|attention|from|to|by|signed|signature|cosigner|scribe"
    r"|witness|interpreter|informant|caregiver"
    r"|mother|father|husband|wife|son|daughter|spouse|partner|sister|brother|dr|md|rn|np)"
)
_LABEL = re.compile(rf"(?<![\w-]){_ROLE}(?:\s?\([^()\n]{{1,20}}\))?\s{{0,2}}[:=][\s*_]{{0,12}}", re.IGNORECASE)
_TITLE = re.compile(
    r"(?<![\w'\u2019.-])(?:drs?|doctor|prof(?:essor)?|mrs?|ms|miss|mx|messrs|rev|sister|fr|sir|dame|capt"
    r"|sgt|lt|col|rabbi|imam|pastor)\b\.?[ \n]{1,2}"
    r"(?:(?:dr|prof|and|&)\.?\s)?(?=[^\W\d_])",
    re.IGNORECASE,
)
_BY = (
    r"(?:(?:e(?:lectronically)?[\s-]?)?(?:signed|authenticated|verified|approved|finali[sz]ed)|dictated"
    r"|reported|read|transcribed|reviewed|seen|examined"
    r"|performed|interpreted|requested|ordered|referred|accompanied|prepared|submitted|attested|witnessed"
    r"|co-?signed|entered|written|brought(?:\sin)?"
    r"|assisted|followed|supervised|evaluated|assessed|treated|managed|cared\sfor|inserted|placed"
    r"|administered|completed|documented|confirmed|obtained|given"
    r"|noted|scribed|staffed|supplied|typed|operated)\s(?:electronically\s)?by"
)
_WITH = (
    r"(?:discussed|reviewed|spoke|spoken|d/w|conferred|consulted|liv(?:es|ed|ing)|shared|communicated"
    r"|confirmed|seen|staffed|met|visited|works?|working"
    r"|together|along|conversation|call|resid(?:es|ing)|stay(?:s|ing)|here|clinic|appointment|f/u"
    r"|follow-?up)\s(?:\w+\s){0,3}?(?:with|w/)|d/w|seen\sw/"
)
_TO = (
    r"(?:refer(?:red|ral)?|called|communicated|conveyed|reported|relayed|given|route(?:d)?|escalated"
    r"|addressed|presented|introduced|faxed|forwarded"
    r"|telephoned|transferred|handed(?:\soff)?|report|spoke|talked|thanks|married|sent|available)\s(?:\w+\s){0,2}?to"
)
_CUE = re.compile(
    rf"(?<![\w-])(?:{_BY}|{_WITH}|{_TO}|notified|informed|paged|contacted|updated|telephoned|dear|signed"
    rf"|per|thank|named|known\sas|goes\sby|aka|a\.k\.a\."
    r"|attn|cc|re|called|asked|told|alerted|patient|pt|client|resident|veteran|baby\s(?:boy|girl)"
    r"|seen\sby|by|sincerely|regards|md|nurse|colleague|surgeon"
    r"|radiologist|physician|provider|attending|pcp|gp|technologist|therapist|cardiologist|neurologist"
    r"|oncologist|pathologist|pharmacist|fellow|intern)[,:]?[\s(]{1,3}",
    re.IGNORECASE,
)
_RELATION = (
    r"wife|husband|son|daughter|mother|father|sister|brother|niece|nephew|aunt|uncle|cousin|friend"
    r"|neighbou?r|partner|fianc[eé]e?|guardian|care(?:giver|taker|r)"
    r"|grand(?:son|daughter|mother|father|child)|spouse|(?:boy|girl)friend|roommate|step(?:son|daughter"
    r"|mother|father)|mom|mum|dad|proxy|daughter-in-law|son-in-law"
    r"|twin|sibling|widow|widower|landlord|pastor|health\scare\sproxy"
)
_RELATIVE = re.compile(rf"(?<![\w-])(?:{_RELATION})[,:]?(?:\sis|\snamed|\scalled)?[\s(:,]{{1,3}}", re.IGNORECASE)
_RELATION_AFTER = re.compile(
    rf"[\s,]{{0,2}}\(?[\s,]?(?:(?:his|her|the|their|patient's)\s)?(?:{_RELATION})\b", re.IGNORECASE
)
_CARET = re.compile(r"(?<![\w^])[^\W\d_][\w'\u2019 -]{0,40}\^[^\W\d_][\w'\u2019 .^-]{0,40}")
_STRONG_VERBS = word_list("person_verbs")
_WEAK_VERBS = word_list("auxiliary_verbs")
_IS_A = re.compile(
    r"[ \n](?:is|was)[ \n]an?[ \n](?:\S{1,20}[ \n]){0,4}?(?:\d{1,3}[ -]?y|\S*-year|man|woman|male|female"
    r"|gentleman|lady|boy|girl|widow|infant)"
)
_SIGN_OFF = re.compile(r"\bby\s{1,2}(?P<initials>[A-Za-z]{2,3})(?=\s*(?:[.\n/]|$))")
_SPECIES = word_list("species")


def find_persons(note: NoteWords, *, known: Iterable[str] = ()) -> Iterator[Span]:
    """Each word of each person's name.

    Args:
        note: The text in words.
        known: Words of names that the record itself tells, case-folded.
    """
    named = _Found(note)
    for read in (_labelled, _titled, _with_credential, _cued, _relatives, _listed, _with_verb, _signature_lines):
        for words in read(note):
            named.add(words)
    named.add_joined()
    for match in _SIGN_OFF.finditer(note.text):
        if not is_common_word(match["initials"]) and (at := note.at_or_after(match.start("initials"))) is not None:
            named.add(range(at, at + 1))
    yield from named.spans(frozenset(known))


class _Found:
    """The words of names found so far."""

    def __init__(self, note: NoteWords) -> None:
        self._note = note
        self._at: set[int] = set()
        self._ends: set[int] = set()

    def add(self, words: range) -> None:
        self._at.update(words)
        self._ends.add(words.stop)

    def add_joined(self) -> None:
        """Names after "and" or a comma after a name: "reviewed with A B and C D"."""
        note = self._note
        for end in sorted(self._ends):
            at = end
            while 0 < at < len(note.words) and note.gap(at - 1) in {", ", " ", "/", " / ", " & "}:
                if note.words[at].folded in {"and", "or"}:
                    at += 1
                    continue
                words = note.read(at, Trust.CUE)
                if (
                    words is None
                    or len(words) < 2
                    or (note.gap(at - 1) == " " and note.words[at - 1].folded not in {"and", "or"})
                ):
                    break
                self._at.update(words)
                at = words.stop

    def spans(self, known: frozenset[str]) -> Iterator[Span]:
        note = self._note
        names = {note.words[at].folded for at in self._at if len(note.words[at].text) > 1 and not note.is_particle(at)}
        parts = {
            part
            for name in names | known
            for part in re.split("['-]", name)
            if len(part) > 3 and not is_common_word(part)
        }
        for at, word in enumerate(note.words):
            if at in self._at or self._is_named_before(at, names | parts, known):
                yield Span(word.start, word.end, IdentifierKind.NAME)
                for before in range(at - 1, max(-1, at - 4), -1):
                    if before in self._at or not note.is_particle(before) or note.gap(before) not in {" ", "\n"}:
                        break
                    yield Span(note.words[before].start, note.words[before].end, IdentifierKind.NAME)

    def _is_named_before(self, at: int, names: set[str], known: frozenset[str]) -> bool:
        note, word = self._note, self._note.words[at]
        pieces = word.folded.split("-")
        if (
            word.folded not in names
            and word.folded not in known
            and not (len(pieces) > 1 and all(p in known for p in pieces))
        ):
            return False
        if note.is_eponym(at):
            return False
        if not is_common_word(word.folded):
            return word.text[0].isupper() or word.folded in known or len(word.text) > 4
        if not word.text[0].isupper() or note.is_shouted(at):
            return False
        after = note.words[at + 1].folded if at + 1 < len(note.words) else ""
        return (
            not _begins_sentence(note, at)
            or after in _STRONG_VERBS | _WEAK_VERBS
            or note.text[word.end : word.end + 2] in {"'s", "\u2019s"}
        )


def _begins_sentence(note: NoteWords, at: int) -> bool:
    before = (
        note.text[: note.words[at].start].rstrip(" \t")
        if at < 1
        else note.text[note.words[at - 1].end : note.words[at].start]
    )
    return at == 0 or any(mark in before for mark in ".:;!?\n-*")


def _labelled(note: NoteWords) -> Iterator[range]:
    for match in _LABEL.finditer(note.text):
        if words := note.read(note.at_or_after(match.end()), Trust.TITLE, comma=True):
            yield words


def _titled(note: NoteWords) -> Iterator[range]:
    for match in _TITLE.finditer(note.text):
        at = note.at_or_after(match.end())
        if at is None:
            continue
        if words := note.read(at, Trust.TITLE):
            yield words


def _with_credential(note: NoteWords) -> Iterator[range]:
    ends = {word.end: at for at, word in enumerate(note.words)}
    for match in CREDENTIAL.finditer(note.text):
        at = ends.get(
            match.start(), ends.get(match.start() - 1) if note.text[match.start() - 1 : match.start()] == "." else None
        )
        if at is None:
            continue
        words = note.read_back(at)
        if words is None:
            continue
        if (match["letters"] in AMBIGUOUS_LETTERS or not match["comma"]) and len(words) < 2:
            continue
        yield words


def _cued(note: NoteWords) -> Iterator[range]:
    for match in _CUE.finditer(note.text):
        if (
            words := note.read(
                note.at_or_after(match.end()),
                Trust.CUE,
                comma=match.group().casefold().startswith(("re", "patient", "pt")),
            )
        ) or (words := _ambiguous_pair(note, note.at_or_after(match.end()))):
            yield words


def _relatives(note: NoteWords) -> Iterator[range]:
    for match in _RELATIVE.finditer(note.text):
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
    if not (
        first.text[0].isupper() and is_given_name(first.text) and first.folded not in {"will", "may", "an", "see", "so"}
    ):
        return None
    words = note.read(at, Trust.TITLE)
    return words if words and len(words) > 1 and (second.text[0].isupper() or note.is_particle(at + 1)) else None


def _listed(note: NoteWords) -> Iterator[range]:
    """Given and family name, "Family, Given", "J. Family", "FAMILY^GIVEN" with no cue at all."""
    for match in _CARET.finditer(note.text):
        first = note.at_or_after(match.start())
        if first is not None:
            last = first
            while (
                last + 1 < len(note.words) and note.words[last + 1].end <= match.end() and not _ends_caret(note, last)
            ):
                last += 1
            yield range(first, last + 1)
    for at in range(len(note.words) - 1):
        word, after, gap = note.words[at], note.words[at + 1], note.gap(at)
        if not word.text[0].isupper():
            continue
        words = None
        if gap in {" ", "\n"} and is_given_name(word.text) and not word.text.isupper():
            words = note.read(at, Trust.TITLE if _sure_given(note, at) else Trust.CUE) or _ambiguous_given(note, at)
        elif gap in {" ", ". "} and note.is_initial(at) and (after.text.istitle() or not after.text.isupper()):
            words = (
                note.read(at, Trust.CUE)
                if after.folded not in _SPECIES and len(after.text) > 2 and gap == ". "
                else None
            )
        elif (
            gap == ", "
            and is_given_name(after.text)
            and not is_common_word(after.text)
            and not is_common_word(word.text)
        ):
            words = note.read(at, Trust.CUE, comma=True)
        if (
            words
            and sum(len(note.words[one].text) > 1 for one in words) + (gap == ". ") > 1
            and not note.is_eponym(words.stop - 1)
        ):
            yield words


def _ends_caret(note: NoteWords, at: int) -> bool:
    """Whether the caret form ends after word `at`: a gap wider than one blank."""
    return note.gap(at) not in {" ", "^", "-", ". ", "^^"}


def _sure_given(note: NoteWords, at: int) -> bool:
    return not is_common_word(note.words[at].text)


def _ambiguous_given(note: NoteWords, at: int) -> range | None:
    """A name as in "Grace Okonkwo": the first word means something, the second nothing else."""
    if _begins_sentence(note, at) and not is_given_name(note.words[at].text):
        return None
    after = note.words[at + 1]
    if (
        is_common_word(after.text)
        or not after.text.istitle()
        or note.words[at].folded in {"will", "may", "an", "see", "so", "long"}
    ):
        return None
    rest = note.read(at + 1, Trust.CUE)
    return range(at, rest.stop) if rest else None


def _with_verb(note: NoteWords) -> Iterator[range]:
    """A name as in "Okonkwo denies pain", "Maria is here", "Hope Long (daughter)"."""
    for at in range(len(note.words) - 1):
        word = note.words[at]
        if not word.text[0].isupper() or len(word.text) < 3 or note.is_shouted(at):
            continue
        common, after = is_common_word(word.text), note.words[at + 1].folded
        strong = after in _STRONG_VERBS and (
            not common or (is_given_name(word.text) and word.folded not in MONTH_NAMES)
        )
        strong = strong or (_IS_A.match(note.text, word.end) is not None and (not common or is_listed_name(word.text)))
        weak = after in _WEAK_VERBS and not common and is_given_name(word.text)
        related = _RELATION_AFTER.match(note.text, word.end) is not None and (not common or is_listed_name(word.text))
        if note.gap(at).strip(" \n(,") == "" and (related or (note.gap(at) in {" ", "\n"} and (strong or weak))):
            words = note.read_back(at)
            if words and all(note.words[one].text[0].isupper() or note.is_particle(one) for one in words):
                yield words


def _signature_lines(note: NoteWords) -> Iterator[range]:
    """Lines that hold a name and nothing else."""
    at = 0
    for line in note.text.splitlines(keepends=True):
        start, at = at, at + len(line)
        content = line.strip(" \t\r\n-–_,*/")
        if not 4 < len(content) < 60 or any(mark in content for mark in ":;()0123456789"):
            continue
        first = note.at_or_after(start + line.index(content[0]))
        if first is None:
            continue
        words = note.read(first, Trust.CUE, comma=True)
        if (
            words
            and len(words) >= 2
            and note.words[words.stop - 1].end >= start + line.index(content[0]) + len(content) - 1
        ):
            yield words
