"""The phantom: synthetic studies whose truth is known, and whose findings need image and note together.

| module | holds |
|---|---|
| `rules` | patterns, contexts, findings, and which pair makes which finding |
| `caps` | how well a perfect reader of the image alone, or of the note alone, can do |
| `canvas`, `anatomy`, `lesions`, `frontal`, `lateral`, `image` | the radiographs |
| `phrases`, `filler`, `writer`, `notes` | the notes |
| `options`, `cases` | `make_cases`: everything that is drawn at random |
| `dicom`, `forms`, `write` | `write_studies`: files, manifest and truth |
| `sample` | the contents of `sample_data/` |

`python -m mediscan.phantom --out DIR` writes a data set.
"""

from mediscan.phantom.caps import ModalityCaps, best_scores, modality_caps
from mediscan.phantom.cases import PhantomCase, make_cases
from mediscan.phantom.options import PhantomOptions
from mediscan.phantom.rules import FINDINGS, RULES, Context, Pattern
from mediscan.phantom.write import write_studies

__all__ = [
    "FINDINGS",
    "RULES",
    "Context",
    "ModalityCaps",
    "Pattern",
    "PhantomCase",
    "PhantomOptions",
    "best_scores",
    "make_cases",
    "modality_caps",
    "write_studies",
]
