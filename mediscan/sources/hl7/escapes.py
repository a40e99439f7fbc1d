"""Character sets and escape sequences.

Unescaping is done here and not by python-hl7, which drops all text behind an unpaired escape character, logs the field
that held it, and lets a message ask for any number of blank lines.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType

_MOST_REPEATED = 20
_CHARSETS: Mapping[str, str] = MappingProxyType(
    {
        "ASCII": "ascii",
        "UNICODE": "utf-8",
        "UNICODE UTF-8": "utf-8",
        "GB 18030-2000": "gb18030",
        "KS X 1001": "euc_kr",
        "BIG-5": "big5",
        **{f"8859/{part}": f"iso8859-{part}" for part in (1, 2, 3, 4, 5, 6, 7, 8, 9, 15)},
    }
)
# HL7 table 0211 as far as the sets hold ASCII, of which all that separates fields consists.


def decode(raw: bytes, charset: str) -> tuple[str, str]:
    """A message's text, and the codec that it is in.

    Args:
        raw: The message.
        charset: MSH-18, of which the first repetition counts; where it is empty or ASCII, bytes that are no UTF-8 are
            taken for Windows-1252.

    Raises:
        LookupError: The character set is none that is known.
        UnicodeDecodeError: The bytes are not in it.
    """
    name = charset.strip().upper()
    if name in ("", "ASCII"):
        try:
            return raw.decode("utf-8"), "utf-8"
        except UnicodeDecodeError:
            return raw.decode("cp1252"), "cp1252"
    codec = _CHARSETS[name]
    return raw.decode(codec), codec


@dataclass(frozen=True, kw_only=True)
class Delimiters:
    """What separates the parts of a message, and introduces escapes.

    Source: HL7 v2.8.2, 2.5.4 (Message delimiters).
    """

    field: str
    component: str
    repetition: str
    escape: str
    subcomponent: str
    codec: str = "utf-8"

    @classmethod
    def of(cls, header: str, *, codec: str) -> "Delimiters":
        """The delimiters of MSH-1 and MSH-2; those that are not given are the usual ones.

        Raises:
            ValueError: Two are the same, or one is a letter, a digit or a space.
        """
        given = header[4:9].partition(header[3])[0]
        signs = header[3] + given[:4] + r"^~\&"[len(given[:4]) :]
        if len(set(signs)) < len(signs) or any(sign.isalnum() or sign.isspace() for sign in signs):
            raise ValueError
        field, component, repetition, escape, subcomponent = list(signs)
        return cls(
            field=field,
            component=component,
            repetition=repetition,
            escape=escape,
            subcomponent=subcomponent,
            codec=codec,
        )

    @cached_property
    def _pattern(self) -> re.Pattern[str]:
        sign = re.escape(self.escape)
        return re.compile(
            rf"{sign}(?:(?P<plain>[FSTREHN])|\.(?P<layout>br|sp|fi|nf|in|ti|sk|ce)(?P<count>[+-]?\d{{0,4}})"
            rf"|X(?P<hex>(?:[0-9A-Fa-f]{{2}})+)|(?P<unknown>[CMZ][0-9A-Za-z]{{1,40}})){sign}"
        )

    def unescape(self, text: str) -> str:
        """Text with its escape sequences replaced; what is no such sequence stays as it is.

        Source: HL7 v2.8.2, 2.7 (Use of escape sequences in text fields).
        """
        return self._pattern.sub(self._meaning, text) if self.escape in text else text

    def _meaning(self, found: re.Match[str]) -> str:
        if found["plain"]:
            signs = {
                "F": self.field,
                "S": self.component,
                "T": self.subcomponent,
                "R": self.repetition,
                "E": self.escape,
            }
            return signs.get(found["plain"], "")  # H and N only highlight.
        if found["hex"]:
            return bytes.fromhex(found["hex"]).decode(self.codec, errors="replace")
        if found["layout"]:
            count = min(abs(int(found["count"].strip("+-") or 1)), _MOST_REPEATED)
            return {"br": "\n", "ce": "\n", "sp": "\n" * count, "sk": " " * count}.get(found["layout"], "")
        return ""
