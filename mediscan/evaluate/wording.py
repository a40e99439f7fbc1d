"""Numbers as people read them."""

from collections.abc import Sequence

_LEAST_P = 0.001


def number_text(value: float | None, digits: int = 3) -> str:
    """A number."""
    return "n/a" if value is None else f"{value:.{digits}f}"


def signed_text(value: float | None) -> str:
    """A difference."""
    return "n/a" if value is None else f"{value:+.3f}"


def interval_text(interval: Sequence[float] | None) -> str:
    """An interval."""
    # "to" and not a dash: the ends of a gain's interval can be negative.
    return "no interval" if interval is None else f"{interval[0]:.3f} to {interval[1]:.3f}"


def p_text(value: float | None) -> str:
    """A p-value."""
    if value is None:
        return "p n/a"
    return f"p < {_LEAST_P}" if value < _LEAST_P else f"p = {value:.3f}"
