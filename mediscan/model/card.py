"""The model card that every bundle carries: what it was trained on, what was measured, what it is not for."""

from collections.abc import Mapping
from typing import Any

from mediscan.config import Method, Modalities, NoteCutoff, RunConfig, VolumeReading

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
{_inputs(config)}

## What it was trained on
{facts}

## Measured on split `{metrics["split"]}`: {metrics["n_studies"]} studies of {metrics["n_patients"]} patients
Intervals are 95 %, from a bootstrap over patients. This split also chose {_chosen(config)} and the thresholds,
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


def _inputs(config: RunConfig) -> str:
    data, model = config.data, config.model
    lines = []
    if data.modalities is not Modalities.NOTE:
        lines.append(
            f"Images, fitted into {data.image_size} × {data.image_size} pixels, {data.max_images} at most; "
            f"image encoder `{model.image_encoder}`."
        )
        if data.volumes is VolumeReading.WHOLE:
            lines.append(
                f"Volumes, fitted into {data.volume_depth} slices of {data.volume_size} × {data.volume_size} voxels; "
                f"encoder `{model.volume_encoder}`."
            )
    if data.modalities is not Modalities.IMAGE:
        sections = ", ".join(data.note_sections)
        lines.append(f"Note sections: {sections}. Other sections never reach it; text encoder `{model.text_encoder}`.")
        lines.append(f"Time: {_CUTOFFS[data.note_cutoff]}")
        if data.redact_names or data.redact_tests:
            lines.append("Names and tests that tell the answer are taken out of notes: see its configuration.")
    if data.values:
        lines.append(f"Values: {', '.join(data.values)}.")
    lines.append(
        "Fusion: a weighted sum of what kernels say of image and note."
        if config.train.method is Method.KERNEL
        else f"Fusion: {model.fusion}."
    )
    if config.train.knowledge:
        lines.append("It also learned from texts about the findings, which are not of patients.")
    return "\n".join(f"- {line}" for line in lines)


def _chosen(config: RunConfig) -> str:
    return "the calibration" if config.train.method is Method.KERNEL else "the epoch, the calibration"


def _interval(values: Mapping[str, Any]) -> str:
    if values.get("auroc") is None:
        return "not measurable"
    interval = values.get("auroc_ci")
    bounds = f" ({interval[0]:.3f} to {interval[1]:.3f})" if interval and None not in interval else ""
    return f"{values['auroc']:.3f}{bounds}"


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}"
