"""The phantom: synthetic studies whose truth is known, and whose findings need image and note together.

| module | holds |
|---|---|
| `rules` | patterns, contexts, findings, and which pair makes which finding |
| `caps` | how well a perfect reader of the image alone, or of the note alone, can do |
| `canvas`, `anatomy`, `variants`, `lesions`, `frontal`, `lateral`, `image` | the radiographs |
| `phrases`, `filler`, `writer`, `note_parts`, `notes` | the notes |
| `report_words`, `report` | radiologists' reports, for alignment |
| `options`, `patients`, `encounter`, `cases` | `make_cases`: everything that is drawn at random |
| `dicom`, `forms`, `dataset`, `write` | `write_studies`: files, manifest and truth |
| `pain`, `laterality` | `make_laterality_cases`: does the side of the pain agree with the side of the lesion? |
| `ct` | `make_volume_cases`, `write_volumes`: CT volumes |
| `sample` | the contents of `sample_data/` |

`python -m mediscan.phantom --out DIR` writes a data set.
"""

from mediscan.phantom.caps import ModalityCaps, best_scores, modality_caps
from mediscan.phantom.cases import PhantomCase, make_cases
from mediscan.phantom.ct import VolumeCase, VolumeForm, make_volume_cases, write_volumes
from mediscan.phantom.laterality import (
    LATERALITY_FINDING,
    LATERALITY_OPTIONS,
    LateralityCase,
    SideLabels,
    make_laterality_cases,
)
from mediscan.phantom.options import PhantomOptions, Target, VolumeOptions
from mediscan.phantom.rules import FINDINGS, RULES, VOLUME_RULES, Context, Pattern, VolumePattern
from mediscan.phantom.write import write_studies

__all__ = [
    "FINDINGS",
    "LATERALITY_FINDING",
    "LATERALITY_OPTIONS",
    "RULES",
    "VOLUME_RULES",
    "Context",
    "LateralityCase",
    "ModalityCaps",
    "Pattern",
    "PhantomCase",
    "PhantomOptions",
    "SideLabels",
    "Target",
    "VolumeCase",
    "VolumeForm",
    "VolumeOptions",
    "VolumePattern",
    "best_scores",
    "make_cases",
    "make_laterality_cases",
    "make_volume_cases",
    "modality_caps",
    "write_studies",
    "write_volumes",
]
