"""The whole comparison: every variant, seed and fold trained, all measured on the same patients, one table."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mediscan.compare.grid import Variant
from mediscan.compare.paired import Standing, standings
from mediscan.compare.runs import Cost, Run, run_once
from mediscan.config import RunConfig
from mediscan.data.labels import label_matrix
from mediscan.errors import ManifestError
from mediscan.findings import FindingSet, natural_order
from mediscan.manifest import Manifest
from mediscan.progress import Progress, silent
from mediscan.study import Split, Study
from mediscan.train.folds import folds

_DEVELOPMENT = (Split.TRAIN, Split.VAL)


@dataclass(frozen=True, kw_only=True)
class Plan:
    """On which studies variants are measured.

    Attributes:
        split: The part that is measured, where there are no folds.
        folds: Parts that train and val together are cut into by patient, each measured by a model that has not seen
            it; 0 measures `split` instead.
        seeds: Trainings of each variant; their probabilities are averaged.
        draws: Bootstrap draws behind every interval.
    """

    split: Split = Split.TEST
    folds: int = 0
    seeds: int = 1
    draws: int = 1000


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """What a comparison found; the first variant is the one that the others are compared with."""

    plan: Plan
    findings: tuple[str, ...]
    studies: int
    patients: int
    left_out: int
    standings: Mapping[str, Standing]
    costs: Mapping[str, Cost]
    settings: Mapping[str, Mapping[str, str]]


@dataclass(frozen=True, kw_only=True)
class _Part:
    """Studies that are measured, and the manifest whose `train` and `val` a model for them learns from."""

    manifest: Manifest
    tested: tuple[Study, ...]


def compare(
    manifest: Manifest, chosen: Sequence[Variant], out: Path, *, plan: Plan, progress: Progress = silent
) -> Comparison:
    """Train and measure all variants. What is done already in `out` is not done again.

    Args:
        manifest: The studies.
        chosen: The variants; the first is the reference.
        out: The folder for runs and results.
        plan: On which studies they are measured.
        progress: Told of every stage.

    Raises:
        ManifestError: There is nothing to measure on, or a row is wrong.
        ConfigError: A configuration does not fit the data.
    """
    names = tuple(chosen[0].config.data.findings) or natural_order(manifest.findings.names)
    parts = _parts(manifest, out, plan=plan)
    answers: dict[str, dict[str, NDArray[np.float64]]] = {}
    costs: dict[str, Cost] = {}
    for variant in chosen:
        runs = [
            [
                run_once(part.manifest, config, tested=part.tested, folder=out / "runs", progress=progress)
                for part in parts
            ]
            for config in _seeded(variant.config, plan.seeds)
        ]
        answers[variant.name] = _averaged([_pooled(of_seed, names) for of_seed in runs])
        costs[variant.name] = _mean_cost([run.cost for of_seed in runs for run in of_seed])
    tested = [study for part in parts for study in part.tested]
    shared = [study for study in tested if all(study.study_id in answered for answered in answers.values())]
    labels = label_matrix(shared, FindingSet(names))
    if not shared or np.isnan(labels).all():
        raise ManifestError(
            "there is no labelled study that all variants answer",
            remedy="Choose another --split, or look at the refusals of `mediscan score`.",
        )
    scores = {name: np.stack([answered[study.study_id] for study in shared]) for name, answered in answers.items()}
    patients = [study.patient_id for study in shared]
    return Comparison(
        plan=plan,
        findings=names,
        studies=len(shared),
        patients=len(set(patients)),
        left_out=len(tested) - len(shared),
        standings=standings(labels, scores, patients=patients, reference=chosen[0].name, draws=plan.draws),
        costs=costs,
        settings={variant.name: variant.settings for variant in chosen},
    )


def _parts(manifest: Manifest, out: Path, *, plan: Plan) -> list[_Part]:
    if not plan.folds:
        return [_Part(manifest=manifest, tested=tuple(manifest.studies(plan.split)))]
    development = [study for split in _DEVELOPMENT for study in manifest.studies(split)]
    held_out = folds(development, plan.folds, seed=0)
    parts = []
    for fold, measured in enumerate(held_out):
        # The next fold chooses the epoch and calibrates, so that the measured one takes part in nothing.
        chosen_by = held_out[(fold + 1) % plan.folds]
        studies = [
            replace(
                study,
                split=Split.TEST if measured[study.study_id] is Split.VAL else chosen_by[study.study_id],
            )
            for study in development
        ]
        path = out / "folds" / f"{fold + 1}-of-{plan.folds}.parquet"
        path.parent.mkdir(parents=True, exist_ok=True)
        of_fold = Manifest.of(
            studies, findings=manifest.findings, root=path.parent, sections=manifest.note_sections
        ).write(path)
        parts.append(_Part(manifest=of_fold, tested=tuple(of_fold.studies(Split.TEST))))
    return parts


def _seeded(config: RunConfig, seeds: int) -> list[RunConfig]:
    first = config.train.seed
    return [
        config.model_copy(update={"train": config.train.model_copy(update={"seed": first + number})})
        for number in range(seeds)
    ]


def _pooled(runs: Sequence[Run], names: Sequence[str]) -> dict[str, NDArray[np.float64]]:
    """Study → (F,) probabilities, out of the runs of all folds."""
    return {
        study: np.asarray([answer[name] for name in names], dtype=np.float64)
        for run in runs
        for study, answer in run.answers.items()
    }


def _averaged(of_seeds: Sequence[dict[str, NDArray[np.float64]]]) -> dict[str, NDArray[np.float64]]:
    answered = set.intersection(*(set(answers) for answers in of_seeds))
    return {study: np.mean([answers[study] for answers in of_seeds], axis=0) for study in answered}


def _mean_cost(costs: Sequence[Cost]) -> Cost:
    means = {field.name: float(np.mean([getattr(cost, field.name) for cost in costs])) for field in fields(Cost)}
    return Cost(
        **{
            **means,
            "parameters": round(means["parameters"]),
            "trained_parameters": round(means["trained_parameters"]),
        }  # type: ignore[arg-type]
    )
