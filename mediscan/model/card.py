"""The model card that every bundle carries: what it was trained on, what was measured, what it is not for."""

from collections.abc import Mapping
from typing import Any

from mediscan.config import NoteCutoff, RunConfig

_CUTOFFS = {
    NoteCutoff.ACQUISITION: "sections known to be written after the first image was acquired are left out.",
    NoteCutoff.NONE: "sections are read whenever they were written, and so may hold the answer.",
}


def model_card(*, bundle_id: str, config: RunConfig, metrics: Mapping[str, Any], provenance: Mapping[str, Any]) -> str:
    """Markdown, generated from the same numbers that the bundle stores."""
    rows = "\n".join(
        f"| {name} | {values['n_positive']} | {values['n_negative']} | {_interval(values)} "
        f"| {_number(values['ece'])} | {_number(values['threshold'])} |"
        for name, values in metrics["findings"].items()
    )
    modalities = "\n".join(
        f"| {name} | {_interval(values)} |" for name, values in metrics["by_modality"].items() if values
    )
    facts = "\n".join(f"- {name.replace('_', ' ')}: {value}" for name, value in provenance.items())
    return f"""# mediscan bundle {bundle_id}

**Not a medical device.** For research. A clinician decides; this model only suggests.

## What it reads
- Images, fitted into {config.data.image_size} × {config.data.image_size} pixels, {config.data.max_images} at most.
- Note sections: {", ".join(config.data.note_sections)}. Other sections never reach it.
- Time: {_CUTOFFS[config.data.note_cutoff]}
- Image encoder `{config.model.image_encoder}`, text encoder `{config.model.text_encoder}`, fused by cross-attention.

## What it was trained on
{facts}

## Measured on split `{metrics["split"]}`: {metrics["n_studies"]} studies of {metrics["n_patients"]} patients
Intervals are 95 %, from a bootstrap over patients. This split also chose the epoch, the calibration and the thresholds,
so these numbers flatter the model; `mediscan evaluate` on a test split gives honest ones.

| finding | positive | negative | AUROC | ECE | threshold |
|---|---|---|---|---|---|
{rows}

| from | macro AUROC |
|---|---|
{modalities}

## Its limits
- Probabilities are calibrated on the validation studies; where patients, scanners or prevalence differ they are not.
- The interval beside a probability is what the size of the validation set allows; it does not cover what the model
  never saw. Such studies are marked out of distribution.
"""


def _interval(values: Mapping[str, Any]) -> str:
    if values.get("auroc") is None:
        return "not measurable"
    interval = values.get("auroc_ci")
    bounds = f" ({interval[0]:.3f} to {interval[1]:.3f})" if interval and None not in interval else ""
    return f"{values['auroc']:.3f}{bounds}"


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}"
