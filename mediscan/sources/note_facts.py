"""What a note says outright of its patient and examination, for comparing with the image's header."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date

from mediscan.sources.anatomy import Region, regions
from mediscan.sources.notes.times import studied_at
from mediscan.study import NoteSection, Sex


@dataclass(frozen=True, kw_only=True)
class NoteFacts:
    """What a note says; None and empty sets where it says nothing, or contradicts itself.

    Args:
        sex: The patient's sex.
        age_years: The patient's age.
        examined: Regions that the examination is said to show.
        sides: Region and side (`L` or `R`) that are named together anywhere; both sides where both are.
        examined_on: The day of the examination.
    """

    sex: Sex | None = None
    age_years: float | None = None
    examined: frozenset[Region] = frozenset()
    sides: frozenset[tuple[Region, str]] = frozenset()
    examined_on: date | None = None


# Gaps are bounded: two that may share a long run of spaces take quadratic time.
_AGE = (
    r"(?P<age>\d{1,3})[\s-]{0,3}"
    r"(?:(?P<unit>years?|yrs?|y|months?|mos?|weeks?|wks?|days?)[\s-]{0,3}(?:old|/o\b|o\b)|y/o|yo\b|y\.o\.)"
)
_ADJECTIVE = r"(?!(?:of|with|whose|by|and|or|for|to|from|in|his|her)\b)[a-z-]+\s+"
_SEX = r"(?:male|female|man|woman|boy|girl|gentleman|lady|m|f)\b"
# What else notes give an age to, with one word before it at most: "2-week-old hip fracture", "3-year-old son".
_NO_PATIENT = (
    rf"(?!(?:[\s-]{{1,3}}(?!(?:with|for|after|post|status)\b|{_SEX})\w{{1,30}})?[\s-]{{1,3}}(?:"
    r"(?:son|daughter|brother|sister|sibling|grand\w+|nephew|niece|"
    r"fracture|scar|wound|injury|trauma|burn|ulcer|lesion|nodule|mass|bruise|laceration|incision|abscess|"
    r"infarct\w*|stroke|h(?:a)?ematoma|h(?:a)?emorrhage|bleed|thromb\w+|clot|graft|stent|pacemaker|implant|device|"
    r"prosthesis|hardware|replacement|arthroplasty|repair|operation|surgery|tube|drain|catheter|line|port|"
    r"film|image|study|exam\w*|scan|radiograph|x-ray|ct|mri?|report|iup|gestation|pregnancy|f(?:o)?etus)s?)\b)"
)
_PERSON = re.compile(rf"\b{_AGE}{_NO_PATIENT}(?:[\s,-]{{1,3}}(?:{_ADJECTIVE}){{0,2}}?(?P<sex>{_SEX}))?", re.IGNORECASE)
# As short as this only where a sentence begins, and below the temperatures in Fahrenheit that look the same.
_SHORT_PERSON = re.compile(r"(?:^|\n|\.\s)\s{0,3}(?P<age>\d|[1-8]\d|9[0-4])\s?(?P<sex>[MF])\b")
_STATED_AGE = re.compile(r"\bage\s*[:=]\s*(?P<age>\d{1,3})\b(?!\s*(?:months?|mos?|weeks?|days?))", re.IGNORECASE)
_STATED_SEX = re.compile(r"\b(?:sex|gender)\s*[:=]\s*(?P<sex>male|female|m|f)\b", re.IGNORECASE)
_SOMEBODY_ELSE = re.compile(
    r"\b(?:mother|father|sister|brother|son|daughter|wife|husband|partner|spouse|aunt|uncle|cousin|sibling|child|baby|"
    r"donor|relative|roommate|neighbou?r|grand\w+|who (?:is|was)|when|at the age|since|until)\b[^.;\n]{0,40}$",
    re.IGNORECASE,
)
_FEMALE = frozenset({"female", "woman", "girl", "lady", "f"})
_YEARS_PER = {"m": 1 / 12, "w": 7 / 365.25, "d": 1 / 365.25}
_MOST_YEARS = 120

_MODALITY = r"(?:ct|cta|mr|mri|mra|pet|x-?rays?|xr|radiographs?|radiography|films?|ultrasound|us|mammograms?|scan)"
_EXAMINATION = re.compile(
    rf"\b{_MODALITY}\s+(?:scan\s+|examination\s+|views?\s+)?(?:of\s+)?(?P<after>[^.;:\n]{{0,60}})"
    rf"|(?P<before>(?:[\w-]{{1,30}}\s{{1,3}}){{1,4}}){_MODALITY}\b",
    re.IGNORECASE,
)
_TITLES = ("technique", "procedure", "examination")
_LONGEST_TITLE = 100
_SIDE = re.compile(r"\b(?P<side>left|right|bilateral|both)\s+(?P<of>(?:[\w-]+\s+){0,1}[\w-]+)", re.IGNORECASE)


def note_facts(sections: Sequence[NoteSection]) -> NoteFacts:
    """The facts in a note's sections.

    Only plain statements count ("65-year-old woman", "Sex: F", "CT of the left knee", "Exam date: 2019-03-04"); what
    is said of relatives is passed over, and a note that names two sexes or ages that are more than a year apart is
    taken to say nothing of them. Dates count only where day and month cannot be exchanged.
    """
    people = [person for section in sections for person in _people(section.text)]
    sexes = {sex for sex, _ in people if sex is not None}
    ages = [age for _, age in people if age is not None]
    days = {at.date() for section in sections if (at := studied_at(section.text))}
    return NoteFacts(
        sex=sexes.pop() if len(sexes) == 1 else None,
        age_years=ages[0] if ages and max(ages) - min(ages) <= 1 else None,
        examined=frozenset(region for section in sections for region in _examined(section)),
        sides=frozenset(pair for section in sections for pair in _sides(section.text)),
        examined_on=days.pop() if len(days) == 1 else None,
    )


def _people(text: str) -> Iterator[tuple[Sex | None, float | None]]:
    for found in _PERSON.finditer(text):
        if _SOMEBODY_ELSE.search(text, max(0, found.start() - 80), found.start()):
            continue
        years = float(found["age"]) * _YEARS_PER.get((found["unit"] or "y")[0].lower(), 1.0)
        if years <= _MOST_YEARS:
            yield _sex(found["sex"]), years
    for found in _SHORT_PERSON.finditer(text):
        yield _sex(found["sex"]), float(found["age"])
    for found in _STATED_AGE.finditer(text):
        if int(found["age"]) <= _MOST_YEARS:
            yield None, float(found["age"])
    for found in _STATED_SEX.finditer(text):
        yield _sex(found["sex"]), None


def _sex(word: str | None) -> Sex | None:
    if word is None:
        return None
    return Sex.FEMALE if word.lower() in _FEMALE else Sex.MALE


def _examined(section: NoteSection) -> frozenset[Region]:
    # Elsewhere a note speaks of other examinations too.
    if section.name not in _TITLES and not (section.name == "exam" and len(section.text) <= _LONGEST_TITLE):
        return frozenset()
    named = [found["after"] or found["before"] or "" for found in _EXAMINATION.finditer(section.text)]
    return frozenset(region for words in named for region in regions(words))


def _sides(text: str) -> Iterator[tuple[Region, str]]:
    for found in _SIDE.finditer(text):
        side = found["side"].lower()
        for region in regions(found["of"]):
            if region.is_paired:
                yield from ((region, letter) for letter in {"left": "L", "right": "R"}.get(side, "LR"))
