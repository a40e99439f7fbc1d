"""The account of a transfer."""

from dataclasses import dataclass

from mediscan.model.image.intensity import Intensity

_SHOWN = 4


@dataclass(frozen=True, kw_only=True)
class TransferReport:
    """What became of the weights of a checkpoint; `str` gives some lines to print.

    Attributes:
        loaded: The encoder's weights that were taken as they are.
        adapted: Those that were taken for another number of input channels.
        left_out: Weights of the checkpoint that were not taken: its classifier, or of another shape.
        missing: The encoder's weights that the checkpoint lacks; they stay as they were.
        share: Share of the encoder's numbers that were loaded or adapted, 0 to 1.
        intensity: What images are brought to, where the checkpoint's format says it.
    """

    loaded: tuple[str, ...]
    adapted: tuple[str, ...]
    left_out: tuple[str, ...]
    missing: tuple[str, ...]
    share: float
    intensity: Intensity | None

    def __str__(self) -> str:
        lines = [
            f"loaded    {len(self.loaded) + len(self.adapted)} tensors, {self.share:.1%} of the encoder's weights",
            *(f"{title:9} {_listed(names)}" for title, names in self._lists() if names),
        ]
        if self.intensity:
            ends = sorted((grey - self.intensity.mean[0]) / self.intensity.deviation[0] for grey in (0.0, 1.0))
            lines.append(f"intensity each image's 1st to 99th percentile to {ends[0]:g} … {ends[1]:g}")
        return "\n".join(lines)

    def _lists(self) -> tuple[tuple[str, tuple[str, ...]], ...]:
        return (("adapted", self.adapted), ("left out", self.left_out), ("missing", self.missing))


def _listed(names: tuple[str, ...]) -> str:
    more = len(names) - _SHOWN
    return ", ".join(names[:_SHOWN]) + (f" and {more} more" if more > 0 else "")
