"""HTML for what Streamlit has no widget for. Every text that comes from outside is escaped here, and only here."""

from collections.abc import Iterable, Mapping, Sequence
from html import escape

from dashboards import words
from mediscan.diagnosis import Decision, NoteSpan
from mediscan.review.records import Review
from mediscan.review.scores import Prediction
from mediscan.study import NoteSection

FOR, AGAINST = "#e69f00", "#56b4e9"  # Okabe and Ito's orange and sky blue, told apart by all colour vision
_LEAST = 0.2
"""Spans weaker than this share of the strongest stay unmarked: where everything is marked, nothing is."""
_TONE = {Decision.POSITIVE: "likely", Decision.UNCERTAIN: "uncertain", Decision.NEGATIVE: "unlikely"}

STYLE = f"""<style>
.block-container {{ padding: 0.9rem 1.4rem 0.6rem; max-width: none; }}
header[data-testid="stHeader"] {{ height: 0; min-height: 0; background: transparent; }}
div[data-testid="stVerticalBlock"] {{ gap: 0.5rem; }}
.ms-title {{ font-size: 1.35rem; font-weight: 650; }}
.ms-muted {{ color: #9aa5b1; font-size: 0.86rem; }}
.ms-head {{ color: #9aa5b1; font-size: 0.78rem; letter-spacing: 0.06em; text-transform: uppercase; }}
.ms-banner {{ display: flex; flex-wrap: wrap; gap: 0.15rem 1.4rem; align-items: baseline; padding: 0.3rem 0.8rem;
  background: #1a2028; border: 1px solid #2c343e; border-radius: 6px; line-height: 1.5; }}
.ms-banner b {{ font-weight: 650; }}
.ms-mark {{ display: inline-block; padding: 0 0.55rem; margin: 0 0.4rem 0.2rem 0; border-radius: 4px;
  font-size: 0.86rem; border: 1px solid #d9a441; color: #f0c674; }}
.ms-mark.calm {{ border-color: #46515d; color: #c3ccd5; }}
.ms-count {{ display: inline-block; margin-right: 1.6rem; }}
.ms-count b {{ font-size: 1.25rem; font-weight: 650; margin-right: 0.35rem; }}
.ms-frame {{ height: calc(100vh - 345px); min-height: 340px; overflow: auto; background: #000; border-radius: 4px;
  display: flex; }}
.ms-frame img {{ margin: auto; display: block; max-width: none; }}
.ms-bar {{ height: 0.7rem; border-radius: 3px; border: 1px solid #46515d; }}
.ms-legend {{ display: grid; grid-template-columns: auto 1fr auto; gap: 0.6rem; align-items: center; font-size: 0.8rem;
  color: #9aa5b1; }}
.ms-finding {{ display: grid; grid-template-columns: 5.2rem 1fr 3.1rem; gap: 0.5rem; align-items: center;
  min-height: 2.1rem; }}
.ms-finding .likely {{ color: #f2b441; font-weight: 650; }}
.ms-finding .uncertain {{ color: #d7dde3; font-weight: 650; text-decoration: underline dotted; }}
.ms-finding .unlikely {{ color: #9aa5b1; }}
.ms-scale {{ position: relative; height: 0.75rem; background: #262e38; border-radius: 3px; }}
.ms-scale i {{ position: absolute; top: 0; bottom: 0; display: block; }}
.ms-scale .span {{ background: #5f6e7d; border-radius: 3px; }}
.ms-scale .dot {{ width: 5px; margin-left: -2px; background: #f4f6f8; border-radius: 2px; top: -2px; bottom: -2px; }}
.ms-scale .cut {{ width: 0; border-left: 2px dashed #35b597; top: -3px; bottom: -3px; }}
.ms-number {{ text-align: right; font-variant-numeric: tabular-nums; }}
.ms-note {{ line-height: 1.55; white-space: pre-wrap; overflow-wrap: anywhere; }}
.ms-note + .ms-head {{ margin-top: 0.45rem; }}
.ms-note mark {{ color: inherit; border-radius: 2px; padding: 0 1px; }}
.ms-note mark.for {{ border-bottom: 2px solid {FOR}; }}
.ms-note mark.against {{ border-bottom: 2px dotted {AGAINST}; }}
.st-key-findings button {{ min-height: 1.95rem; padding: 0 0.6rem; }}
.st-key-findings button div {{ width: 100%; text-align: left; justify-content: flex-start; }}
.st-key-findings button[kind="primary"] {{ background: #1f3a35; border-color: #35b597; color: #e2e7ed; }}
.ms-shares {{ display: grid; grid-template-columns: 3.2rem 1fr 3.4rem; gap: 0.15rem 0.5rem; align-items: center;
  font-size: 0.86rem; }}
.ms-side {{ position: relative; height: 0.6rem; background: linear-gradient(#46515d, #46515d) center/1px 100% no-repeat
  #262e38; border-radius: 3px; }}
.ms-side i {{ position: absolute; top: 0; bottom: 0; display: block; border-radius: 2px; }}
.ms-history {{ border-top: 1px solid #2c343e; padding: 0.3rem 0; line-height: 1.4; overflow-wrap: anywhere; }}
</style>"""


def text(value: str) -> str:
    """Text as text."""
    return escape(value)


def identity(model: str, caution: str) -> str:
    """Which model answered, and what it is not."""
    return f'<div class="ms-muted">{escape(model)}<br>{escape(caution)}</div>'


def banner(facts: Mapping[str, str]) -> str:
    """A case's facts in one line: label → value."""
    parts = (
        f'<span><span class="ms-muted">{escape(name)}</span> <b>{escape(value)}</b></span>'
        for name, value in facts.items()
    )
    return f'<div class="ms-banner" role="banner">{"".join(parts)}</div>'


def marks(texts: Iterable[tuple[str, bool]]) -> str:
    """Short marks; those that are a warning stand out."""
    return "".join(
        f'<span class="ms-mark{"" if warning else " calm"}">{"⚠ " if warning else ""}{escape(text)}</span>'
        for text, warning in texts
    )


def counts(numbers: Sequence[tuple[str, int]]) -> str:
    """Numbers with their words."""
    return "".join(f'<span class="ms-count"><b>{number}</b>{escape(name)}</span>' for name, number in numbers)


def image(url: str, *, alt: str, zoom: float) -> str:
    """A picture that fills its frame at zoom 1 and can be scrolled when larger."""
    fit = f"width:{zoom * 100:.0f}%;height:{zoom * 100:.0f}%;object-fit:contain"
    return (
        f'<div class="ms-frame" tabindex="0"><img class="ms-image" src="{url}" alt="{escape(alt)}" style="{fit}"></div>'
    )


def heat_legend(colours: Sequence[tuple[int, int, int]]) -> str:
    """The colour bar of the overlay."""
    stops = ", ".join(f"rgb({red},{green},{blue})" for red, green, blue in colours)
    return (
        '<div class="ms-legend"><span>no support</span>'
        f'<div class="ms-bar" style="background:linear-gradient(90deg,{stops})"></div>'
        "<span>strongest support</span></div>"
    )


def finding(answer: Prediction, *, threshold: float | None) -> str:
    """One finding: its word, its interval on a bar from 0 to 1 with the threshold where known, and its number."""
    lower, upper, at = (min(max(value, 0.0), 1.0) * 100 for value in (answer.lower, answer.upper, answer.probability))
    told = f"95 % interval {words.percent(answer.lower)} to {words.percent(answer.upper)}"
    cut = "" if threshold is None else f'<i class="cut" style="left:{threshold * 100:.1f}%"></i>'
    told += "" if threshold is None else f", threshold {words.percent(threshold)}"
    return (
        f'<div class="ms-finding" title="{escape(told)}">'
        f'<span class="{_TONE[answer.decision]}">{words.likelihood(answer.decision, answer.probability)}</span>'
        f'<span class="ms-scale" role="img" aria-label="{escape(told)}">'
        f'<i class="span" style="left:{lower:.1f}%;width:{max(upper - lower, 0.5):.1f}%"></i>{cut}'
        f'<i class="dot" style="left:{at:.1f}%"></i></span>'
        f'<span class="ms-number">{escape(words.percent(answer.probability))}</span></div>'
    )


def note(sections: Iterable[NoteSection], spans: Sequence[NoteSpan] = ()) -> str:
    """A note with the spans that speak for and against a finding marked; where spans overlap the strongest shows."""
    strongest = max((abs(span.weight) for span in spans), default=0.0)
    parts = []
    for section in sections:
        when = f" · {section.at:%Y-%m-%d %H:%M}" if section.at else ""
        own = [span for span in spans if span.section == section.name and strongest > 0.0]
        parts.append(
            f'<div class="ms-head">{escape(section.name)}{when}</div>'
            f'<div class="ms-note">{_marked(section.text, own, strongest=strongest)}</div>'
        )
    return "".join(parts)


def _marked(text: str, spans: Sequence[NoteSpan], *, strongest: float) -> str:
    weights = [0.0] * len(text)
    for span in sorted(spans, key=lambda one: abs(one.weight)):
        start, end = max(span.start, 0), min(span.end, len(text))
        weights[start:end] = [span.weight] * max(end - start, 0)
    pieces, start = [], 0
    for end in range(1, len(text) + 1):
        if end == len(text) or weights[end] != weights[start]:
            pieces.append(_piece(text[start:end], weights[start], strongest=strongest))
            start = end
    return "".join(pieces)


def _piece(text: str, weight: float, *, strongest: float) -> str:
    if abs(weight) < _LEAST * strongest or weight == 0.0:
        return escape(text)
    side, colour = ("for", FOR) if weight > 0 else ("against", AGAINST)
    told = f"{side} the finding, {weight:+.2f} log-odds"
    alpha = round(20 + 90 * abs(weight) / strongest)
    return f'<mark class="{side}" style="background:{colour}{alpha:02x}" title="{told}">{escape(text)}</mark>'


def note_legend() -> str:
    """What the marks in the note mean."""
    return (
        '<div class="ms-note ms-muted"><mark class="for" style="background:' + FOR + '40">supports</mark>  '
        '<mark class="against" style="background:'
        + AGAINST
        + '40">speaks against</mark>  (the strongest passages)</div>'
    )


def shares(log_odds: Mapping[str, float]) -> str:
    """A bar per modality: to the right for the finding, to the left against it."""
    reach = max((abs(value) for value in log_odds.values()), default=0.0) or 1.0
    rows = []
    for name, value in log_odds.items():
        size = 50 * abs(value) / reach
        left, colour = (50.0, FOR) if value >= 0 else (50.0 - size, AGAINST)
        rows.append(
            f"<span>{escape(name)}</span>"
            f'<span class="ms-side"><i style="left:{left:.1f}%;width:{size:.1f}%;background:{colour}"></i></span>'
            f'<span class="ms-number" title="log-odds">{value:+.2f}</span>'
        )
    return f'<div class="ms-shares">{"".join(rows)}</div>'


def history(reviews: Iterable[Review], *, bundle_id: str) -> str:
    """Saved decisions, newest first as given."""
    parts = []
    for one in reviews:
        about = "whole diagnosis" if one.finding is None else words.finding(one.finding)
        shown = "" if one.probability is None else f" (shown {words.percent(one.probability)})"
        why = ": ".join(part for part in (words.REASON[one.reason_code] if one.reason_code else "", one.reason) if part)
        older = "" if one.bundle_id == bundle_id else f" · about the answer of model {one.bundle_id}"
        parts.append(
            f'<div class="ms-history"><b>{escape(words.REVIEW_DECISION[one.decision])}</b> · {escape(about + shown)}'
            f'<br>{escape(why)}<div class="ms-muted">{escape(one.reviewer)}, {one.created_at:%Y-%m-%d %H:%M} UTC'
            f"{escape(older)}</div></div>"
        )
    return "".join(parts) or '<div class="ms-muted">No decision yet.</div>'
