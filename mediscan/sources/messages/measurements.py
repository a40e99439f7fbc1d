"""Vital signs and laboratory values: which LOINC codes are read, and how their units become one.

Source: LOINC 2.77; UCUM 2.1 for the units' codes; HL7 FHIR R4 vital signs profile.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import MappingProxyType

from mediscan.sources.messages.moments import apart, not_after

_Scale = tuple[float, float]
_AS_IT_IS: _Scale = (1.0, 0.0)
_PER_MINUTE = dict.fromkeys(
    ("/min", "1/min", "{beats}/min", "{breaths}/min", "beats/min", "breaths/min", "bpm", "per minute"), _AS_IT_IS
)
_PRESSURE = {"mm[hg]": _AS_IT_IS, "mmhg": _AS_IT_IS, "mm hg": _AS_IT_IS, "kpa": (7.500617, 0.0)}


@dataclass(frozen=True, kw_only=True)
class Measure:
    """One thing that is measured.

    Args:
        name: Its name in a study's values, with the unit where it has one.
        loinc: The LOINC codes that stand for it.
        units: UCUM codes and usual spellings in lower case, each with factor and offset to the unit of `name`.
        low: Smallest value that can be true, in the unit of `name`.
        high: Largest value that can be true.
        valid_for: How old it may be when the images are acquired.
    """

    name: str
    loinc: tuple[str, ...]
    units: Mapping[str, _Scale]
    low: float
    high: float
    valid_for: timedelta = timedelta(days=7)

    def read(self, value: float, unit: str | None) -> float | None:
        """The value in the unit of `name`; None where the unit is not known or the value cannot be true."""
        if unit is None or (scale := self.units.get(unit.strip().lower())) is None:
            return None
        factor, offset = scale
        converted = value * factor + offset
        return round(converted, 4) if math.isfinite(converted) and self.low <= converted <= self.high else None


MEASURES: tuple[Measure, ...] = (
    Measure(
        name="temperature_celsius",
        loinc=("8310-5",),
        units={
            **dict.fromkeys(("cel", "°c", "c", "degc", "deg c", "celsius"), _AS_IT_IS),
            **dict.fromkeys(("[degf]", "°f", "f", "degf", "deg f", "fahrenheit"), (5 / 9, -160 / 9)),
            "k": (1.0, -273.15),
        },
        low=20,
        high=46,
    ),
    Measure(name="heart_rate_per_minute", loinc=("8867-4",), units=_PER_MINUTE, low=0, high=400),
    Measure(name="respiratory_rate_per_minute", loinc=("9279-1",), units=_PER_MINUTE, low=0, high=150),
    Measure(
        name="oxygen_saturation_percent",
        loinc=("2708-6", "59408-5"),
        units={"%": _AS_IT_IS, "percent": _AS_IT_IS, "1": (100.0, 0.0)},
        low=0,
        high=100,
    ),
    Measure(name="systolic_mmhg", loinc=("8480-6",), units=_PRESSURE, low=0, high=350),
    Measure(name="diastolic_mmhg", loinc=("8462-4",), units=_PRESSURE, low=0, high=250),
    Measure(
        name="crp_mg_per_l",
        loinc=("1988-5",),
        units={"mg/l": _AS_IT_IS, "mg/dl": (10.0, 0.0), "ug/ml": _AS_IT_IS},
        low=0,
        high=1500,
    ),
    Measure(
        name="leukocytes_per_nl",
        loinc=("6690-2",),
        units={
            **dict.fromkeys(
                ("10*3/ul", "10*9/l", "10^3/ul", "10^9/l", "x10e3/ul", "x10^3/ul", "x10^9/l", "k/ul", "g/l", "/nl"),
                _AS_IT_IS,
            ),
            **dict.fromkeys(("/ul", "{cells}/ul", "cells/ul", "/mm3"), (0.001, 0.0)),
        },
        low=0,
        high=1000,
    ),
    Measure(
        name="weight_kg",
        loinc=("29463-7",),
        units={"kg": _AS_IT_IS, "g": (0.001, 0.0), **dict.fromkeys(("[lb_av]", "lb", "lbs"), (0.45359237, 0.0))},
        low=0.2,
        high=700,
        valid_for=timedelta(days=366),
    ),
    Measure(
        name="height_cm",
        loinc=("8302-2",),
        units={"cm": _AS_IT_IS, "m": (100.0, 0.0), "mm": (0.1, 0.0), **dict.fromkeys(("[in_i]", "in"), (2.54, 0.0))},
        low=15,
        high=280,
        valid_for=timedelta(days=366),
    ),
)

BY_LOINC: Mapping[str, Measure] = MappingProxyType({code: measure for measure in MEASURES for code in measure.loinc})
"""The measure that a LOINC code stands for."""


@dataclass(frozen=True, kw_only=True)
class Measurement:
    """A measure's value in its own unit, and when it was taken."""

    measure: Measure
    value: float
    at: datetime


def values_before(measurements: Iterable[Measurement], *, start: datetime) -> dict[str, float]:
    """Of each measure the latest value that is not after the examination, and not too old to speak of it."""
    newest: dict[str, Measurement] = {}
    for one in measurements:
        if not_after(one.at, start) and apart(one.at, start) <= one.measure.valid_for:
            known = newest.get(one.measure.name)
            if known is None or not_after(known.at, one.at):
                newest[one.measure.name] = one
    return {name: newest[name].value for name in sorted(newest)}
