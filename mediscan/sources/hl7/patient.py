"""PID: whom a message is about."""

from mediscan.sources.hl7.times import time_span
from mediscan.sources.hl7.wire import Segment
from mediscan.sources.messages.moments import TimeSpan
from mediscan.study import Sex

_SEXES = {"F": Sex.FEMALE, "M": Sex.MALE, "O": Sex.OTHER, "A": Sex.OTHER}
_OWN_TYPES = ("MR", "", "PI", "PT")


def patient_id(pid: Segment, *, authority: str | None) -> str | None:
    """The patient's id of PID-3.

    Args:
        pid: The segment.
        authority: The assigning authority (PID-3.4.1) whose id is wanted. Without one it is the id of type MR
            (HL7 table 0203), or else the first without a type, or of type PI or PT.
    """
    ids = [(pid.part(one), pid.part(one, 4), pid.part(one, 5)) for one in pid.repetitions(3)]
    if authority is not None:
        return next((value for value, by, _ in ids if value and by == authority), None)
    found = (value for wanted in _OWN_TYPES for value, _, kind in ids if value and kind == wanted)
    return next(found, None)


def patient_facts(pid: Segment) -> tuple[Sex | None, TimeSpan | None]:
    """Sex (PID-8) and birth date (PID-7)."""
    return _SEXES.get(pid.text(8)), time_span(pid.text(7))
