"""`python -m mediscan.phantom --out DIR`: write a synthetic data set."""

import argparse
import sys
from dataclasses import replace
from enum import StrEnum
from pathlib import Path

from mediscan.errors import ConfigError, MediscanError
from mediscan.phantom.cases import make_cases
from mediscan.phantom.ct import make_volume_cases, write_volumes
from mediscan.phantom.laterality import LATERALITY_OPTIONS, SideLabels, make_laterality_cases
from mediscan.phantom.options import PhantomOptions, Target, VolumeOptions
from mediscan.phantom.sample import write_sample
from mediscan.phantom.write import write_studies
from mediscan.progress import Progress, progress_bars


class Task(StrEnum):
    """What the studies are for."""

    DIAGNOSIS = "diagnosis"
    """Radiographs whose findings need image and note."""
    LATERALITY = "laterality"
    """Radiographs and notes that agree on a side or do not."""
    VOLUMES = "volumes"
    """CT volumes whose findings need volume and note."""
    ALIGNMENT = "alignment"
    """Radiographs with reports; the labels are what is drawn."""


def _write(task: Task, args: argparse.Namespace, progress: Progress) -> Path:
    drawing = {} if args.size is None else {"size": args.size}
    if task is Task.VOLUMES:
        volumes = make_volume_cases(args.studies, seed=args.seed, options=VolumeOptions(**drawing))
        return write_volumes(volumes, args.out, workers=args.workers, progress=progress)
    options = replace(LATERALITY_OPTIONS if task is Task.LATERALITY else PhantomOptions(), **drawing)
    if task is Task.LATERALITY:
        cases = make_laterality_cases(args.studies, seed=args.seed, options=options, sides=args.sides)
        return write_studies(cases, args.out, workers=args.workers, progress=progress)
    if task is Task.ALIGNMENT:
        options = replace(options, with_reports=True, target=Target.PATTERNS)
    studies = make_cases(args.studies, seed=args.seed, options=options)
    if args.sample:
        return write_sample(studies, args.out)
    return write_studies(studies, args.out, workers=args.workers, progress=progress)


def main() -> int:
    """Run the command and return its exit code."""
    parser = argparse.ArgumentParser(prog="python -m mediscan.phantom", description="Write synthetic studies.")
    parser.add_argument("--out", type=Path, required=True, help="folder to write to")
    parser.add_argument(
        "--task", type=Task, choices=tuple(Task), default=Task.DIAGNOSIS, help="what for (default: diagnosis)"
    )
    parser.add_argument(
        "--sides",
        type=SideLabels,
        choices=tuple(SideLabels),
        default=SideLabels.WITHHELD,
        help="whether laterality also labels each side (default: withheld)",
    )
    parser.add_argument("--studies", type=int, default=2400, help="how many studies (default: 2400)")
    parser.add_argument("--seed", type=int, default=7, help="the same seed gives the same studies (default: 7)")
    parser.add_argument("--size", type=int, help="rows and columns of an image (default: 256; of volumes 128)")
    parser.add_argument("--workers", type=int, default=2, help="processes that draw (default: 2)")
    parser.add_argument(
        "--sample", action="store_true", help="write a sample: compressed in part, with a table and other file formats"
    )
    args = parser.parse_args()
    try:
        if args.sample and args.task is not Task.DIAGNOSIS:
            raise ConfigError(f"there is no sample of task {args.task.value!r}", remedy="Leave out --sample or --task.")
        with progress_bars() as progress:
            manifest = _write(args.task, args, progress)
    except MediscanError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stdout.write(f"{manifest}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
