"""A comparison as JSON, as CSV and as a table for people."""

import csv
import json
from dataclasses import asdict
from pathlib import Path

from mediscan.compare.run import Comparison
from mediscan.evaluate.wording import interval_text, number_text, p_text, signed_text

_LEGEND = (
    "Macro AUROC over {findings} finding(s) with 95 % patient-level bootstrap intervals; differences from '{reference}'"
    " on the same draws, p two-sided with Holm's correction."
)


def write_comparison(comparison: Comparison, out: Path) -> None:
    """Write compare.json, compare.csv and compare.md."""
    out.mkdir(parents=True, exist_ok=True)
    (out / "compare.json").write_text(json.dumps(as_json(comparison), indent=1, allow_nan=False), encoding="utf-8")
    (out / "compare.md").write_text("\n".join(lines(comparison)) + "\n", encoding="utf-8")
    rows = _rows(comparison)
    with (out / "compare.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, fieldnames=list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def as_json(comparison: Comparison) -> dict[str, object]:
    """The comparison for programs."""
    plan = comparison.plan
    return {
        "measured_on": f"{plan.folds} folds of train and val" if plan.folds else str(plan.split),
        "seeds": plan.seeds,
        "bootstrap_draws": plan.draws,
        "findings": list(comparison.findings),
        "n_studies": comparison.studies,
        "n_patients": comparison.patients,
        "n_left_out": comparison.left_out,
        "variants": [
            {
                "name": name,
                "settings": dict(comparison.settings[name]),
                "macro": {"auroc": standing.auroc, "auroc_ci": standing.interval},
                "difference": None
                if standing.difference is None
                else {
                    "auroc": standing.difference,
                    "ci": standing.difference_interval,
                    "p": standing.p,
                    "p_holm": standing.adjusted_p,
                },
                "cost": asdict(comparison.costs[name]),
            }
            for name, standing in comparison.standings.items()
        ],
    }


def lines(comparison: Comparison) -> list[str]:
    """The comparison as a table in Markdown."""
    plan = comparison.plan
    reference = next(iter(comparison.standings))
    where = f"{plan.folds} folds by patient over train and val" if plan.folds else f"split {plan.split}"
    rows = _rows(comparison)
    return [
        f"{comparison.studies} studies of {comparison.patients} patients, {where}, {plan.seeds} seed(s)"
        + (f"; {comparison.left_out} studies that not all answer are left out" if comparison.left_out else ""),
        "",
        f"| {' | '.join(rows[0])} |",
        f"|{'---|' * len(rows[0])}",
        *(f"| {' | '.join(row.values())} |" for row in rows),
        "",
        _LEGEND.format(findings=len(comparison.findings), reference=reference),
    ]


def _rows(comparison: Comparison) -> list[dict[str, str]]:
    rows = []
    for name, standing in comparison.standings.items():
        cost = comparison.costs[name]
        is_reference = standing.difference is None
        rows.append(
            {
                "variant": name,
                "AUROC": f"{number_text(standing.auroc)} ({interval_text(standing.interval)})",
                "difference": "reference"
                if is_reference
                else f"{signed_text(standing.difference)} ({interval_text(standing.difference_interval)})",
                "p": "" if is_reference else p_text(standing.adjusted_p),
                "weights": f"{cost.parameters / 1e6:.1f} M, {cost.trained_parameters / 1e6:.1f} M trained",
                "training": f"{cost.train_seconds:.0f} s",
                "prediction": f"{cost.predict_ms:.1f} ms",
                "bundle": f"{cost.bundle_mib:.0f} MiB",
            }
        )
    return rows
