"""Numbers and addresses of the net that identify: by what stands before them, or by their shape."""

import re
from collections.abc import Iterator

from mediscan.deidentify.identifiers import IdentifierKind, Span
from mediscan.deidentify.searching import has_digit, one_of

_NUMBER = r"(?:\s?(?:number|num\b\.?|no\b\.?|nr\b\.?|id\b|identifier|code|\#|:))*"
_VALUE = (
    r"(?P<value>\#?(?:(?-i:[A-Z]{2,4})\ \d{3,6}(?![\w/]|\.\d)|\d{2,5}(?:\ \d{2,5}){1,4}(?![\w/]|\.\d)"
    r"|(?=[\w./-]{0,12}\d)[A-Z]{0,5}-?[\dA-Z]{0,30}\d[\dA-Z]{0,30}(?:[-/.][\dA-Z]{1,30}){0,8}))(?!\w)"
)

_NUMBERED = one_of(
    r"hospital unit chart patient pt hosp case file specimen encounter visit order requisition episode admission",
    r"record study exam lab",
)
_INSURANCE = one_of(
    r"insurance policy member group subscriber plan medicare medicaid health\s?plan beneficiary payer hicn? mbi claim"
)

# What a label may be called, by the kind of number after it.
_LABELS: dict[IdentifierKind, str] = {
    IdentifierKind.RECORD_NUMBER: "|".join(
        (
            one_of(r"m\.?r\.?n\.? mr\s?\# med(?:ical)?\.?\s+rec(?:ord)?s?"),
            rf"{_NUMBERED}\s?(?=number|no\b|num|id\b|\#|:)",
            one_of(
                r"accession acc(?=\W) fin csn id(?=\s?[\#:]|\s?(?:no\b|number)) specimen crn urn hospital(?=\s+no)",
                r"study\s+(?=id)",
            ),
        )
    ),
    IdentifierKind.NATIONAL_NUMBER: one_of(
        r"ssn social\s+security nhs national\s+insurance ni(?=\s?(?:no|number)) passport sin(?=\s?(?:no|number|\#|:))"
    ),
    IdentifierKind.PLAN_NUMBER: rf"{_INSURANCE}(?:\s+(?:member|group|policy|plan|card|subscriber))?",
    IdentifierKind.ACCOUNT: one_of(r"acc(?:oun)?t bank(?:\s+account)? invoice credit\s+card card"),
    IdentifierKind.LICENCE: one_of(
        r"driver(?:'?s)?\s+licen[cs]e(?:\s+plate)?(?:\s+of\s+(?:the\s+)?(?:\w+\s){1,3})?(?:\s+is)?",
        r"licen[cs]e(?:\s+plate)?(?:\s+of\s+(?:the\s+)?(?:\w+\s){1,3})?(?:\s+is)?",
        r"dl dea npi certificate badge gmc nmc upin plate vin registration",
    ),
    IdentifierKind.DEVICE: one_of(
        r"serial s/n sn lot udi device model(?=\s?(?:no\b|number|\#)) implant\s+(?:lot|serial|id)"
    ),
    IdentifierKind.PHONE: one_of(
        r"telephone phone tel cell mobile fax pager beeper bleep ext(?:ension)? call(?:\s+back)? contact x(?=\d{3,5}\b)"
    ),
}
_LABELLED = tuple(
    (kind, re.compile(rf"(?<![\w-])(?:{label})\b\.?{_NUMBER}[\s.:=\#(]{{0,4}}{_VALUE}", re.IGNORECASE))
    for kind, label in _LABELS.items()
)

_SHAPES: tuple[tuple[IdentifierKind, re.Pattern[str]], ...] = (
    (IdentifierKind.EMAIL, re.compile(r"[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,8}")),
    (IdentifierKind.URL, re.compile(r"(?:https?://|ftp://|www\.)[^\s<>\"')\]]{2,2000}(?<![.,;:])", re.IGNORECASE)),
    (
        IdentifierKind.IP,
        re.compile(r"(?<![\d.])(?=\d)(?:(?:25[0-5]|2[0-4]\d|1?\d?\d)\.){3}(?:25[0-5]|2[0-4]\d|1?\d?\d)(?![\d.]\d)"),
    ),
    (
        IdentifierKind.IP,
        re.compile(r"(?<![\w:])(?:[0-9a-f]{1,4}:){4,7}(?::?[0-9a-f]{1,4}){1,2}(?![\w:])", re.IGNORECASE),
    ),
    (IdentifierKind.DEVICE, re.compile(r"(?<![\w:])(?:[0-9a-f]{2}[:-]){5}[0-9a-f]{2}(?![\w:])", re.IGNORECASE)),
    (IdentifierKind.RECORD_NUMBER, re.compile(r"(?<![\w.])[0-2](?:\.(?:0|[1-9]\d*)){5,20}(?![\w.]\d)")),
    (IdentifierKind.NATIONAL_NUMBER, re.compile(r"(?<![\w-])\d{3}[- ]\d{2}[- ]\d{4}(?![\w-])")),
    (IdentifierKind.NATIONAL_NUMBER, re.compile(r"(?<![\w-])[A-CEGHJ-PR-TW-Z]{2} ?\d\d ?\d\d ?\d\d ?[A-D](?!\w)")),
    (
        IdentifierKind.PHONE,
        re.compile(
            r"(?<![\w+])(?:\+\d{1,3}[ .-]?(?:\(0\))?|1[ .-])?(?:\(\d{2,5}\)|\d{3})[ .-]{0,2}\d{3}[ .-]?\d{4}(?![\w-])"
            r"(?:,?\s?(?:x|ext)\.?\s?\d{2,6})?",
            re.IGNORECASE,
        ),
    ),
    (IdentifierKind.PHONE, re.compile(r"(?<![\w+])\+\d{1,3}(?:[ .-]?\(?\d{1,5}\)?){2,5}(?!\w)")),
    (IdentifierKind.PHONE, re.compile(r"(?<![\w+])(?:\(0\d{2,5}\)|0\d{2,4})[ -]?\d{3,4}[ -]?\d{3,4}(?!\w)")),
    (IdentifierKind.PHONE, re.compile(r"(?<![\w.-])[2-9]\d{2}-\d{4}(?![\w-]|\s?(?:mg|ml|units|cc)\b)")),
    (IdentifierKind.NATIONAL_NUMBER, re.compile(r"(?<![\w-])\d{3} \d{3} \d{4}(?!\w)")),
    (IdentifierKind.LICENCE, re.compile(r"(?<!\w)(?=[A-Z]*\d)(?=\d*[A-Z])[A-HJ-NPR-Z\d]{17}(?!\w)")),
    (IdentifierKind.RECORD_NUMBER, re.compile(r"(?<![\w.])[A-Z]{1,4}-?\d{6,12}[A-Z]?(?!\w)")),
    (
        IdentifierKind.RECORD_NUMBER,
        re.compile(r"(?<![\w.-])(?:\d{2}[ -]){3}\d{2}(?![\w-])|(?<![\w.-])[A-Z]{1,3}\d\d-\d{3,7}(?!\w)"),
    ),
)

_LONG = re.compile(
    r"(?<![\w.,/])(?!\d{1,15}0{4}\b)\d{7,15}(?![\w]|[.,]\d|\s?(?:mg|ml|units|iu|cfu|cells)\b)", re.IGNORECASE
)


def find_long_numbers(text: str) -> Iterator[Span]:
    """Digits in a row that no measurement has; a date without marks is to be looked for first."""
    yield from (Span(*match.span(), IdentifierKind.RECORD_NUMBER) for match in _LONG.finditer(text))


def find_numbers(text: str) -> list[Span]:
    """Numbers, e-mail and net addresses that identify: the longer first.

    Of two that are as long, what the label says comes before what the shape suggests.
    """
    found = [*_labelled(text), *_shaped(text)]
    return sorted(found, key=lambda span: span.start - span.end)


def _labelled(text: str) -> Iterator[Span]:
    if not has_digit(text):
        return
    for kind, label in _LABELLED:
        for match in label.finditer(text):
            if sum(letter.isdigit() for letter in match["value"]) >= 3:
                yield Span(*match.span("value"), kind)


def _shaped(text: str) -> Iterator[Span]:
    for kind, shape in _SHAPES:
        yield from (Span(*match.span(), kind) for match in shape.finditer(text))
