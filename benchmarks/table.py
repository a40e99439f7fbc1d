"""Write stored results as one page."""

import json
from pathlib import Path
from typing import Any

from benchmarks.facts import facts

_TITLES = {
    "startup": "Start-up",
    "phantom": "The demo: 2,400 synthetic studies, measured on the test split",
    "laterality": "Laterality: does the side of the pain agree with the side of the lesion?",
    "missing_modality": "Notes or images missing: the fused model beside models of one modality",
    "volumes": "CT volumes and notes of the phantom, measured on the test split",
    "fusion": "Fusion: cost of a training step, 64 image tokens, 96 text tokens, 16 studies",
    "alignment": "Alignment without labels: the phantom's images and reports, measured on the test split",
    "covid19": "covid-cxr, finding `covid19`, split val (its notes often name the disease, which flatters the note)",
    "etiology": "MedPix, class group `etiology`, split val",
    "peers_medpix": "MedPix, `etiology`, 5-fold cross-validation by case: the preset `few-cases` beside peers",
    "peers_covid19": "covid-cxr, `covid19`, disease names redacted, 5-fold by patient: `few-cases` beside peers",
    "syntaxes": "DICOM: transfer syntax and outcome of every object with pixels among pydicom's test files and ours",
    "fuzz": "DICOM: broken files",
    "throughput": "From DICOM to a normalised tensor on covid-cxr, one process, one thread",
    "sections": "Notes: sections of composed reports, and the Open-i reports composed and split again",
    "deidentify_dicom": "De-identification: identifying attributes planted and left",
    "deidentify_notes": "De-identification of notes: identifiers planted in composed notes",
}


def write_page(results: Path, page: Path) -> None:
    """Generate a Markdown page from the JSON results; what was not run is not on it."""
    parts = [
        "# Benchmarks",
        (
            "Written by `python -m benchmarks` from `benchmarks/results/`; nothing here is typed by hand. "
            "Intervals of AUROCs are 95 %, from a bootstrap over patients. Timings compare only within one run."
        ),
    ]
    for name, title in _TITLES.items():
        file = results / f"{name}.json"
        if file.is_file():
            parts += [f"## {title}", *_section(json.loads(file.read_text(encoding="utf-8")))]
    page.write_text("\n\n".join(parts) + "\n", encoding="utf-8")


def _section(result: dict[str, Any]) -> list[str]:
    machine = result["machine"]
    parts = [f"`{result['command']}` on {machine['cores']} cores ({machine['processor']}), torch {machine['torch']}"]
    if "median_seconds" in result:
        return [
            *parts,
            f"median {result['median_seconds']} s, slowest {result['slowest_seconds']} s of {result['repeats']} runs",
        ]
    if "by_modality" not in result:
        return [*parts, *facts(result)]
    steps = result.get("steps", {})
    times = f" ({', '.join(f'{step} {value:.0f} s' for step, value in steps.items())})" if steps else ""
    parts.append(
        f"{result['seconds']:.0f} s in all{times}; {result['n_studies']} studies of "
        f"{result['n_patients']} patients measured"
    )
    rows = ["| from | macro AUROC | 95 % interval | studies |", "|---|---|---|---|"]
    for name, values in result["by_modality"].items():
        rows.append(f"| {name} | {_row(values)} | {values.get('n_studies', '')} |")
    rows.append(f"| all studies, with what each has | {_row(result['macro'])} | {result['n_studies']} |")
    gain = result["fusion_gain"]
    parts.append("\n".join(rows))
    if gain["auroc"] is not None:
        parts.append(
            f"Fusion gain over {gain['over']} alone: {gain['auroc']:+.3f} "
            f"({gain['ci'][0]:+.3f} to {gain['ci'][1]:+.3f}), p = {gain['p']:.3g}, paired."
        )
    return parts


def _row(values: dict[str, Any]) -> str:
    if values["auroc"] is None:
        return "not measurable |"
    low, high = values["auroc_ci"] or (float("nan"), float("nan"))
    return f"{values['auroc']:.3f} | {low:.3f} to {high:.3f}"
