"""How well one side of a study finds the other: recall at k and rank among N studies."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import hypergeom

from mediscan.errors import ManifestError
from mediscan.evaluate.bootstrap import patient_weights, percentile_interval

AT = (1, 5, 10)
CANDIDATES = 100


def measure_retrieval(
    similarities: NDArray[np.float32],
    same: NDArray[np.bool_],
    *,
    patients: Sequence[str],
    candidates: int = CANDIDATES,
    draws: int = 1000,
    seed: int = 0,
) -> dict[str, Any]:
    """Recall at 1, 5 and 10 and the median rank of the true partner among N candidates, both ways.

    Each query meets its true partner and N - 1 others. Rather than drawing the others again and again, the chance that
    the partner is among the first k of such a draw is computed: it is hypergeometric in the number of studies that
    score as high or higher. Others whose note says the same as the query's are neither right nor wrong, and take no
    part; a tie counts against the partner. Intervals are 95 % patient-level bootstrap.

    Args:
        similarities: (M, M) of images (rows) and notes (columns); the partners lie on the diagonal.
        same: (M, M) bool, True where two notes say the same.
        patients: The patient of each study.
        candidates: N; lowered to what there is.
        draws: Bootstrap draws.
        seed: Of the bootstrap.

    Returns:
        `candidates`, `n_studies` and, for `image_to_note` and `note_to_image`, `recall@k`, `median_rank` (1 is first)
        and their intervals.

    Raises:
        ManifestError: There are fewer than two studies.
    """
    if len(similarities) < 2:
        raise ManifestError(
            f"{len(similarities)} studies have an image and a note; retrieval needs two",
            remedy="Choose another --split, or see pretrain.note_sections for what is read of a note.",
        )
    among = min(candidates, len(similarities))
    weights = patient_weights(patients, draws=draws, seed=seed)  # (B, M)
    ways = {"image_to_note": similarities, "note_to_image": similarities.T}
    return {
        "candidates": among,
        "n_studies": len(similarities),
        **{way: _measure(scores, same, candidates=among, weights=weights) for way, scores in ways.items()},
    }


def recall(similarities: NDArray[np.float32], same: NDArray[np.bool_], *, at: int, candidates: int) -> float:
    """Recall at k among N of rows over columns, without an interval; quick, to choose an epoch by."""
    return float(_found(*_ahead(similarities, same), at=at, candidates=candidates).mean())


def _ahead(similarities: NDArray[np.float32], same: NDArray[np.bool_]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """(M,) how many others score as high as the partner or higher, and (M,) how many others there are."""
    others = ~(same | np.eye(len(same), dtype=bool))
    ahead = (similarities >= np.diag(similarities)[:, None]) & others
    return ahead.sum(axis=1), others.sum(axis=1)


def _found(ahead: NDArray[np.int64], others: NDArray[np.int64], *, at: int, candidates: int) -> NDArray[np.float64]:
    """(M,) chance that fewer than k of N - 1 drawn others are ahead of the partner."""
    chance: NDArray[np.float64] = hypergeom.cdf(at - 1, others, ahead, np.minimum(candidates - 1, others))
    return chance


def _measure(
    similarities: NDArray[np.float32], same: NDArray[np.bool_], *, candidates: int, weights: NDArray[np.int64]
) -> dict[str, Any]:
    ahead, others = _ahead(similarities, same)
    measured: dict[str, Any] = {}
    for at in AT:
        found = _found(ahead, others, at=at, candidates=candidates)  # (M,)
        means = (weights @ found) / weights.sum(axis=1)  # (B,)
        measured |= {f"recall@{at}": float(found.mean()), f"recall@{at}_ci": percentile_interval(means)}
    # Of those ahead, a draw of N - 1 holds this many on average.
    ranks = 1 + ahead * np.minimum(candidates - 1, others) / np.maximum(others, 1)  # (M,)
    medians = np.array([np.median(np.repeat(ranks, counts)) for counts in weights])
    return {**measured, "median_rank": float(np.median(ranks)), "median_rank_ci": percentile_interval(medians)}
