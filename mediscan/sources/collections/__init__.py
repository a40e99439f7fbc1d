"""Public collections in the layouts in which they are downloaded; `docs/collections.md` says what becomes of each.

- `openi`, `mimic_cxr`, `chexpert`, `chexpert_plus`, `padchest`, `nih_chestxray14`, `covid_chestxray`, `medpix`: one
  collection each (MIMIC-CXR and MIMIC-CXR-JPG share a module)
- `bids`, `nifti`: folders of volumes
- `image_rows`: from a table with one row an image to studies
- `files`, `facts`, `labels`: a collection's files, columns and labels
"""

from collections.abc import Mapping
from pathlib import Path

from mediscan.errors import Code, ConfigError, ManifestError
from mediscan.sources.collections.bids import BIDS
from mediscan.sources.collections.chexpert import CHEXPERT
from mediscan.sources.collections.chexpert_plus import CHEXPERT_PLUS
from mediscan.sources.collections.collection import Collection
from mediscan.sources.collections.covid_chestxray import COVID_CHESTXRAY
from mediscan.sources.collections.medpix import MEDPIX
from mediscan.sources.collections.mimic_cxr import MIMIC_CXR, MIMIC_CXR_JPG
from mediscan.sources.collections.nifti import NIFTI
from mediscan.sources.collections.nih_chestxray14 import NIH_CHESTXRAY14
from mediscan.sources.collections.openi import OPENI
from mediscan.sources.collections.padchest import PADCHEST
from mediscan.sources.studies import SourceStudies

__all__ = ["COLLECTIONS", "Collection", "detect", "read_collection"]

COLLECTIONS: Mapping[str, Collection] = {
    collection.name: collection
    for collection in (
        *(OPENI, MIMIC_CXR, MIMIC_CXR_JPG, CHEXPERT, CHEXPERT_PLUS, PADCHEST, NIH_CHESTXRAY14),
        *(COVID_CHESTXRAY, MEDPIX, BIDS, NIFTI),
    )
}
"""Collections by name; `detect` tries them in this order, the most general last."""


def read_collection(name: str, root: Path) -> SourceStudies:
    """The studies of a public collection in its original layout.

    Args:
        name: One of `COLLECTIONS`.
        root: The folder that the collection was downloaded to.

    Raises:
        ConfigError: There is no collection of this name.
        ManifestError: There is no such folder, or a file of the collection is missing or is not what it should be.
            What is wrong with a single record is its refusal.
    """
    if name not in COLLECTIONS:
        raise ConfigError(f"there is no collection {name!r}", remedy=f"Choose one of: {', '.join(COLLECTIONS)}.")
    if not root.is_dir():
        raise ManifestError(f"folder {root} does not exist", remedy="Check the path.", code=Code.FILE_NOT_FOUND)
    return COLLECTIONS[name].read(root)


def detect(root: Path) -> str | None:
    """The name of the collection that a folder looks like; None where it looks like none."""
    return next((name for name, collection in COLLECTIONS.items() if collection.recognises(root)), None)
