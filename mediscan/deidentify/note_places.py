"""Addresses, towns and institutions in free text.

Countries, states and regions larger than a state are kept, as Safe Harbor allows.
"""

import re
from collections.abc import Iterator

from mediscan.deidentify.identifiers import IdentifierKind, Span
from mediscan.deidentify.lexicon import is_common_word, words

STATES = words("us_states")
_STATE_NAMES = words("us_state_names")
_KEPT = frozenset(place.casefold() for place in _STATE_NAMES | words("countries"))
_STATE_CODE = "|".join(sorted(STATES))

_WORD = r"[^\W\d_][^\W\d_'\u2019.-]*(?:['\u2019.-][^\W\d_]+)*"
_WORDS = rf"(?:{_WORD}\.?[ ]){{0,3}}{_WORD}"
_STREET_KIND = (
    r"street|st|avenue|ave|road|rd|boulevard|blvd|lane|ln|drive|dr|court|ct|place|pl|terrace|way|close"
    r"|crescent|square|sq"
    r"|parkway|pkwy|circle|cir|trail|highway|hwy|row|walk|gardens|grove|mews|hill|turnpike"
)
_UNIT = r"(?:,?\s{0,2}(?:apt|apartment|suite|ste|unit|flat|floor|fl|\#)\.?\s?\#?(?=[\w-]{0,5}\d|[A-Z]\b)[\w-]{1,6})?"
_STATE = rf"(?:(?-i:{_STATE_CODE})|{'|'.join(sorted(_STATE_NAMES))})"
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
            rf"(?:{_STREET_KIND})\b\.?{_UNIT}(?:{_TOWN}|)(?:,?\s{{1,2}}{_WORDS},?\s{{1,2}}{_POSTCODE})?"
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
_TOWN_CUES = re.compile(
    r"\b(?:(?:liv(?:es|ed|ing)|resid(?:es|ed|ing)|resident|born|raised|grew\sup|homeless|works?|house"
    r"|home|apartment|lodging)\s"
    r"(?:[\w,'\u2019-]+\s){0,6}?(?:in|of)|(?:moved|comes|came|originally|hails|relocated|travell?ed"
    r"|returned|native|transferred|formerly)\s(?:here\s)?"
    rf"(?:from|of|to)|(?:travel|trip|flight|drive|vacation)\s(?:to|from)|(?-i:City|Town|Village)\sof|to"
    rf"|visiting)\s{_TITLE_WORDS}",
    re.IGNORECASE,
)
_STRONG_TOWN = re.compile(r"to|visiting", re.IGNORECASE)

_HOUSE = (
    r"(?:Memorial\s|General\s|Community\s|Regional\s|Veterans\s|District\s|Children['\u2019]?s\s"
    r"|University\s|Royal\s|County\s|VA\s|Family\s|Surgical\s)*"
    r"(?:Hospitals?|Hosp\.|Medical\s(?:Center|Centre|Group|School|Associates)|Health\s?(?:Center|Centre"
    r"|System|Care|Network|Services)|Healthcare"
    r"|Clinics?|Infirmary|Surgery|Practice|Hospice|Sanatorium|Nursing\s(?:Home|Facility|Center)"
    r"|Care\s(?:Home|Center|Centre)|Rehab(?:ilitation)?"
    r"(?:\s(?:Center|Hospital|Facility))?|Imaging(?:\sCenter)?|Radiology\s(?:Associates|Group|Partners)"
    r"|Cancer\s(?:Center|Institute)"
    r"|Heart\s(?:Center|Institute)|Assisted\sLiving|Manor|Pavilion|Polyclinic|NHS\s(?:Foundation\s)?Trust"
    r"|Memorial|Institute|University|Laborator(?:y|ies)|Pharmacy)"
)
_HOUSE_END = re.compile(rf"(?<!\w)(?:{_HOUSE})(?:\sNHS\s(?:Foundation\s)?Trust)?(?!\w|\s?:)", re.IGNORECASE)
_OF_PLACE = re.compile(
    r"\s(?:of|for|at|in)\s(?:the\s)?(?:University\sof\s)?[A-Z][\w'\u2019-]+(?:\s[A-Z][\w'\u2019-]+){0,2}"
)
_ACRONYMS = re.compile(r"(?<!\w)(?:MGH|BIDMC|BWH|UCSF|UCLA|UPMC|NYU|MSKCC|CHOP|UCLH|NYPH|JHH|VUMC|MGUH|DFCI)(?!\w)")
_ROOMS = re.compile(
    r"\b(?:ward|room|rm|bed|bay|cubicle|floor|unit)[\s#:.]{1,2}(?P<value>(?:\d{1,4}[A-Z]?(?:-\d{1,3}"
    r"|-[A-Z])?|[A-Z]\d{1,3}))(?![\w/%]|\.\d)(?!\s(?:of|units?|L|liters?)\b)",
    re.IGNORECASE,
)
_BEFORE_HOUSE = re.compile(r"[\w'\u2019.&-]+")
_LINKS = frozenset({"of", "and", "the", "&", "for"})


def find_places(text: str) -> Iterator[Span]:
    """Addresses and towns, then institutions, then rooms; the fuller first."""
    for address in _ADDRESSES:
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
    words = list(_BEFORE_HOUSE.finditer(text, line, end))
    start, named = end, False
    for word in reversed(words[-7:]):
        gap = text[word.end() : start]
        if gap.strip(" ") or len(gap) > 2:
            break
        said = word.group()
        if said.casefold() in _LINKS:
            continue_from = start
            start = word.start() if named else continue_from
            if not named:
                break
            continue
        if not said[0].isupper() or (said.endswith(".") and said not in {"St.", "Mt."}):
            break
        common = is_common_word(said.strip("."))
        if common and (shouted or said.casefold() in _SERVICES):
            break
        named = named or not common or said in {"St.", "Mt."}
        start = word.start()
    while link := re.match(r"(?:the|of|and|for|at|from|in|by)\s", text[start:end], re.IGNORECASE):
        start += link.end()
    return start if named else end


_SERVICES = words("services")
