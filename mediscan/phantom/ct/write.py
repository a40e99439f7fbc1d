"""Synthetic CT studies as files."""

from collections.abc import Iterable, Sequence
from functools import partial
from hashlib import sha256
from pathlib import Path

from mediscan.phantom.ct.cases import Region3D, VolumeCase
from mediscan.phantom.ct.files import VolumeForm, dicom_series, nifti_bytes
from mediscan.phantom.dataset import WrittenImage, write_dataset
from mediscan.progress import Progress, silent
from mediscan.study import ImageMeta

_NAMED_BY = 24
"""Characters of the hash that a file or folder is named by."""


def write_volumes(
    cases: Sequence[VolumeCase],
    out: Path,
    *,
    forms: Sequence[VolumeForm] = tuple(VolumeForm),
    workers: int = 2,
    progress: Progress = silent,
) -> Path:
    """Write the studies below a folder and return the manifest's path.

    `dicom/` holds a folder for each series, `nifti/` the other volumes; manifest and truth are as `write_studies`
    writes them, but that a region's box has planes, rows and columns, in voxels and in millimetres.

    Args:
        cases: The studies.
        out: The folder; it is made if it is not there.
        forms: File forms that the studies take in turn.
        workers: Processes that draw; 1 draws in this one, and few studies are drawn in this one anyway. With more, the
            calling script needs the usual `if __name__ == "__main__":`.
        progress: Told after each study that has a volume.
    """
    draw = partial(_write_volume, out=out, forms=tuple(forms))
    return write_dataset(cases, out, write_images=draw, workers=workers, progress=progress)


def _write_volume(job: tuple[int, VolumeCase], *, out: Path, forms: Sequence[VolumeForm]) -> tuple[WrittenImage, ...]:
    position, case = job
    drawn, scan = case.draw(), case.scan
    if forms[position % len(forms)] is VolumeForm.DICOM_SERIES:
        path, digest = _write_series(out, dicom_series(case, drawn.values))
    else:
        path, digest = _write_file(out, nifti_bytes(case, drawn.values))
    meta = ImageMeta(
        modality="CT",
        body_part="CHEST",
        spacing_mm=(scan.pixel_mm, scan.pixel_mm, scan.gap_mm),
        acquired_at=case.acquired_at,
        sha256=digest,
    )
    return (WrittenImage(path=path, meta=meta, regions=tuple(_region(region) for region in drawn.regions)),)


def _write_series(out: Path, files: Iterable[bytes]) -> tuple[str, str]:
    """Path of the new folder below `out`, and the hash as `file_sha256` gives it for a series."""
    contents = list(files)
    hashes = sorted(sha256(content).hexdigest() for content in contents)
    digest = sha256("".join(hashes).encode("ascii")).hexdigest()
    path = f"{VolumeForm.DICOM_SERIES}/{digest[:_NAMED_BY]}"
    (out / path).mkdir(parents=True, exist_ok=True)
    for number, content in enumerate(contents, start=1):
        (out / path / f"{number:04d}.dcm").write_bytes(content)
    return path, digest


def _write_file(out: Path, content: bytes) -> tuple[str, str]:
    digest = sha256(content).hexdigest()
    path = f"{VolumeForm.NIFTI}/{digest[:_NAMED_BY]}.nii.gz"
    (out / path).parent.mkdir(parents=True, exist_ok=True)
    (out / path).write_bytes(content)
    return path, digest


def _region(region: Region3D) -> dict[str, object]:
    return {
        "pattern": region.pattern,
        "side": region.side,
        "zone": region.zone,
        "box": list(region.box),
        "box_mm": [list(corner) for corner in region.box_mm],
    }
