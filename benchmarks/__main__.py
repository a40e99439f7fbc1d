"""Run benchmarks by name (all by default), print what they found, and write it into `docs/benchmarks.md`."""

import argparse
import json
import sys
from collections.abc import Callable
from pathlib import Path

from benchmarks import (
    alignment,
    deidentify_dicom,
    deidentify_notes,
    fusion,
    fuzz,
    laterality,
    missing_modality,
    phantom,
    real_data,
    sections,
    startup,
    syntaxes,
    throughput,
    volumes,
)
from benchmarks.machine import describe_machine
from benchmarks.table import write_page

RESULTS = Path(__file__).parent / "results"
PAGE = Path(__file__).parents[1] / "docs" / "benchmarks.md"
BENCHMARKS: dict[str, Callable[[], dict[str, object]]] = {
    "deidentify_notes": deidentify_notes.run,
    "deidentify_dicom": deidentify_dicom.run,
    "startup": startup.run,
    "syntaxes": syntaxes.run,
    "throughput": throughput.run,
    "phantom": phantom.run,
    "laterality": laterality.run,
    "missing_modality": missing_modality.run,
    "volumes": volumes.run,
    "fusion": fusion.run,
    "alignment": alignment.run,
    "covid19": real_data.run_covid19,
    "etiology": real_data.run_etiology,
    "sections": sections.run,
    "fuzz": fuzz.run,
}


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", choices=[*BENCHMARKS, []], help="which (default: all)")
    names = parser.parse_args().names or list(BENCHMARKS)
    RESULTS.mkdir(exist_ok=True)
    for name in names:
        result = BENCHMARKS[name]()
        if not result:
            print(f"{name}: skipped, its data are not on this machine")
            continue
        result["machine"] = describe_machine()
        text = json.dumps(result, indent=1)
        (RESULTS / f"{name}.json").write_text(text + "\n", encoding="utf-8")
        print(f"{name}: {text}")
    write_page(RESULTS, PAGE)
    return 0


if __name__ == "__main__":
    sys.exit(main())
