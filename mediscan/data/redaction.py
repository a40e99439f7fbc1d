"""The leakage guard of notes: what names the answer is taken out before a note is read.

A note that says what the patient has teaches a network to read that, and nothing else. Names are taken out without a
trace, for a mask in their place would tell as much as the name. A test that looks for one disease tells it too,
whatever its result, so the clause that mentions such a test goes whole.
"""

import re
from dataclasses import dataclass
from functools import cache

_CLAUSE = re.compile(r"[^.;!?\n]*(?:\.(?=[\w])[^.;!?\n]*)*[.;!?\n]*\s*")
_SEPARATORS = re.compile(r"[\s\-\u2010\u2011\u2013_/]+")
_BETWEEN = r"[\s\-\u2010\u2011\u2013_/]*"
_LEFT_OVER = (
    (re.compile(r"[(\[]\s*[,;:/\-]*\s*[)\]]"), ""),  # brackets that held nothing but a name
    (re.compile(r"[^\S\n]+([,.;:!?)\]])"), r"\1"),
    (re.compile(r"[^\S\n]{2,}"), " "),
)
_SEAM = " "
_SHORT = 5
"""Letters; shorter names are often parts of other words."""


@dataclass(frozen=True, kw_only=True)
class Redaction:
    """What a note must not say.

    Attributes:
        names: Names of the findings and their synonyms, abbreviations included. Case, and how their parts are joined
            (`SARS-CoV-2`, `sars cov 2`, `SARSCoV2`), do not matter. A name of five letters or more is also found at
            the start of a longer word and behind one that it was run into (`classiccovid-19`).
        tests: Names of tests whose mention tells the answer; the clause that holds one is taken out.
    """

    names: tuple[str, ...] = ()
    tests: tuple[str, ...] = ()


NOTHING = Redaction()
"""Notes are read as they are."""

COVID19 = Redaction(
    names=(
        *("COVID-19", "COVID-2019", "COVID", "corona virus", "coronavirus", "novel coronavirus"),
        *("SARS-CoV-2", "SARS-CoV", "SARS", "severe acute respiratory syndrome", "2019-nCoV", "nCoV-2019", "nCoV"),
        *("HCoV-19", "MERS-CoV", "MERS", "CO-RADS", "CORADS", "novel virus", "pandemic"),
        *("Pneumocystis jirovecii", "Pneumocystis jiroveci", "Pneumocystis carinii", "Pneumocystis", "PJP", "PCP"),
        *("Streptococcus pneumoniae", "Streptococcus", "streptococcal", "pneumococcus", "pneumococcal"),
        *("Klebsiella pneumoniae", "Klebsiella", "Mycoplasma pneumoniae", "Mycoplasma", "Legionella", "legionnaires"),
        *("varicella zoster", "varicella", "chickenpox", "lipoid pneumonia", "lipoid", "ARDS"),
        *("acute respiratory distress syndrome", "bacterial pneumonia"),
    ),
    tests=(
        *("PCR", "RT-PCR", "rRT-PCR", "polymerase chain reaction", "reverse transcription", "reverse transcriptase"),
        *("swab", "throat swab", "nose swab", "nucleic acid", "viral RNA", "viral load"),
        *("antigen test", "antibody test", "serology", "IgM"),
    ),
)
"""The diseases of the covid-chestxray collection. Where a patient lives or has travelled is history, and stays."""


def redact(text: str, redaction: Redaction) -> str:
    """A note without the answer.

    Args:
        text: The note.
        redaction: What it must not say.

    Returns:
        The text without the clauses that mention a test and without the names. A text in which nothing is found is
        returned as it is.
    """
    spans = kept_spans(text, redaction)
    if spans == _whole(text):
        return text
    kept = _SEAM.join(text[start:end] for start, end in spans)
    for pattern, replacement in _LEFT_OVER:
        kept = pattern.sub(replacement, kept)
    return kept.strip()


def kept_spans(text: str, redaction: Redaction) -> tuple[tuple[int, int], ...]:
    """Where the stretches of a note lie that may be read, so that evidence found in them maps back to the note.

    Returns:
        Start and end of each stretch in characters of `text`, ascending and apart.
    """
    names, tests = _pattern(redaction.names), _pattern(redaction.tests)
    hidden = [clause.span() for clause in _CLAUSE.finditer(text) if tests and tests.search(clause.group())]
    hidden += [name.span() for name in names.finditer(text)] if names else []
    kept = []
    at = 0
    for start, end in sorted(hidden):
        if start > at:
            kept.append((at, start))
        at = max(at, end)
    return (*kept, *_whole(text, at))


def _whole(text: str, start: int = 0) -> tuple[tuple[int, int], ...]:
    return ((start, len(text)),) if start < len(text) else ()


def names_anything(text: str, redaction: Redaction) -> bool:
    """Whether a note says anything that it must not."""
    return kept_spans(text, redaction) != _whole(text)


@cache
def _pattern(terms: tuple[str, ...]) -> re.Pattern[str] | None:
    if not terms:
        return None
    # The longest first, so that no part of a name is left behind by a shorter one.
    written = [_written(term) for term in sorted(terms, key=len, reverse=True)]
    return re.compile("|".join(written), re.IGNORECASE)


def _written(term: str) -> str:
    """A pattern for the ways in which a term is written."""
    parts = [part for part in _SEPARATORS.split(term) if part]
    # `CoV2` and `COVID19` are written together as often as apart.
    pieces = [piece for part in parts for piece in re.findall(r"[^\W\d_]+|\d+|[^\w\s]+", part)]
    letters = sum(map(len, pieces))
    body = _BETWEEN.join(re.escape(piece) for piece in pieces)
    if letters < _SHORT:
        return rf"#?\b{body}s?\b"
    # Behind a run-in word too; what follows the name up to the end of the word goes with it (`covid-positive`).
    return rf"#?{body}(?:[\-\u2010\u2011\u2013]?\w+)*"
