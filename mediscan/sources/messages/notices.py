"""What a reader should know of how messages were read, without a line for each of a thousand messages."""

_SHOWN = 3


class Notices:
    """Collects what was passed over, and where."""

    def __init__(self) -> None:
        self._where: dict[str, list[str]] = {}

    def add(self, what: str, *, where: str) -> None:
        """Note that something was passed over.

        Args:
            what: What and why, as the beginning of a sentence; never content of a message.
            where: Which record.
        """
        self._where.setdefault(what, []).append(where)

    def lines(self) -> tuple[str, ...]:
        """One line for each thing that was noted, with how often and the first places."""
        return tuple(
            f"{what}: {', '.join(places[:_SHOWN])}"
            + (f" and {len(places) - _SHOWN} more." if len(places) > _SHOWN else ".")
            for what, places in self._where.items()
        )
