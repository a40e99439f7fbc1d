"""Write `docs/experiments.md` from `benchmarks/results/experiments.json`: everything that was tried, failures too."""

import json
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parent / "results" / "experiments.json"
PAGE = Path(__file__).parents[1] / "docs" / "experiments.md"


def write_page(results: Path = RESULTS, page: Path = PAGE) -> None:
    tables = json.loads(results.read_text(encoding="utf-8"))
    parts = [
        "# Experiments",
        (
            "Written by `python -m benchmarks.lab_page` from `benchmarks/results/experiments.json`; nothing here is "
            "typed by hand. Every row is a five-fold cross-validation by patient, repeated with other folds for each "
            "seed. *Mean* is over the seeds. *AUROC* is of the seeds' averaged predictions, with a 95 % interval from "
            "a bootstrap over patients; *lead* is the paired difference to the named model. Rows that say *nested* "
            "chose every setting inside the training part of a fold; in the others one setting was fixed for all "
            "folds, and where several were tried beside each other all of them stand here."
        ),
    ]
    for table in tables:
        parts += [f"## {table['title']}", *table["notes"], _table(table)]
    page.write_text("\n\n".join(parts) + "\n", encoding="utf-8")


def _table(table: dict[str, Any]) -> str:
    rows = [
        f"| what | seeds | mean | AUROC | 95 % interval | lead over {table['against']} | 95 % interval |",
        "|---|---|---|---|---|---|---|",
    ]
    for row in table["rows"]:
        lead = f"{row['lead']:+.3f} | {_interval(row['lead_ci'], '+.3f')}" if row.get("lead_ci") else "|"
        auroc = f"{row['auroc']:.3f} | {_interval(row['ci'], '.3f')}" if row.get("ci") else "|"
        rows.append(f"| {row['name']} | {row['seeds']} | {row['mean']:.3f} | {auroc} | {lead} |")
    return "\n".join(rows)


def _interval(ends: list[float], form: str) -> str:
    return f"{ends[0]:{form}} to {ends[1]:{form}}"


if __name__ == "__main__":
    write_page()
