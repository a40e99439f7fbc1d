"""Images per second, one process with one thread: from a DICOM file to a normalised tensor of 128 × 128.

Four ways take turns over the same files, so that whatever else the machine does meets all of them: MONAI's transforms
with its pydicom reader; a study read as mediscan reads it, hash and every check included; the same out of a cache that
has its planes, as `mediscan train` does; and that with the source file's hash checked first.
"""

import statistics
import tempfile
import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import torch
from monai.data import PydicomReader
from monai.transforms import Compose, EnsureChannelFirstd, LoadImaged, NormalizeIntensityd, Resized

from benchmarks.real_data import DATA
from mediscan.config import DataConfig
from mediscan.data.batch import stack_images
from mediscan.data.cache import PlaneCache, Verify
from mediscan.data.examples import Example, ExampleReader
from mediscan.sources.reading import file_sha256
from mediscan.study import ImageMeta, ImageRef, Study

_SIZE = 128
_REPEATS = 5
_CACHE_BYTES = 1 << 30


def run() -> dict[str, object]:
    files = sorted((DATA / "covid-cxr" / "dicom").rglob("*.dcm"))
    if not files:
        return {}
    torch.set_num_threads(1)
    hashes = [file_sha256(file) for file in files]
    studies = [
        Study(
            study_id=str(number),
            patient_id=str(number),
            images=(ImageRef(path=str(file), meta=ImageMeta(sha256=sha256)),),
        )
        for number, (file, sha256) in enumerate(zip(files, hashes, strict=True))
    ]
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # MONAI's about missing positions, once a file
        cache = PlaneCache(folder=Path(folder), max_bytes=_CACHE_BYTES, verify=Verify.NEVER)
        verified = replace(cache, verify=Verify.ALWAYS)
        ways: dict[str, Callable[[], None]] = {
            "monai": _monai(files),
            "mediscan": lambda: _read(studies, cache=None),
            "cached": lambda: _read(studies, cache=cache),
            "cached, file checked": lambda: _read(studies, cache=verified),
        }
        seconds: dict[str, list[float]] = {name: [] for name in ways}
        for way in ways.values():  # not counted: fills the disk's cache, and ours
            way()
        for _ in range(_REPEATS):
            for name, way in ways.items():
                started = time.perf_counter()
                way()
                seconds[name].append(time.perf_counter() - started)
    medians = {name: statistics.median(times) for name, times in seconds.items()}
    return {
        "command": "python -m benchmarks throughput",
        "images": len(files),
        "repeats": _REPEATS,
        "median_ms_per_image": {name: round(1e3 * value / len(files), 3) for name, value in medians.items()},
        "images_per_second": {name: round(len(files) / value, 1) for name, value in medians.items()},
        "times_monai": {name: round(medians["monai"] / value, 1) for name, value in medians.items()},
    }


def _monai(files: Sequence[Path]) -> Callable[[], None]:
    transform = Compose(
        [
            LoadImaged("image", reader=PydicomReader()),
            EnsureChannelFirstd("image"),
            Resized("image", spatial_size=(_SIZE, _SIZE)),
            NormalizeIntensityd("image"),
        ]
    )

    def read() -> None:
        for file in files:
            tensor = transform({"image": str(file)})["image"]
            _require(tensor.ndim == 3 and tensor.shape[-2:] == (_SIZE, _SIZE))

    return read


def _read(studies: Sequence[Study], *, cache: PlaneCache | None) -> None:
    with ExampleReader(DataConfig(image_size=_SIZE), cache=cache) as reader:
        for entry in reader.read(studies):
            _require(isinstance(entry, Example))
            tensor, _ = stack_images([entry.stack], size=_SIZE)
            _require(tensor.shape == (1, 1, 1, _SIZE, _SIZE))


def _require(holds: bool) -> None:  # noqa: FBT001 - a check, as an assertion is one
    if not holds:
        raise RuntimeError("a way to read did not give a tensor of the wanted shape")
