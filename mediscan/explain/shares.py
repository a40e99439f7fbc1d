"""How much each modality weighs: exact Shapley values over the modalities that a study has."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from math import factorial

import torch

from mediscan.data.batch import StudyBatch
from mediscan.explain.logodds import log_odds
from mediscan.model.answering import Network
from mediscan.study import Availability


@dataclass(frozen=True, kw_only=True)
class ModalityShares:
    """Shares in log-odds; they sum to `logit - baseline_logit`."""

    shares: Mapping[str, float]
    logit: float
    baseline_logit: float


@torch.inference_mode()
def modality_shares(network: Network, batch: StudyBatch, *, finding: int) -> ModalityShares:
    """Shares of image and note in one finding of one study.

    Args:
        network: In evaluation mode.
        batch: The one study.
        finding: Position of the finding.
    """
    images = network.encode_images(batch)

    def value(present: frozenset[str]) -> float:
        pattern = Availability.of(image="image" in present, note="note" in present)
        output = network.answer(batch.keep(pattern), images=images)
        return float(log_odds(output.logits, findings=network.findings, index=finding)[0])

    players = [name for name, there in (("image", batch.has_image), ("note", batch.has_note)) if bool(there.any())]
    return ModalityShares(
        shares=shapley(players, value), logit=value(frozenset(players)), baseline_logit=value(frozenset())
    )


def shapley(players: Sequence[str], value: Callable[[frozenset[str]], float]) -> dict[str, float]:
    """Exact Shapley values of a game.

    Source: Shapley, "A value for n-person games", 1953.

    Args:
        players: Their names.
        value: What a coalition is worth.
    """
    count = len(players)
    coalitions = {
        frozenset(members): value(frozenset(members))
        for size in range(count + 1)
        for members in combinations(players, size)
    }
    return {
        player: sum(
            factorial(len(members))
            * factorial(count - len(members) - 1)
            / factorial(count)
            * (coalitions[members | {player}] - worth)
            for members, worth in coalitions.items()
            if player not in members
        )
        for player in players
    }
