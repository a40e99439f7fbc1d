"""Chest CT volumes whose findings need volume and note together.

| module | holds |
|---|---|
| `scan` | how the patient lies in the scanner, and where each voxel is in the patient |
| `chest` | the chest without lesions |
| `lesions` | what is drawn into it, and where that is |
| `cases` | `make_volume_cases`: everything that is drawn at random |
| `files`, `write` | `write_volumes`: DICOM series and NIfTI files, manifest and truth |
"""

from mediscan.phantom.ct.cases import VolumeCase, make_volume_cases
from mediscan.phantom.ct.files import VolumeForm
from mediscan.phantom.ct.write import write_volumes

__all__ = ["VolumeCase", "VolumeForm", "make_volume_cases", "write_volumes"]
