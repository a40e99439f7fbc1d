"""Reports with known sections, composed from hand-written parts in the layouts that real reports have.

Nothing here looks at the splitter: the headings are written down as reports write them, some that no table knows.
"""

import random
import textwrap
from dataclasses import dataclass, field

from benchmarks.report_wordings import BLOCK, TUNED, Wording

UNSCORED = frozenset({"administrative", "signature"})
"""Sections of letterheads and signatures, which the truth leaves out."""


@dataclass(frozen=True, kw_only=True)
class Report:
    """A composed report and the text that belongs to each section."""

    layout: str
    text: str
    truth: dict[str, list[str]]
    hidden: tuple[str, ...] = field(default=())  # what the image shows, wherever it stands


@dataclass(frozen=True, kw_only=True)
class _Part:
    name: str
    heading: str | None
    body: str


Draw = random.Random


def compose_report(draw: Draw, wording: Wording = TUNED) -> Report:
    """A radiology report."""
    names = [name for name in wording.headings if name in {"findings", "impression"} or draw.random() < 0.6]
    if draw.random() < 0.15 and "indication" in names and "findings" in names:
        names.remove("impression")
    parts = [_part(name, draw, wording) for name in names]
    kind = draw.choice(list(wording.layouts))
    parts, missing = _spoilt(parts, kind, draw, wording)
    addendum = draw.choice(wording.addenda) if draw.random() < 0.2 else None
    top = draw.choice(wording.tops) + (wording.administrative if draw.random() < 0.3 else "")
    text = _laid_out(parts, kind, draw, wording, numbered=draw.random() < 0.1)
    truth = _truth(parts)
    if "\n" in top:
        truth.setdefault("note", []).insert(0, top.replace(wording.administrative, ""))
        if not top.replace(wording.administrative, "").strip():
            truth["note"].pop(0)
    if addendum:
        text += "\n\n" + "".join(addendum)
        truth["addendum"] = [addendum[1]]
    text = top + text + (draw.choice(wording.ends))
    hidden = [part.body for part in parts if part.name in {"findings", "impression", "recommendation"}]
    return Report(layout=kind, text=text, truth=_kept(truth), hidden=(*hidden, *missing, *truth.get("addendum", ())))


def compose_discharge_summary(draw: Draw, wording: Wording = TUNED) -> Report:
    """A discharge summary."""
    names = [name for name in wording.discharge if draw.random() < 0.8] or ["history"]
    parts = [
        _Part(name=name, heading=draw.choice(wording.discharge[name]), body=_clinical_body(name, draw, wording))
        for name in names
    ]
    kind = draw.choice(wording.discharge_layouts)
    text = _laid_out(parts, kind, draw, wording, numbered=False)
    return Report(layout=f"discharge, {kind}", text=text, truth=_kept(_truth(parts)))


def _part(name: str, draw: Draw, wording: Wording) -> _Part:
    body = " ".join(draw.sample(wording.sentences[name], k=1 if name == "exam" else draw.randint(1, 3)))
    if name == "findings" and draw.random() < 0.3:
        body = draw.choice((" ", "\n")).join(draw.sample(wording.organs, k=3))
    elif name in {"findings", "impression"} and draw.random() < 0.3:
        body = "\n".join(f"{n}. {said}" for n, said in enumerate(draw.sample(wording.sentences[name], k=3), start=1))
    return _Part(name=name, heading=draw.choice(wording.headings[name]), body=body)


def _clinical_body(name: str, draw: Draw, wording: Wording) -> str:
    if name == "exam":
        return "\n".join(draw.sample(wording.physical, k=4))
    pool = wording.sentences[name]
    body = draw.choice((" ", "\n")).join(draw.sample(pool, k=min(len(pool), draw.randint(1, 3))))
    return body + "\n\n" + draw.choice(pool) if name in {"history", "hospital_course"} and draw.random() < 0.4 else body


def _spoilt(parts: list[_Part], kind: str, draw: Draw, wording: Wording) -> tuple[list[_Part], list[str]]:
    """Some headings are misspelt, unheard of, or left out; the last two put the text into the note."""
    opened, between = wording.layouts[kind]
    spoilt, missing = [], []
    for part in parts:
        heading, chance = str(part.heading), draw.random()
        if chance < 0.06 and len(heading) > 6:
            at = draw.randrange(1, len(heading) - 1)
            part = _Part(name=part.name, heading=heading[:at] + heading[at + 1 :], body=part.body)  # noqa: PLW2901
        elif chance < 0.08 and part.name in wording.unheard_of and ":" in opened("x"):
            missing.append(part.body)
            unheard_of = opened(wording.unheard_of[part.name]).strip()
            part = _Part(name="note", heading=None, body=f"{unheard_of} {part.body}")  # noqa: PLW2901
        elif chance < 0.11 and part.name == "findings" and between != " " and spoilt:
            body = "The lungs are clear. " + part.body if BLOCK not in between else part.body
            missing.append(body)
            part = _Part(name="note", heading=None, body=body)  # noqa: PLW2901
        spoilt.append(part)
    return spoilt, missing


def _laid_out(parts: list[_Part], kind: str, draw: Draw, wording: Wording, *, numbered: bool) -> str:
    opened, between = wording.layouts[kind]
    wrap = draw.random() < 0.4 and "run on" not in kind
    written = []
    for number, part in enumerate(parts, start=1):
        body = part.body
        if wrap:
            body = "\n".join(textwrap.fill(line, 60, break_on_hyphens=False) for line in body.split("\n"))
        lead = f"{number}. " if numbered and part.heading and kind.startswith("colon") else ""
        written.append(lead + (opened(part.heading) if part.heading else "") + body)
    return between.join(written)


def _truth(parts: list[_Part]) -> dict[str, list[str]]:
    truth: dict[str, list[str]] = {}
    for part in parts:
        truth.setdefault(part.name, []).append(part.body)
    return truth


def _kept(truth: dict[str, list[str]]) -> dict[str, list[str]]:
    return {name: bodies for name, bodies in truth.items() if any(body.strip() for body in bodies)}
