"""How a heading is written in a line: what is drawn before it, its number, its words, and the sign behind it."""

import re

LONGEST = 72  # characters of a heading, so that looking back from a colon costs the same wherever it stands

_TAG = r"</?(?:b|strong|i|em|u|h[1-6]|p|span|font|div|li|ul|ol|td|tr|th|br|hr|table|tbody|small|center)\b[^<>]{0,60}>"
# One or two underscores are an emphasis; three are a word taken out for de-identification.
_BEFORE = rf"(?:{_TAG}|<(?!{_TAG[1:]})|[ \t#*=~\[{{|>+\"'\u201c\u2018•▪●►◦·»■◆➢│║–—-]|_{{1,2}}(?!_)){{0,12}}"
_CLOSED = rf"(?:\*{{1,3}}|_{{1,2}}(?!_)|{_TAG}|[\]>}}\"'\u201d\u2019])"
_NUMBER = r"(?P<number>\(?(?:\d{1,2}|[A-Z]|[IVX]{1,4})[.)][ \t]{0,4}|\d{1,2}[ ][-–][ ])?"
_LEAD = rf"{_BEFORE}{_NUMBER}{_BEFORE}"
_WORDS = r"[A-Za-z][A-Za-z0-9 \t/&,()'\u2019.+-]{0,70}"
# The hyphen of "FINDINGS- " is no part of the word.
_FEW_WORDS = r"[A-Za-z][A-Za-z/&().'-]{0,28}(?<!-)(?:[ ][A-Za-z/&().'-]{1,28}(?<!-)){0,5}?"
_COLON = r"[:\uff1a]"

LONE = re.compile(
    rf"{_LEAD}(?P<phrase>{_WORDS}?)(?P<colon>{_CLOSED}{{0,2}}[ \t]?{_COLON})?"
    rf"(?:{_TAG}|[ \t#*=~>\]}}|│║\"'\u201d\u2019:\uff1a–—+-]|_{{1,2}}(?!_)){{0,60}}"
)
"""A line that is nothing but a heading."""

LED = re.compile(rf"{_LEAD}(?P<phrase>{_WORDS}?){_CLOSED}{{0,2}}")
"""What stands before the first colon of a line."""

WITH_SIGN = re.compile(
    rf"{_LEAD}(?P<phrase>{_FEW_WORDS})"
    rf"(?P<gap>{_CLOSED}{{1,3}}[ ]?{_COLON}{{0,2}}[ \t]{{0,8}}(?:[-–—=|]{{1,2}}[ \t]{{1,8}})?"
    r"|[ \t]?(?:[-–—]{1,3}|[|»~│║→⇒]|:?=|[-=–]{1,2}>|>{1,2})[ \t]{1,8}|—"
    r"|[ ]{2,}(?![:\uff1a])|[ ]{0,8}\t[ \t]{0,8}|[ ]?(?:\.{2,}|…)[ ]{0,4}|;[ ]|[.][ ])(?=\S)"
)
"""A heading at the start of a line with another sign than a colon behind it, or a wide space."""

IN_PARENTHESES = re.compile(rf"{_LEAD}\((?P<phrase>{_FEW_WORDS})\)[ ]?{_COLON}?[ \t]{{0,8}}(?=\S|$)")
"""A heading in parentheses at the start of a line."""

CAPITALS = re.compile(rf"{_LEAD}(?P<run>[A-Z][A-Z/&'.-]+(?:[ ][A-Z/&()'.-]+){{0,7}})[ ](?=\S)")
CAPITALS_LED = re.compile(rf"{_LEAD}[A-Z][A-Z0-9 \t/&()',.+-]{{0,70}}{_COLON}")
GAP = re.compile(r"[ ]{2}|\t|[ ][–-][ ]")
GOES_ON = re.compile(r"(?:of|for|and|or|is|was|are|were|on|in|to|with|from|at|by|as|has|had)\b|[/&(-]", re.IGNORECASE)
"""What shows that a heading is not yet at its end, or is no heading but the start of a sentence."""

# Not the colon of a time or a ratio; a hyphen may be drawn to it (":-").
COLON = re.compile(rf"(?:(?<!\d){_COLON}+{_CLOSED}{{0,2}}|(?<=\d):(?!\d))(?:[-–—=~>.]{{1,3}}(?=\s|$)|[-–—=](?=[A-Z]))?")
SENTENCE_END = re.compile(r"(?:[.!?;)\]\"'*|>][ ]{1,4}|[ ]{2,}|\t)[*_]{0,3}(?:\d{1,2}[.)][ ])?")
LAST_WORDS = re.compile(r"[A-Za-z][A-Za-z/&()'-]*")
LAST_CAPITALS = re.compile(r"(?<![^\s*_|])(?!(?:AM|PM)\b)[A-Z][A-Z/&'-]{1,20}(?:[ ][A-Z][A-Z/&'-]{0,20}){0,3}(?=[ ]?$)")
LAST_CAPITAL = re.compile(r"(?<![^\s*_|])[A-Z][a-z][A-Za-z'-]{0,20}(?:[ ][a-z'-]{1,20}){0,4}(?=[ ]?$)")
UNKNOWN = re.compile(r"[A-Z][A-Za-z/&()'-]*(?:[ ][A-Za-z0-9/&()'-]+){0,5}")
ASIDE = re.compile(r"\([^()]*\)")
