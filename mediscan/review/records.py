"""What goes into the review database and comes out of it, free of SQL."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from mediscan.diagnosis import Decision
from mediscan.errors import ReviewError
from mediscan.review.scores import Attention, Prediction

MAX_REASON_CHARACTERS = 2000
MAX_REVIEWER_CHARACTERS = 100


class ReviewDecision(StrEnum):
    """What a clinician decided about a diagnosis, or about one finding of it."""

    ACCEPT = "accept"
    REJECT = "reject"
    UNSURE = "unsure"
    CORRECTED = "corrected"


class Reason(StrEnum):
    """Why. The list is closed, so that reasons can be counted."""

    AGREES = "agrees"
    FALSE_POSITIVE = "false_positive"
    FALSE_NEGATIVE = "false_negative"
    WRONG_PLACE = "wrong_place"
    POOR_IMAGE = "poor_image"
    NOTE_CONTRADICTS_IMAGE = "note_contradicts_image"
    MISSING_INFORMATION = "missing_information"
    NEEDS_SECOND_READER = "needs_second_reader"
    OTHER = "other"


class ReviewState(StrEnum):
    """How far the reading of a study is, for the bundle whose answer the worklist shows."""

    UNREVIEWED = "unreviewed"
    PARTLY = "partly"  # single findings were decided, the whole was not
    ACCEPT = "accept"
    REJECT = "reject"
    UNSURE = "unsure"
    CORRECTED = "corrected"


@dataclass(frozen=True, kw_only=True)
class NewReview:
    """A decision to save.

    Args:
        study_id: The study; it must be in the worklist.
        finding: One finding of it, or None for the diagnosis as a whole.
        decision: `corrected` goes with a finding and a `corrected_label`; the others with neither need.
        corrected_label: 1 (present) or 0 (absent).
        reason_code: Needed unless the decision is `accept`.
        reason: Free text; needed where the reason code is `other`.
        reviewer: Who decided.
        bundle_id: The model whose answer was on the screen; it must be the one that the worklist holds.

    Raises:
        ReviewError: Something is missing, contradicts the rest, or is too long.
    """

    study_id: str
    decision: ReviewDecision
    reviewer: str
    bundle_id: str
    finding: str | None = None
    corrected_label: int | None = None
    reason_code: Reason | None = None
    reason: str = ""

    def __post_init__(self) -> None:
        for problem, remedy in self._problems():
            raise ReviewError(f"the review of study {self.study_id!r} {problem}", remedy=remedy)

    def _problems(self) -> list[tuple[str, str]]:
        corrected = self.decision is ReviewDecision.CORRECTED
        checks = (
            (not self.reviewer.strip(), "names no reviewer", "Enter who decides."),
            (
                len(self.reviewer) > MAX_REVIEWER_CHARACTERS,
                f"has a reviewer of {len(self.reviewer)} characters",
                f"Use at most {MAX_REVIEWER_CHARACTERS}.",
            ),
            (
                self.decision is not ReviewDecision.ACCEPT and self.reason_code is None,
                f"gives no reason for {self.decision}",
                f"Choose one of: {', '.join(Reason)}.",
            ),
            (
                self.reason_code is Reason.OTHER and not self.reason.strip(),
                "gives 'other' as its reason and no text",
                "Say in a few words why.",
            ),
            (
                len(self.reason) > MAX_REASON_CHARACTERS,
                f"has a reason of {len(self.reason)} characters",
                f"Use at most {MAX_REASON_CHARACTERS}.",
            ),
            (corrected and self.finding is None, "corrects no finding", "Name the finding that is corrected."),
            (
                corrected != (self.corrected_label in (0, 1)),
                f"has the decision {self.decision} and the corrected label {self.corrected_label}",
                "Give 1 (present) or 0 (absent) with 'corrected', and nothing with other decisions.",
            ),
        )
        return [(problem, remedy) for wrong, problem, remedy in checks if wrong]


@dataclass(frozen=True, kw_only=True)
class Review:
    """A saved decision. `probability` is what was shown for `finding`; None for a whole diagnosis."""

    id: int
    study_id: str
    finding: str | None
    decision: ReviewDecision
    corrected_label: int | None
    reason_code: Reason | None
    reason: str
    reviewer: str
    bundle_id: str
    probability: float | None
    created_at: datetime


@dataclass(frozen=True, kw_only=True)
class WorklistRow:
    """One line of the worklist."""

    study_id: str
    patient_id: str | None
    refused: bool
    code: str
    message: str
    modalities: str
    out_of_distribution: bool
    age_years: float | None
    sex: str | None
    bundle_id: str
    attention: Attention
    top_finding: str | None
    top_probability: float | None
    top_decision: Decision | None
    review: ReviewState
    reviewer: str | None


@dataclass(frozen=True, kw_only=True)
class Case:
    """One study with its answers, likely findings first."""

    row: WorklistRow
    predictions: tuple[Prediction, ...]


@dataclass(frozen=True, kw_only=True)
class WorklistFilter:
    """Which lines of the worklist are wanted; None and empty text mean any.

    `finding` with `decision` asks for studies where that finding was decided so; `decision` alone, any finding.
    `finding` alone asks for studies where it is not unlikely.
    """

    run_id: str
    text: str = ""
    refused: bool | None = None
    review: ReviewState | None = None
    finding: str | None = None
    decision: Decision | None = None


@dataclass(frozen=True, kw_only=True)
class Page:
    """A stretch of the worklist and how many lines there are in all."""

    rows: tuple[WorklistRow, ...]
    total: int


@dataclass(frozen=True, kw_only=True)
class Neighbours:
    """The cases around one, in an order that saving a review does not change.

    `next_unread` is the first unreviewed case after this one, or else from the top; never this one.
    """

    previous: str | None
    next: str | None
    next_unread: str | None
