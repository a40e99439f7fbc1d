"""The words that stand on the pages for the program's values: pure, and never a number without one."""

import re

from mediscan.diagnosis import Decision
from mediscan.errors import Code
from mediscan.findings import GROUP_SEPARATOR
from mediscan.review.records import Reason, ReviewDecision, ReviewState
from mediscan.review.scores import Attention

NOT_A_DEVICE = "Not a medical device. For research; every answer needs a clinician's own reading."

DECISION = {Decision.POSITIVE: "positive", Decision.UNCERTAIN: "uncertain", Decision.NEGATIVE: "negative"}
ATTENTION = {
    Attention.POSITIVE: "Positive finding",
    Attention.UNCERTAIN: "Uncertain",
    Attention.UNFAMILIAR: "Unlike training data",
    Attention.REFUSED: "Refused",
    Attention.CLASSIFIED: "Class decided",
    Attention.NEGATIVE: "Nothing positive",
}
REVIEW = {
    ReviewState.UNREVIEWED: "Unreviewed",
    ReviewState.PARTLY: "Partly reviewed",
    ReviewState.ACCEPT: "Accepted",
    ReviewState.REJECT: "Rejected",
    ReviewState.UNSURE: "Unsure",
    ReviewState.CORRECTED: "Corrected",
}
REVIEW_DECISION = {
    ReviewDecision.ACCEPT: "Accept",
    ReviewDecision.REJECT: "Reject",
    ReviewDecision.UNSURE: "Unsure",
    ReviewDecision.CORRECTED: "Correct",
}
REASON = {
    Reason.AGREES: "Agrees with image and note",
    Reason.FALSE_POSITIVE: "Finding is not there",
    Reason.FALSE_NEGATIVE: "Finding was missed",
    Reason.WRONG_PLACE: "Wrong side or place",
    Reason.POOR_IMAGE: "Poor image",
    Reason.NOTE_CONTRADICTS_IMAGE: "Note contradicts image",
    Reason.MISSING_INFORMATION: "Information is missing",
    Reason.NEEDS_SECOND_READER: "Needs a second reader",
    Reason.OTHER: "Other (say below)",
}
MODALITIES = {"image+note": "Image and note", "image": "Image only", "note": "Note only", "none": "Nothing readable"}
_SEX = {"F": "female", "M": "male", "O": "other sex"}
_MARKDOWN = re.compile(r"([\\`*_{}\[\]()<>#+\-.!|~:$^])")


def plain(text: str) -> str:
    """Text that Streamlit's labels and messages, which are Markdown, show as it is."""
    return _MARKDOWN.sub(r"\\\1", text.replace("\n", " "))


def finding(name: str) -> str:
    """A finding's name as it is read: `etiology:heart_failure` becomes `etiology: heart failure`."""
    return name.replace(GROUP_SEPARATOR, f"{GROUP_SEPARATOR} ").replace("_", " ")


def likelihood(decision: Decision, probability: float) -> str:
    """The word for an answer.

    A rare finding has a low threshold, and what is above it is then suspected but not likely.
    """
    if decision is Decision.UNCERTAIN:
        return "uncertain"
    if decision is Decision.POSITIVE:
        return "likely" if probability >= 0.5 else "suspected"
    return "unlikely" if probability < 0.5 else "not clear"


def percent(probability: float) -> str:
    """A probability in whole percent; what is not certain never reads 0 or 100."""
    if probability < 0.01:
        return "<1 %"
    return ">99 %" if probability > 0.99 else f"{probability:.0%}".replace("%", " %")


def patient(age_years: float | None, sex: str | None) -> str:
    """Age and sex; unknown is said, not guessed."""
    age = "age unknown" if age_years is None else f"{age_years:.0f} years"
    return f"{age}, {_SEX.get(sex or '', 'sex unknown')}"


def code(value: str) -> str:
    """A ledger code as it is read."""
    return "" if value == Code.OK else value.replace("_", " ")


def shares(log_odds: dict[str, float]) -> str:
    """One sentence on what the image and the note each did.

    Args:
        log_odds: Modality → its share of the answer, in log-odds.
    """
    parts = []
    most = max((abs(share) for share in log_odds.values()), default=0.0)
    for name, share in sorted(log_odds.items(), key=lambda item: -abs(item[1])):
        side = "speaks for it" if share > 0 else "speaks against it"
        degree = " a little" if abs(share) < most / 3 else ""
        parts.append(f"the {name} hardly changes it" if abs(share) < 0.1 else f"the {name} {side}{degree}")
    return (", ".join(parts) + ".").capitalize() if parts else "No modality was used."
