"""How well the image alone, or the note alone, can do on the phantom: a limit that no model passes, but by chance.

Derivation. A finding is `pattern ∧ context`, and the two are independent of each other and of everything else, with
rates p and q. Who sees the image knows the pattern at best, and their posterior is q where it is drawn and 0 where it
is not. Every positive study has the pattern. Of the negative ones the share t = p(1 - q) / (1 - pq) has it too: these
tie with every positive, and all others rank below. So AUROC = 1 - t / 2. With p = q = 0.5, t = 1/3 and AUROC = 5/6.
For the note p and q change places. A finding that needs no context is certain from the image and a coin toss from the
note. No bound of this kind holds for two readers whose scores are added: two perfect ones rank every study rightly.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mediscan.errors import ConfigError
from mediscan.phantom.cases import PhantomCase
from mediscan.phantom.options import PhantomOptions
from mediscan.phantom.rules import RULES, Rule
from mediscan.study import Availability


@dataclass(frozen=True, kw_only=True)
class ModalityCaps:
    """The best AUROC to be expected, for studies that have both image and note.

    Args:
        image: Finding → best AUROC from the image alone.
        note: Finding → best AUROC from the note alone.
    """

    image: Mapping[str, float]
    note: Mapping[str, float]

    @property
    def macro_image(self) -> float:
        """Mean over the findings, image alone."""
        return sum(self.image.values()) / len(self.image)

    @property
    def macro_note(self) -> float:
        """Mean over the findings, note alone."""
        return sum(self.note.values()) / len(self.note)


def modality_caps(options: PhantomOptions | None = None) -> ModalityCaps:
    """The caps of studies drawn with these options.

    Raises:
        ConfigError: A rate is 0 or 1, so that some finding is always absent or always present.
    """
    options = options or PhantomOptions()
    p, q = options.pattern_rate, options.context_rate
    if not (0 < p < 1 and 0 < q < 1):
        raise ConfigError(
            f"pattern_rate is {p} and context_rate {q}, which leaves a finding without positives or negatives",
            remedy="Give rates between 0 and 1, both excluded.",
        )
    return ModalityCaps(
        image={name: _cap(p, q) if rule.context else 1.0 for name, rule in RULES.items()},
        note={name: _cap(q, p) if rule.context else 0.5 for name, rule in RULES.items()},
    )


def _cap(seen_rate: float, hidden_rate: float) -> float:
    tied = seen_rate * (1 - hidden_rate) / (1 - seen_rate * hidden_rate)
    return 1 - tied / 2


def best_scores(
    cases: Sequence[PhantomCase], *, seen: Availability, options: PhantomOptions | None = None
) -> NDArray[np.float64]:
    """What a perfect reader of some modalities answers: (studies, findings) float64 posteriors in [0, 1].

    Their AUROC on a test split is the cap of that very split, missing images and notes included.

    Args:
        cases: The studies.
        seen: What the reader may look at; what a study lacks is not seen.
        options: What the studies were drawn with.
    """
    options = options or PhantomOptions()
    rows = [[_posterior(rule, case, seen, options) for rule in RULES.values()] for case in cases]
    return np.array(rows, dtype=np.float64).reshape(len(cases), len(RULES))


def _posterior(rule: Rule, case: PhantomCase, seen: Availability, options: PhantomOptions) -> float:
    image, note = seen.image and case.has_image, seen.note and case.has_note
    pattern = float(rule.pattern in case.patterns) if image else options.pattern_rate
    if rule.context is None:
        return pattern
    return pattern * (float(rule.context in case.contexts) if note else options.context_rate)
