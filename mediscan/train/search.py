"""Search for a configuration: many trainings, each scored by its macro AUROC on validation.

All trials lie in one SQLite file, so that a search that was stopped goes on.
"""

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from mediscan.config import RunConfig
from mediscan.errors import ConfigError
from mediscan.manifest import Manifest
from mediscan.progress import Progress, silent
from mediscan.train.loop import train
from mediscan.train.search_space import SearchSpace, merged

if TYPE_CHECKING:
    import optuna


@dataclass(frozen=True, kw_only=True)
class SearchResult:
    """What a search has found so far.

    Attributes:
        best: The best values, by `section.key`.
        auroc: Their macro AUROC on validation, which choosing among many has made too good: measure on test.
        trials: How many trainings have ended with a score.
        bundle: The best training's bundle.
    """

    best: Mapping[str, Any]
    auroc: float
    trials: int
    bundle: Path


def search(
    manifest: Manifest,
    config: RunConfig,
    out: Path,
    *,
    space: SearchSpace,
    trials: int,
    progress: Progress = silent,
) -> SearchResult:
    """Train until that many trials have a score, and keep the best bundle.

    Args:
        manifest: The studies.
        config: What all trials share.
        out: `search.db` and `best/`, a bundle; with trials of a former search it goes on from those.
        space: What they differ in.
        trials: How many there are to be in all, those of a former search included.
        progress: Told of every trial and its stages.

    Raises:
        ConfigError: optuna is not installed, or `out` holds a search of other things.
        ManifestError: A training cannot be made of the manifest.
    """
    optuna = _optuna()
    out.mkdir(parents=True, exist_ok=True)
    shared = config.model_dump(mode="json")
    study = optuna.create_study(
        storage=f"sqlite:///{out.resolve() / 'search.db'}",
        study_name="mediscan",
        direction="maximize",
        load_if_exists=True,
    )
    # The same seed would draw again what a former search began with.
    study.sampler = optuna.samplers.TPESampler(seed=config.train.seed + len(study.trials))
    _require_same(study, {"manifest": manifest.sha256, "configuration": shared, "space": repr(space.entries)})
    while (done := len(_scored(study))) < trials:
        progress("search", done, trials)
        trial = study.ask()
        bundle = out / f"trial-{trial.number}"
        result = train(manifest, merged(shared, space.suggest(trial)), bundle, progress=progress)
        auroc = result.metrics["macro"]["auroc"]
        is_best = not _scored(study) or auroc > study.best_value
        study.tell(trial, auroc)
        if is_best:
            shutil.rmtree(out / "best", ignore_errors=True)
            bundle.rename(out / "best")
        else:
            shutil.rmtree(bundle)
        progress("search", done + 1, trials, detail=f"best macro AUROC {study.best_value:.3f}")
    return SearchResult(best=study.best_params, auroc=study.best_value, trials=len(_scored(study)), bundle=out / "best")


def _optuna() -> ModuleType:
    try:
        import optuna  # noqa: PLC0415  (an extra)
    except ImportError as error:
        raise ConfigError("optuna is not installed", remedy="Install it: pip install 'mediscan[search]'.") from error
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    return optuna


def _scored(study: "optuna.Study") -> list["optuna.trial.FrozenTrial"]:
    """Trials that have ended; one that was killed stays open for ever and does not count."""
    return [trial for trial in study.trials if trial.state.name == "COMPLETE"]


def _require_same(study: "optuna.Study", identity: Mapping[str, Any]) -> None:
    known = study.user_attrs
    different = sorted(name for name, value in identity.items() if name in known and known[name] != value)
    if different:
        raise ConfigError(
            f"the search in this folder was made with another {' and '.join(different)}",
            remedy="Run with the former ones, or choose another --out.",
        )
    for name, value in identity.items():
        study.set_user_attr(name, value)
