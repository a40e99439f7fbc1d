"""Macro AUROC of out-of-fold predictions with its interval, and paired differences between models."""

from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from benchmarks.peers.collection import Collection
from mediscan.evaluate.bootstrap import macro_mean, patient_weights, percentile_interval, two_sided_p, weighted_auroc

DRAWS = 2000


def scored_classes(collection: Collection) -> list[int]:
    """One class against the rest, each; of two classes only the second, for the first is its mirror image."""
    return [1] if len(collection.classes) == 2 else list(range(len(collection.classes)))


def macro_auroc(
    collection: Collection, probabilities: NDArray[np.float64], weights: NDArray[np.int64]
) -> NDArray[np.float64]:
    """(B,) macro AUROC for each row of (B, N) study weights."""
    classes = scored_classes(collection)
    areas = [weighted_auroc(collection.labels == index, probabilities[:, index], weights) for index in classes]
    return macro_mean(np.stack(areas, axis=1))


def describe(
    collection: Collection, predictions: NDArray[np.float64], *, against: NDArray[np.float64] | None = None
) -> dict[str, object]:
    """Numbers of one model, and of its lead over another one.

    Args:
        collection: The truth.
        predictions: (S, N, C) out-of-fold probabilities of S seeds.
        against: (S', N, C) those of the model to compare with.

    Returns:
        Mean and spread of the macro AUROC over seeds, and for the mean of the seeds' predictions the macro AUROC with
        a 95 % interval by patient, and the paired lead with its interval and p-value.
    """
    once = np.ones((1, len(collection.labels)), dtype=np.int64)
    by_seed = np.array([macro_auroc(collection, seed, once)[0] for seed in predictions])
    weights = patient_weights(list(collection.patients), draws=DRAWS)
    mean = predictions.mean(axis=0)  # (N, C)
    draws = macro_auroc(collection, mean, weights)
    auroc = float(macro_auroc(collection, mean, once)[0])
    described: dict[str, object] = {
        "seeds": len(predictions),
        "mean": float(by_seed.mean()),
        "spread": float(by_seed.std()),
        "auroc": auroc,
        "ci": percentile_interval(draws),
    }
    if against is not None:
        other = against.mean(axis=0)
        lead = draws - macro_auroc(collection, other, weights)
        described["lead"] = auroc - float(macro_auroc(collection, other, once)[0])
        described["lead_ci"] = percentile_interval(lead)
        described["lead_p"] = two_sided_p(lead)
    return described


def save(path: Path, collection: Collection, predictions: dict[int, NDArray[np.float64]]) -> None:
    """Write out-of-fold predictions, one row a study, seed and class."""
    parts = [
        pd.DataFrame(
            {
                "study_id": collection.studies,
                "patient_id": collection.patients,
                "seed": seed,
                "finding": name,
                "label": (collection.labels == index).astype(int),
                "probability": probabilities[:, index],
            }
        )
        for seed, probabilities in predictions.items()
        for index, name in enumerate(collection.classes)
    ]
    pd.concat(parts).to_parquet(path, index=False)


def load(path: Path, collection: Collection) -> NDArray[np.float64]:
    """Read them back: (S, N, C), in the collection's order."""
    rows = pd.read_parquet(path)
    seeds = [
        rows[rows["seed"] == seed]
        .pivot_table(index="study_id", columns="finding", values="probability")
        .loc[list(collection.studies), list(collection.classes)]
        .to_numpy()
        for seed in sorted(rows["seed"].unique())
    ]
    return np.stack(seeds)
