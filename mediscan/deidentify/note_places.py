"""Addresses, towns and institutions in free text.

Countries, states and regions larger than a state are kept, as Safe Harbor allows.
"""

import re
from collections.abc import Iterator

from mediscan.deidentify.identifiers import IdentifierKind, Span
from mediscan.deidentify.lexicon import is_common_word, words
from mediscan.deidentify.searching import has_digit, one_of

STATES = words("us_states")
_STATE_NAMES = words("us_state_names")
_KEPT = frozenset(place.casefold() for place in _STATE_NAMES | words("countries"))
_STATE_CODE = "|".join(sorted(STATES))

_WORD = r"[^\W\d_][^\W\d_'\u2019.-]*(?:['\u2019.-][^\W\d_]+)*"
_WORDS = rf"(?:{_WORD}\.?[ ]){{0,3}}{_WORD}"
_STREET_KIND = one_of(
    r"street st avenue ave road rd boulevard blvd lane ln drive dr court ct place pl terrace way close crescent",
    r"square sq parkway pkwy circle cir trail highway hwy row walk gardens grove mews hill turnpike",
)
_UNIT = r"(?:,?\s{0,2}(?:apt|apartment|suite|ste|unit|flat|floor|fl|\#)\.?\s?\#?(?=[\w-]{0,5}\d|[A-Z]\b)[\w-]{1,6})?"
_STATE_NAME = one_of(*(name.replace(" ", r"\x20") for name in sorted(_STATE_NAMES)))
_STATE = rf"(?:(?-i:{_STATE_CODE})|{_STATE_NAME})"
_TOWN = rf"(?:[\s,]{{1,3}}{_WORDS},?\s{{1,2}}{_STATE}\b(?:\.?\s{{1,2}}\d{{5}}(?:-\d{{4}})?)?)?"
_POSTCODE = r"(?-i:[A-Z]{1,2}\d[A-Z\d]?\s?\d[A-Z]{2})(?!\w)"

_ADDRESSES = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        (
            rf"(?<![\w./-])\d{{1,6}}\s(?:county\sroad|county\srd|state\sroute|route|rte|rural\sroute|rr|highway"
            rf"|hwy|us)\s\d{{1,4}}\b{_UNIT}{_TOWN}"
        ),
        (
            rf"(?<![\w./-])\d{{1,6}}[A-Z]?(?:-\d{{1,5}})?\s(?=(?-i:[A-Z]))(?:[NSEW]{{1,2}}\.?\s)?{_WORDS}\s"
            rf"{_STREET_KIND}\b\.?{_UNIT}(?:{_TOWN}|)(?:,?\s{{1,2}}{_WORDS},?\s{{1,2}}{_POSTCODE})?"
        ),
        rf"\bp\.?\s?o\.?\s?box\s\d{{1,6}}{_TOWN}",
        (
            rf"(?<![\w'\u2019-])(?-i:[A-Z])[\w'\u2019-]{{0,40}}(?:\s(?-i:[A-Z])[\w'\u2019.-]{{0,40}}){{0,2}}"
            rf",?\s{_STATE}\.?\s{{1,2}}\d{{5}}(?:-\d{{4}})?(?!\w)"
        ),
        rf"(?<!\w){_POSTCODE}",
        r"\bzip(?:\s?code)?:?\s(?P<value>\d{5}(?:-\d{4})?)\b",
    )
)
_TITLE_WORDS = r"(?P<value>(?-i:[^\W\d_a-z])[\w'\u2019-]+(?:\s(?-i:[^\W\d_a-z])[\w'\u2019-]+){0,2})"
_TOWN_STATE = re.compile(
    rf"(?<![\w,'\u2019-])(?P<value>[A-Z][a-z'\u2019-]+(?: [A-Z][a-z'\u2019-]+){{0,2}}), "
    rf"(?P<state>{_STATE_CODE})(?![\w/^.])"
)
_LIVING = one_of(
    r"liv(?:es|ed|ing) resid(?:es|ed|ing) resident born raised grew\sup homeless works? house home apartment lodging"
)
_MOVING = one_of(r"moved comes came originally hails relocated travell?ed returned native transferred formerly")
_TOWN_CUES = re.compile(
    rf"\b(?:{_LIVING}\s(?:[\w,'\u2019-]+\s){{0,6}}?(?:in|of)|{_MOVING}\s(?:here\s)?(?:from|of|to)"
    rf"|{one_of('travel trip flight drive vacation')}\s(?:to|from)|(?-i:City|Town|Village)\sof|to|visiting)"
    rf"\s{_TITLE_WORDS}",
    re.IGNORECASE,
)
_STRONG_TOWN = re.compile(r"to|visiting", re.IGNORECASE)

_HOUSE_KIND = one_of(
    r"Memorial General Community Regional Veterans District Children['\u2019]?s University Royal County VA Family",
    r"Surgical",
)
_HOUSE = one_of(
    r"Hospitals? Hosp\. Medical\s(?:Center|Centre|Group|School|Associates)",
    r"Health\s?(?:Center|Centre|System|Care|Network|Services) Healthcare Clinics? Infirmary Surgery Practice Hospice",
    r"Sanatorium Nursing\s(?:Home|Facility|Center) Care\s(?:Home|Center|Centre)",
    r"Rehab(?:ilitation)?(?:\s(?:Center|Hospital|Facility))? Imaging(?:\sCenter)?",
    r"Radiology\s(?:Associates|Group|Partners) Cancer\s(?:Center|Institute) Heart\s(?:Center|Institute)",
    r"Assisted\sLiving Manor Pavilion Polyclinic NHS\s(?:Foundation\s)?Trust Memorial Institute University",
    r"Laborator(?:y|ies) Pharmacy",
)
_HOUSE_END = re.compile(
    rf"(?<!\w)(?:{_HOUSE_KIND}\s){{0,6}}{_HOUSE}(?:\sNHS\s(?:Foundation\s)?Trust)?(?!\w|\s?:)", re.IGNORECASE
)
_OF_PLACE = re.compile(
    r"\s(?:of|for|at|in)\s(?:the\s)?(?:University\sof\s)?[A-Z][\w'\u2019-]+(?:\s[A-Z][\w'\u2019-]+){0,2}"
)
_ACRONYMS = re.compile(r"(?<!\w)(?:MGH|BIDMC|BWH|UCSF|UCLA|UPMC|NYU|MSKCC|CHOP|UCLH|NYPH|JHH|VUMC|MGUH|DFCI)(?!\w)")
_ROOMS = re.compile(
    rf"\b{one_of('ward room rm bed bay cubicle floor unit')}[\s#:.]{{1,2}}"
    r"(?P<value>(?:\d{1,4}[A-Z]?(?:-\d{1,3}|-[A-Z])?|[A-Z]\d{1,3}))(?![\w/%]|\.\d)(?!\s(?:of|units?|L|liters?)\b)",
    re.IGNORECASE,
)
_BEFORE_HOUSE = re.compile(r"[\w'\u2019.&-]+")
_LINKS = frozenset({"of", "and", "the", "&", "for"})
_LEADING_LINK = re.compile(r"(?:the|of|and|for|at|from|in|by)\s", re.IGNORECASE)
_SERVICES = words("services")


def find_places(text: str) -> Iterator[Span]:
    """Addresses and towns, then institutions, then rooms; the fuller first."""
    for address in _ADDRESSES if has_digit(text) else ():
        for match in address.finditer(text):
            group = "value" if "value" in match.groupdict() else 0
            yield Span(*match.span(group), IdentifierKind.PLACE)
    yield from find_institutions(text)
    for match in _TOWN_STATE.finditer(text):
        if match["state"] not in {"MD", "PA", "DO"}:  # these stand after names too
            yield Span(match.start("value"), match.end("value"), IdentifierKind.PLACE)
    for match in _TOWN_CUES.finditer(text):
        yield from _town(match)


def _town(match: re.Match[str]) -> Iterator[Span]:
    """The words after a cue, up to the first that means something, unless they name a country or a state."""
    value = match["value"]
    weak = _STRONG_TOWN.match(match.group())
    end = 0
    for word in re.finditer(r"\S+", value):
        if is_common_word(word.group().strip(".,'\u2019")) and (weak or end or word.group().isupper()):
            break
        end = word.end()
    if end and not weak and value[:end].casefold() not in _KEPT and not is_common_word(value[:end]):
        yield Span(match.start("value"), match.start("value") + end, IdentifierKind.PLACE)


def find_institutions(text: str) -> Iterator[Span]:
    """Institutions with a name of their own ("the hospital" has none), acronyms, and rooms."""
    for match in _HOUSE_END.finditer(text):
        start = _start_of_house(text, match.start(), shouted=match.group().isupper())
        end = match.end()
        if (place := _OF_PLACE.match(text, end)) and not is_common_word(place.group().split()[-1]):
            end = place.end()
        elif start == match.start():
            continue
        if match.group()[0].isupper():
            yield Span(start, end, IdentifierKind.INSTITUTION)
    yield from (Span(*match.span(), IdentifierKind.INSTITUTION) for match in _ACRONYMS.finditer(text))
    yield from (Span(*match.span("value"), IdentifierKind.INSTITUTION) for match in _ROOMS.finditer(text))


def _start_of_house(text: str, end: int, *, shouted: bool) -> int:
    """Where the name before "Hospital" begins: capitalised words, links between them, on the same line."""
    window = max(0, end - 80)
    line = max(window, text.rfind("\n", window, end) + 1)
    start, named = end, False
    for word in reversed(list(_BEFORE_HOUSE.finditer(text, line, end))[-7:]):
        gap, said = text[word.end() : start], word.group()
        if gap.strip(" ") or len(gap) > 2:
            break
        if said.casefold() in _LINKS:
            if not named:
                break
        else:
            is_saint = said in {"St.", "Mt."}
            common = is_common_word(said.strip("."))
            if not said[0].isupper() or (said.endswith(".") and not is_saint):
                break
            if common and (shouted or said.casefold() in _SERVICES):
                break
            named = named or is_saint or not common
        start = word.start()
    while link := _LEADING_LINK.match(text, start, end):
        start = link.end()
    return start if named else end
