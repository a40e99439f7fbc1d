"""The plain text of notes that record systems hand out as HTML or RTF. Nothing in them is run, fetched or shown."""

import html
import re

_HTML = re.compile(r"\s{0,80}<(?:!doctype\s+html|html|head|body|div|p|pre|span|table|br)\b", re.IGNORECASE)
_TAG = re.compile(r"<(/?)([A-Za-z][A-Za-z0-9]{0,20})(?:\s[^<>]{0,2000})?/?>|<!--|<![^<>]{0,200}>|<\?[^<>]{0,200}>")
_UNSHOWN = frozenset({"script", "style", "head", "title"})
_BREAKING = frozenset(
    {"br", "p", "div", "tr", "li", "ul", "ol", "table", "pre", "h1", "h2", "h3", "h4", "h5", "h6", "hr", "section"}
)

_RTF = re.compile(
    r"\\'(?P<byte>[0-9a-fA-F]{2})|\\u(?P<unicode>-?\d{1,5}) ?|\\(?P<word>[a-zA-Z]{1,32})(?P<number>-?\d{1,10})? ?"
    r"|\\(?P<symbol>[^a-zA-Z])|(?P<brace>[{}])|(?P<text>[^\\{}\r\n]+)|(?P<line>[\r\n]+)"
)
_RTF_BREAKS = {"par": "\n", "line": "\n", "sect": "\n", "page": "\n", "row": "\n", "tab": "\t", "cell": "\t"}
_RTF_SIGNS = {
    "emdash": "—",
    "endash": "–",
    "bullet": "•",
    "lquote": "'",
    "rquote": "'",
    "ldblquote": '"',
    "rdblquote": '"',
}
_RTF_SKIPPED = frozenset(
    {"fonttbl", "colortbl", "stylesheet", "info", "pict", "object", "header", "footer", "generator", "themedata",
     "datastore", "listtable", "listoverridetable", "fldinst", "xmlnstbl", "rsidtbl", "bkmkstart", "bkmkend"}
)  # fmt: skip


def is_html(text: str) -> bool:
    """Whether a text begins as HTML does."""
    return _HTML.match(text) is not None


def html_text(text: str) -> str:
    """The text of HTML with its line breaks; scripts, styles and comments are left out."""
    parts: list[str] = []
    at, hidden = 0, ""
    for tag in _TAG.finditer(text):
        if tag.start() < at:
            continue
        if not hidden:
            parts.append(text[at : tag.start()])
        at = tag.end()
        name = (tag[2] or "").lower()
        if tag[0] == "<!--":
            end = text.find("-->", at)
            at = len(text) if end < 0 else end + 3
        elif name in _UNSHOWN:
            hidden = _hidden_after(name, hidden, closes=bool(tag[1]))
        elif name in _BREAKING and not hidden:
            parts.append("\n")
    if not hidden:
        parts.append(text[at:])
    return html.unescape("".join(parts)).replace("\xa0", " ")


def _hidden_after(name: str, hidden: str, *, closes: bool) -> str:
    if hidden:
        return "" if closes and name == hidden else hidden
    return "" if closes else name


def is_rtf(text: str) -> bool:
    """Whether a text begins as RTF does."""
    return text.startswith("{\\rtf")


def rtf_text(text: str) -> str:
    """The text of RTF with its line breaks, in Windows-1252 where it is not Unicode; pictures and tables of styles go.

    Source: Rich Text Format Specification 1.9.1.
    """
    parts: list[str] = []
    skipped = [False]
    fallback = 0  # characters that stand after a Unicode one for readers that know none
    for token in _RTF.finditer(text):
        if token["brace"]:
            if token["brace"] == "{":
                skipped.append(skipped[-1])
            elif len(skipped) > 1:
                skipped.pop()
        elif token["word"] in _RTF_SKIPPED or token["symbol"] == "*":
            skipped[-1] = True
        elif not skipped[-1]:
            written = _rtf_token(token)
            if fallback and (token["byte"] or token["text"]):
                written, fallback = written[1:], 0
            parts.append(written)
            fallback = 1 if token["unicode"] else fallback
    return "".join(parts)


def _rtf_token(token: re.Match[str]) -> str:
    if token["text"]:
        return token["text"]
    if token["byte"]:
        return bytes.fromhex(token["byte"]).decode("cp1252", "replace")
    if token["unicode"]:
        return chr(int(token["unicode"]) % 0x10000)
    if token["word"]:
        return _RTF_BREAKS.get(token["word"], _RTF_SIGNS.get(token["word"], ""))
    return {"~": " ", "_": "-", "\n": "\n", "\r": "\n", "\\": "\\", "{": "{", "}": "}"}.get(token["symbol"] or "", "")
