"""`python -m mediscan.phantom --out DIR`: write a synthetic data set."""

import argparse
import sys
from pathlib import Path

from mediscan.errors import MediscanError
from mediscan.phantom.cases import make_cases
from mediscan.phantom.options import PhantomOptions
from mediscan.phantom.sample import write_sample
from mediscan.phantom.write import write_studies
from mediscan.progress import progress_bars


def main() -> int:
    """Run the command and return its exit code."""
    parser = argparse.ArgumentParser(prog="python -m mediscan.phantom", description="Write synthetic studies.")
    parser.add_argument("--out", type=Path, required=True, help="folder to write to")
    parser.add_argument("--studies", type=int, default=2400, help="how many studies (default: 2400)")
    parser.add_argument("--seed", type=int, default=7, help="the same seed gives the same studies (default: 7)")
    parser.add_argument("--size", type=int, default=256, help="rows and columns of a radiograph (default: 256)")
    parser.add_argument("--workers", type=int, default=2, help="processes that draw (default: 2)")
    parser.add_argument(
        "--sample", action="store_true", help="write a sample: compressed in part, with a table and other file formats"
    )
    args = parser.parse_args()
    try:
        cases = make_cases(args.studies, seed=args.seed, options=PhantomOptions(size=args.size))
        if args.sample:
            manifest = write_sample(cases, args.out)
        else:
            with progress_bars() as progress:
                manifest = write_studies(cases, args.out, workers=args.workers, progress=progress)
    except MediscanError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stdout.write(f"{manifest}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
