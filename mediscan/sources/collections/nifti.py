"""A folder of NIfTI volumes that follows no standard.

Files right in the folder are studies and patients of their own, as are those in `imagesTr/` and `imagesTs/` of the
Medical Segmentation Decathlon (http://medicaldecathlon.com) and nnU-Net. Elsewhere the first folder below ROOT names
the patient, and the files of one folder are one study, as in BraTS.
"""

import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from mediscan.errors import ManifestError
from mediscan.sources.collections.collection import Collection
from mediscan.sources.folder import NIFTI_SUFFIXES, stem
from mediscan.sources.studies import SourceStudies
from mediscan.study import ImageRef, Study

_SEGMENTATION_ENDS = ("_seg", "-seg", "_mask", "_label", "_dseg", "_segmentation")
_SEGMENTATION_FOLDERS = frozenset({"labelstr", "labelsts", "labels", "masks"})
_FLAT_FOLDERS = frozenset({"imagestr", "imagests", "imagesval", "images"})


def read(root: Path) -> SourceStudies:
    """The studies of a folder of volumes; there are no notes, labels or splits. Segmentations are left out.

    Raises:
        ManifestError: There is no volume.
    """
    volumes = list(nifti_files(root))
    images = [path for path in volumes if not is_segmentation(path)]
    if not images:
        raise ManifestError(f"folder {root} holds no NIfTI volume", remedy="Name a folder with .nii or .nii.gz files.")
    left_out = len(volumes) - len(images)
    return SourceStudies(
        studies=_studies(images, root=root),
        named=frozenset(map(str, images)),
        notices=(f"Segmentations that were left out: {left_out}.",) if left_out else (),
    )


def nifti_files(root: Path) -> Iterator[Path]:
    """The absolute paths of all volumes below a folder, in their order; hidden files and folders are passed over."""
    for folder, folders, names in os.walk(root.absolute()):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(names):
            if name.lower().endswith(NIFTI_SUFFIXES) and not name.startswith("."):
                yield Path(folder) / name


def is_segmentation(path: Path) -> bool:
    """Whether a volume is, by its name or folder, a segmentation and no image."""
    return stem(path).lower().endswith(_SEGMENTATION_ENDS) or path.parent.name.lower() in _SEGMENTATION_FOLDERS


def _studies(images: Sequence[Path], *, root: Path) -> tuple[Study, ...]:
    groups: dict[str, list[Path]] = {}
    patients: dict[str, str] = {}
    for path in images:
        parts = path.relative_to(root.absolute()).parts
        alone = len(parts) == 1 or path.parent.name.lower() in _FLAT_FOLDERS
        study_id = "/".join((*parts[:-1], stem(path)) if alone else parts[:-1])
        groups.setdefault(study_id, []).append(path)
        patients[study_id] = stem(path) if alone else parts[0]
    return tuple(_study(study_id, paths, patients=patients) for study_id, paths in groups.items())


def _study(study_id: str, paths: Sequence[Path], *, patients: Mapping[str, str]) -> Study:
    images = tuple(ImageRef(path=str(path)) for path in paths)
    return Study(study_id=study_id, patient_id=patients[study_id], images=images)


def _recognises(root: Path) -> bool:
    return next(nifti_files(root), None) is not None


NIFTI = Collection(name="nifti", title="A folder of NIfTI volumes", recognises=_recognises, read=read)
