"""Train and score peers on the folds of a collection, and compare what was stored.

`python -m benchmarks.peers run medpix tfidf minilm --out DIR` stores out-of-fold predictions; a model that is stored is
not run again. `python -m benchmarks.few_cases medpix --out DIR` stores those of the product, and then
`python -m benchmarks.peers compare medpix --out DIR` puts every stored model beside the best peer, into
`benchmarks/results/` and the page of benchmarks.
"""

import argparse
import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.__main__ import PAGE, RESULTS
from benchmarks.lab_recipe import recipe, recipe_image, recipe_note
from benchmarks.machine import describe_machine
from benchmarks.peers.collection import COLLECTIONS, Collection
from benchmarks.peers.densenet import densenet
from benchmarks.peers.folds import Learner, out_of_fold
from benchmarks.peers.late import late_fusion
from benchmarks.peers.scores import describe, load, save
from benchmarks.peers.transchex import transchex
from benchmarks.peers.words import minilm, tfidf
from benchmarks.table import write_page

PEERS: dict[str, Learner] = {"tfidf": tfidf, "minilm": minilm, "densenet": densenet, "transchex": transchex}
LATE = "late"
OURS: dict[str, Learner] = {"recipe": recipe, "recipe-note": recipe_note, "recipe-image": recipe_image}


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.peers", description=__doc__)
    parser.add_argument("action", choices=["run", "compare"])
    parser.add_argument("collection", choices=list(COLLECTIONS))
    parser.add_argument("models", nargs="*", help="which (default: all)")
    parser.add_argument("--seeds", type=int, default=3, help="cross-validations, each on its own folds (default: 3)")
    parser.add_argument("--out", type=Path, required=True, help="where out-of-fold predictions lie")
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    collection = COLLECTIONS[given.collection]()
    if given.action == "run":
        for name in given.models or PEERS:
            _run(collection, name, seeds=given.seeds, out=given.out)
    else:
        result = {**compare(collection, given.out), "machine": describe_machine()}
        text = json.dumps(result, indent=1)
        (RESULTS / f"peers_{collection.name}.json").write_text(text + "\n", encoding="utf-8")
        print(text)
        write_page(RESULTS, PAGE)
    return 0


def _run(collection: Collection, name: str, *, seeds: int, out: Path) -> None:
    path = out / f"{collection.name}__{name}.parquet"
    if path.is_file():
        return
    start, learner = time.monotonic(), {**PEERS, **OURS}[name]
    save(path, collection, {seed: out_of_fold(learner, collection, seed=seed) for seed in range(seeds)})
    print(f"{collection.name} {name}: {time.monotonic() - start:.0f} s", file=sys.stderr)


def stored(collection: Collection, out: Path) -> dict[str, NDArray[np.float64]]:
    """Every model's stored predictions by its name, and the late fusion of two of them."""
    found = {
        path.stem.partition("__")[2]: load(path, collection)
        for path in sorted(out.glob(f"{collection.name}__*.parquet"))
    }
    if {"tfidf", "densenet"} <= set(found):
        found[LATE] = late_fusion(found["tfidf"], found["densenet"])
    return found


def compare(collection: Collection, out: Path) -> dict[str, object]:
    """Each stored model, with its lead over the best of the peers."""
    found = stored(collection, out)
    peers = {name: describe(collection, found[name]) for name in (*PEERS, LATE) if name in found}
    best = max(peers, key=lambda name: float(str(peers[name]["auroc"])))
    models = {
        name: describe(collection, predictions, against=found[best] if name != best else None)
        for name, predictions in found.items()
    }
    return {
        "command": f"python -m benchmarks.peers compare {collection.name}",
        "studies": len(collection.studies),
        "best_peer": best,
        "to_know": "`mediscan` also learns from texts about the classes, which the peers do not get",
        "peers_not_run": [name for name in (*PEERS, LATE) if name not in found],
        "rows": [_row(name, model) for name, model in sorted(models.items(), key=_by_auroc)],
    }


def _by_auroc(named: tuple[str, dict[str, Any]]) -> float:
    return -float(named[1]["auroc"])


def _row(name: str, model: dict[str, Any]) -> dict[str, object]:
    lead = "lead" in model
    return {
        "model": f"`{name}`",
        "mean_of_seeds": round(model["mean"], 3),
        "auroc_of_seed_average": round(model["auroc"], 3),
        "95_%": _interval(model["ci"]),
        "lead_over_best_peer": round(model["lead"], 3) if lead else "",
        "95_%_of_lead": _interval(model["lead_ci"]) if lead else "",
        "p": round(model["lead_p"], 4) if lead else "",
    }


def _interval(ends: Sequence[float]) -> str:
    return f"{ends[0]:.3f} to {ends[1]:.3f}"


if __name__ == "__main__":
    sys.exit(main())
