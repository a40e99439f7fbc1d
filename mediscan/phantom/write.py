"""Synthetic radiographs as files."""

from collections.abc import Sequence
from functools import partial
from hashlib import sha256
from pathlib import Path

from mediscan.phantom.cases import PhantomCase
from mediscan.phantom.dataset import MANIFEST_NAME, TRUTH_NAME, WrittenImage, write_dataset
from mediscan.phantom.dicom import spacing_mm
from mediscan.phantom.forms import FileForm, encode
from mediscan.phantom.image import Region
from mediscan.progress import Progress, silent
from mediscan.study import ImageMeta

__all__ = ["MANIFEST_NAME", "TRUTH_NAME", "write_studies"]


def write_studies(
    cases: Sequence[PhantomCase],
    out: Path,
    *,
    forms: Sequence[FileForm] = (FileForm.DICOM,),
    workers: int = 2,
    progress: Progress = silent,
) -> Path:
    """Write the studies below a folder and return the manifest's path.

    `dicom/` holds the images, named by a hash; `manifest.parquet` names them with notes, age, sex, labels and split;
    `truth.parquet` says what was drawn and stated, and is not named in the manifest.

    Args:
        cases: The studies.
        out: The folder; it is made if it is not there.
        forms: File forms that the studies take in turn.
        workers: Processes that draw; 1 draws in this one, and few studies are drawn in this one anyway. With more, the
            calling script needs the usual `if __name__ == "__main__":`.
        progress: Told after each study that has images.

    Raises:
        ConfigError: A form needs a codec that is not installed.
    """
    for form in forms:
        form.require_codec()
    draw = partial(_write_images, out=out, forms=tuple(forms))
    return write_dataset(cases, out, write_images=draw, workers=workers, progress=progress)


def _write_images(job: tuple[int, PhantomCase], *, out: Path, forms: Sequence[FileForm]) -> tuple[WrittenImage, ...]:
    position, case = job
    form = forms[position % len(forms)]
    images: list[WrittenImage] = []
    for shot in case.shots:
        drawn = case.draw(shot)
        content = encode(case, shot, drawn.pixels, form=form)
        digest = sha256(content).hexdigest()
        path = f"{form.folder}/{digest[:24]}{form.suffix}"
        (out / path).parent.mkdir(exist_ok=True)
        (out / path).write_bytes(content)
        meta = ImageMeta(
            modality="CR",
            body_part="CHEST",
            view=shot.position.value,
            spacing_mm=(spacing_mm(shot, case.size),) * 2,
            acquired_at=case.acquired_at,
            sha256=digest,
        )
        images.append(WrittenImage(path=path, meta=meta, regions=tuple(_region(region) for region in drawn.regions)))
    return tuple(images)


def _region(region: Region) -> dict[str, object]:
    return {
        "pattern": region.pattern,
        "side": region.side,
        "zone": region.zone,
        "row": round(region.row, 2),
        "col": round(region.col, 2),
        "radius": round(region.radius, 2),
        "box": list(region.box),
    }
