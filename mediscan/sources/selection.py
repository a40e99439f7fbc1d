"""Which series of a study are used: a declared set of rules, and a reason in words for each that is not."""

import math
import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from mediscan.diagnosis import Flag
from mediscan.errors import Code, ConfigError, UnsupportedImageError
from mediscan.sources.dicom.role import NO_IMAGE_MODALITIES, STACKED, Role
from mediscan.sources.pixels import Intent

_MOST_NAMED = 8
_NAMED_MODALITIES = NO_IMAGE_MODALITIES | {
    *("CT", "MR", "PT", "NM", "US", "CR", "DX", "MG", "XA", "RF", "IO", "PX", "ES", "XC", "OP", "SM", "OT", "SC")
}

_Positive = Annotated[float, Field(gt=0)]
_Count = Annotated[int, Field(ge=1)]
_Terms = tuple[Annotated[str, Field(min_length=1)], ...]


class Preference(StrEnum):
    """What is wanted most where several series fit."""

    THINNEST_SLICES = "thinnest_slices"
    MOST_SLICES = "most_slices"
    LARGEST_MATRIX = "largest_matrix"
    FOR_PRESENTATION = "for_presentation"
    LOWEST_NUMBER = "lowest_number"


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """What the rules see of a series (or of an image that is no part of one); None is what is not known.

    `rows` and `columns` are the matrix, `slices` counts files or frames, `number` is SeriesNumber. `problem` says in
    words why it makes no image, where that is known already.
    """

    path: Path
    role: Role = Role.IMAGE
    number: int | None = None
    modality: str | None = None
    body_part: str | None = None
    view: str | None = None
    laterality: str | None = None
    intent: Intent | None = None
    slice_thickness_mm: float | None = None
    rows: int | None = None
    columns: int | None = None
    slices: int = 1
    problem: str | None = None


class SelectionRules(BaseModel):
    """Rules for the series of a study.

    The default leaves out localizers and derived pictures (reformats, projections, screen saves), and for a radiograph
    stored both ways the one for processing; all else is used.

    Args:
        modalities: DICOM modalities to use (`CT`, `MR`, `DX`, …); empty for all.
        body_parts: BodyPartExamined to use; empty for all.
        views: ViewPosition to use; empty for all.
        exclude_localizers: Whether localizers (scouts, topograms) are left out.
        exclude_derived: Whether derived pictures are left out.
        prefer_presentation: Whether images FOR PROCESSING are left out where the study has one of the same view and
            side FOR PRESENTATION.
        min_slice_thickness_mm: Thinnest slices to use.
        max_slice_thickness_mm: Thickest slices to use.
        min_matrix: Fewest rows and columns.
        min_slices: Fewest slices; applies to volumes (CT, MR, PET).
        prefer: What decides where more series fit than `max_series`, most important first.
        max_series: Most series of a study to use; None for all.

    A rule on something that a series does not tell leaves the series out.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    modalities: _Terms = ()
    body_parts: _Terms = ()
    views: _Terms = ()
    exclude_localizers: bool = True
    exclude_derived: bool = True
    prefer_presentation: bool = True
    min_slice_thickness_mm: _Positive | None = None
    max_slice_thickness_mm: _Positive | None = None
    min_matrix: tuple[_Count, _Count] | None = None
    min_slices: _Count | None = None
    prefer: tuple[Preference, ...] = (Preference.FOR_PRESENTATION, Preference.THINNEST_SLICES, Preference.MOST_SLICES)
    max_series: _Count | None = None

    @model_validator(mode="after")
    def _ranges_are_not_empty(self) -> Self:
        low, high = self.min_slice_thickness_mm, self.max_slice_thickness_mm
        if low is not None and high is not None and low > high:
            raise ValueError("min_slice_thickness_mm is above max_slice_thickness_mm")
        return self

    @classmethod
    def from_toml(cls, path: Path) -> Self:
        """The rules of a TOML file, one key a rule.

        Raises:
            ConfigError: The file cannot be read, or has a key or value that is no rule.
        """
        try:
            return cls.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
        except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
            raise ConfigError(
                f"selection rules {path} cannot be read ({type(error).__name__})", remedy="Write them as TOML."
            ) from None
        except ValidationError as error:
            first = error.errors()[0]
            name = ".".join(str(part) for part in first["loc"]) or "the rules"
            raise ConfigError(
                f"selection rules {path}: {name}: {first['msg']}",
                remedy=f"The rules are {', '.join(cls.model_fields)}.",
            ) from None


@dataclass(frozen=True, kw_only=True)
class LeftOut:
    """A series that is not used. `place` is its position in the study, from 1."""

    candidate: Candidate
    place: int
    reason: str


@dataclass(frozen=True, kw_only=True)
class Selection:
    """Which series of a study are used, in the order of their numbers, and which are not and why.

    Those without a number come last.
    """

    chosen: tuple[Candidate, ...]
    left_out: tuple[LeftOut, ...]

    @property
    def summary(self) -> str:
        """One line for the ledger; it names series by place and modality, never by a description."""
        total = len(self.chosen) + len(self.left_out)
        outs = [f"{_name(one, total=total)} left out: {one.reason}" for one in self.left_out[:_MOST_NAMED]]
        more = [f"{len(self.left_out) - len(outs)} more left out"] if len(self.left_out) > len(outs) else []
        return f"{len(self.chosen)} of {total} series used{''.join(f'; {out}' for out in [*outs, *more])}."

    @property
    def flags(self) -> tuple[Flag, ...]:
        """SERIES_LEFT_OUT with the summary, where something was left out."""
        return (Flag(code=Code.SERIES_LEFT_OUT, message=self.summary),) if self.left_out else ()

    def require_any(self, study_id: str) -> Self:
        """This selection, unless it is empty.

        Raises:
            UnsupportedImageError: (NO_SUITABLE_SERIES) Nothing is left of the study.
        """
        if not self.chosen:
            raise UnsupportedImageError(
                f"study {study_id!r} has no series that fits: {self.summary}",
                remedy="Send the diagnostic series, or change the selection rules.",
                code=Code.NO_SUITABLE_SERIES,
            )
        return self


def select(candidates: Sequence[Candidate], rules: SelectionRules) -> Selection:
    """Which series of one study the rules choose.

    Args:
        candidates: All series of the study; they are counted in the order of their numbers.
        rules: What is wanted.
    """
    candidates = sorted(candidates, key=_RANKS[Preference.LOWEST_NUMBER])
    presented = [
        one for one in candidates if one.intent is Intent.PRESENTATION and _misfit(one, rules, presented=()) is None
    ]
    reasons = {place: _misfit(one, rules, presented=presented) for place, one in enumerate(candidates)}
    fitting = [place for place, reason in reasons.items() if reason is None]
    if rules.max_series is not None and len(fitting) > rules.max_series:
        ranked = sorted(fitting, key=lambda place: _rank(candidates[place], rules))
        for place in ranked[rules.max_series :]:
            reasons[place] = f"not among the {rules.max_series} preferred ({', '.join(rules.prefer)})"
    return Selection(
        chosen=tuple(one for place, one in enumerate(candidates) if reasons[place] is None),
        left_out=tuple(
            LeftOut(candidate=one, place=place + 1, reason=f"{reasons[place]}")
            for place, one in enumerate(candidates)
            if reasons[place] is not None
        ),
    )


def _misfit(candidate: Candidate, rules: SelectionRules, *, presented: Sequence[Candidate]) -> str | None:
    """Why a series does not fit, in words; None where it fits."""
    return next(_misfits(candidate, rules, presented=presented), None)


def _misfits(candidate: Candidate, rules: SelectionRules, *, presented: Sequence[Candidate]) -> Iterator[str]:
    if candidate.problem is not None:
        yield candidate.problem
    excluded = {Role.NO_IMAGE: True, Role.LOCALIZER: rules.exclude_localizers, Role.DERIVED: rules.exclude_derived}
    if excluded.get(candidate.role, False):
        yield candidate.role.value
    for name, wanted, value in (
        ("modality", rules.modalities, candidate.modality),
        ("body part", rules.body_parts, candidate.body_part),
        ("view", rules.views, candidate.view),
    ):
        if wanted and (value or "").upper() not in {term.upper() for term in wanted}:
            yield f"{name} unknown" if value is None else f"{name} is not {' or '.join(wanted)}"
    raw = rules.prefer_presentation and candidate.intent is Intent.PROCESSING
    if raw and any(_may_show_the_same(candidate, shown) for shown in presented):
        yield "for processing, and the study has the view for presentation"
    yield from _size_misfits(candidate, rules)


def _may_show_the_same(one: Candidate, other: Candidate) -> bool:
    pairs = ((one.modality, other.modality), (one.view, other.view), (one.laterality, other.laterality))
    return all(None in pair or pair[0] == pair[1] for pair in pairs)


def _size_misfits(candidate: Candidate, rules: SelectionRules) -> Iterator[str]:
    thickness, low, high = candidate.slice_thickness_mm, rules.min_slice_thickness_mm, rules.max_slice_thickness_mm
    if thickness is None and (low is not None or high is not None):
        yield "slice thickness unknown"
    if thickness is not None and low is not None and thickness < low:
        yield f"slices of {thickness:g} mm, thinner than {low:g}"
    if thickness is not None and high is not None and thickness > high:
        yield f"slices of {thickness:g} mm, thicker than {high:g}"
    if rules.min_matrix is not None:
        matrix = candidate.rows or 0, candidate.columns or 0
        if any(side < least for side, least in zip(matrix, rules.min_matrix, strict=True)):
            yield f"matrix of {matrix[0]} x {matrix[1]}, smaller than {rules.min_matrix[0]} x {rules.min_matrix[1]}"
    few = rules.min_slices is not None and candidate.slices < rules.min_slices
    if few and candidate.modality in STACKED:
        yield f"{candidate.slices} of at least {rules.min_slices} slices"


_RANKS: Mapping[Preference, Callable[[Candidate], float]] = {
    Preference.THINNEST_SLICES: lambda one: math.inf if one.slice_thickness_mm is None else one.slice_thickness_mm,
    Preference.MOST_SLICES: lambda one: -one.slices,
    Preference.LARGEST_MATRIX: lambda one: -(one.rows or 0) * (one.columns or 0),
    Preference.FOR_PRESENTATION: lambda one: one.intent is Intent.PROCESSING,
    Preference.LOWEST_NUMBER: lambda one: math.inf if one.number is None else one.number,
}


def _rank(candidate: Candidate, rules: SelectionRules) -> tuple[float, ...]:
    return tuple(_RANKS[preference](candidate) for preference in rules.prefer)


def _name(left_out: LeftOut, *, total: int) -> str:
    # A modality that is none may be anything, a name too.
    modality = left_out.candidate.modality
    known = f" ({modality})" if modality in _NAMED_MODALITIES else ""
    return f"series {left_out.place} of {total}{known}"
