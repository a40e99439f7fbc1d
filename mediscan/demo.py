"""The main job from end to end on synthetic studies: make, train, evaluate, score, explain."""

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mediscan.config import RunConfig
from mediscan.errors import ConfigError
from mediscan.evaluate.run import evaluate
from mediscan.explain.write import write_evidence
from mediscan.manifest import Manifest
from mediscan.phantom.caps import modality_caps
from mediscan.phantom.cases import make_cases
from mediscan.phantom.options import PhantomOptions
from mediscan.phantom.write import write_studies
from mediscan.predict import Diagnoser
from mediscan.progress import Progress, silent
from mediscan.score.run import ScoreResult, score
from mediscan.study import Availability, Split
from mediscan.train.loop import train

_MARKER = "made-by-mediscan-demo"
_SHARES = (2 / 3, 1 / 6, 1 / 6)
"""Of the studies, in train, val and test: 1600, 400 and 400 of 2400."""


_MADE = ("phantom", "bundle", "bundle.checkpoint", "evaluation", "scores", "explained")
_EPOCHS = 8
"""Enough for these studies; the default suits harder ones."""


@dataclass(frozen=True, kw_only=True)
class DemoResult:
    """Where everything lies, and what was measured.

    Attributes:
        caps: The best macro AUROC that image and note alone can reach, by the construction of the studies.
    """

    out: Path
    scores: Path
    metrics: Mapping[str, Any]
    caps: Mapping[str, float]
    scored: ScoreResult
    explained: Path

    @property
    def as_dict(self) -> dict[str, Any]:
        """For programs."""
        return {
            "bundle": str(self.out / "bundle"),
            "evaluation": str(self.out / "evaluation"),
            "scores": str(self.scores),
            "explained": str(self.explained),
            "scored": self.scored.scored,
            "refused": self.scored.refused,
            "macro": self.metrics["macro"],
            "by_modality": self.metrics["by_modality"],
            "fusion_gain": self.metrics["fusion_gain"],
            "caps": dict(self.caps),
        }

    @property
    def as_text(self) -> list[str]:
        """For people."""
        measured = self.metrics["by_modality"]
        gain = self.metrics["fusion_gain"]
        return [
            f"test split: {self.metrics['n_studies']} studies of {self.metrics['n_patients']} patients; macro AUROC",
            *(
                f"  {name:<6}{measured[name]['auroc']:.3f} (95 % interval {_interval(measured[name]['auroc_ci'])})"
                + (f", at best {self.caps[name]:.3f} by construction" if name in self.caps else "")
                for name in ("image", "note", "fused")
            ),
            f"fusion gain over {gain['over']}: {gain['auroc']:+.3f} (95 % interval {_interval(gain['ci'])})",
            f"scored {self.scored.scored} records, refused {self.scored.refused}",
            f"report:    {self.out / 'evaluation' / 'report.html'}",
            f"scores:    {self.scores}",
            f"explained: {self.explained}",
        ]


def _interval(bounds: list[float]) -> str:
    return f"{bounds[0]:.3f} to {bounds[1]:.3f}"


def run_demo(out: Path, *, studies: int, seed: int = 0, progress: Progress = silent) -> DemoResult:
    """Make synthetic studies and take them all the way.

    Args:
        out: The folder; what an earlier demo left there is replaced.
        studies: How many studies to make; two thirds train, a sixth each val and test.
        seed: The same seed makes the same studies and the same training.
        progress: Told of every stage.

    Raises:
        ConfigError: The folder holds something that no demo made.
    """
    _clear(out)
    counts = [round(studies * share) for share in _SHARES[1:]]
    options = PhantomOptions(split_counts=(studies - sum(counts), counts[0], counts[1]))
    write_studies(make_cases(studies, seed=seed, options=options), out / "phantom", progress=progress)
    manifest = Manifest.read(out / "phantom" / "manifest.parquet")

    config = RunConfig.load(overrides=[f"train.epochs={_EPOCHS}", f"train.seed={seed}"])
    train(manifest, config, out / "bundle", progress=progress)
    diagnoser = Diagnoser.load(out / "bundle")
    evaluated = evaluate(diagnoser, manifest, out / "evaluation", split=Split.TEST, workers=2, progress=progress)

    test = Manifest.of(manifest.studies(Split.TEST), findings=manifest.findings, root=out / "phantom")
    test = test.write(out / "phantom" / "test.parquet")
    scored = score(
        diagnoser, test, out / "scores", bundle=out / "bundle", workers=2, command="mediscan demo", progress=progress
    )

    case = next(
        study for study in test.studies() if study.availability is Availability.BOTH and any(study.labels.values())
    )
    diagnosis = diagnoser.predict(case)
    evidence = diagnoser.explain(case, diagnosis.most_notable.finding)
    caps = modality_caps(options)
    return DemoResult(
        out=out,
        scores=out / "scores",
        metrics=evaluated.metrics,
        caps={"image": caps.macro_image, "note": caps.macro_note},
        scored=scored,
        explained=write_evidence(evidence, case, diagnosis, out / "explained"),
    )


def _clear(out: Path) -> None:
    """Make room, but never delete what no demo made: reviews stay."""
    if out.exists() and not out.is_dir():
        raise ConfigError(f"{out} is not a folder", remedy="Choose another --out.")
    if out.exists() and any(out.iterdir()):
        if not (out / _MARKER).is_file():
            raise ConfigError(f"{out} is not empty, and no demo made it", remedy="Choose another --out.")
        for name in _MADE:
            shutil.rmtree(out / name, ignore_errors=True)
    out.mkdir(parents=True, exist_ok=True)
    (out / _MARKER).touch()
