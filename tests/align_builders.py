"""Small studies whose notes say what their images show, and what is pretrained on them."""

import numpy as np
from PIL import Image

from mediscan.config import RunConfig
from mediscan.findings import FindingSet
from mediscan.manifest import Manifest
from mediscan.study import ImageRef, NoteSection, Split, Study

CORNERS = {"upper left": (0, 0), "upper right": (0, 20), "lower left": (20, 0), "lower right": (20, 20)}
FINDINGS = FindingSet(tuple(corner.replace(" ", "_") for corner in CORNERS))
TRAIN, VAL, TEST = 96, 24, 24
SIZE = 32


def bright_corner_studies(folder, *, seed=0):
    """Radiographs, if you like, with some bright corners; the findings section names them all, bright or not."""
    rng = np.random.default_rng(seed)
    studies = []
    for number in range(TRAIN + VAL + TEST):
        bright = {corner: int(rng.random() < 0.5) for corner in CORNERS}
        pixels = rng.integers(0, 60, (SIZE, SIZE), dtype=np.uint8)
        for corner, (row, column) in CORNERS.items():
            pixels[row : row + 12, column : column + 12] += np.uint8(150 * bright[corner])
        path = folder / f"{number}.png"
        Image.fromarray(pixels).save(path)
        said = [f"{corner} opacity." if there else f"No {corner} opacity." for corner, there in bright.items()]
        studies.append(
            Study(
                study_id=f"S{number}",
                patient_id=f"P{number}",
                images=(ImageRef(path=str(path)),),
                note=(
                    NoteSection(name="history", text="cough" if number % 2 else "fall"),
                    NoteSection(name="findings", text=" ".join(said)),
                ),
                split=Split.TRAIN if number < TRAIN else Split.VAL if number < TRAIN + VAL else Split.TEST,
                labels={corner.replace(" ", "_"): there for corner, there in bright.items()},
            )
        )
    return studies


def manifest_of(studies, folder):
    return Manifest.of(studies, findings=FINDINGS, root=folder).write(folder / "manifest.parquet")


def small_config(text_encoder, **sections):
    """A run that takes seconds."""
    content = {
        "data": {"image_size": SIZE, "max_note_tokens": 64},
        "model": {
            "text_encoder": str(text_encoder),
            "text_window": 64,
            "width": 32,
            "heads": 2,
            "fusion_layers": 1,
        },
        "train": {"workers": 0, "precision": "fp32", "cache_gib": 0, "threads": 1, "augmentation": "none"},
        "pretrain": {"epochs": 2, "batch_size": 24, "note_sections": ["findings"], "learning_rate": 3e-3},
        "evaluate": {"bootstrap_draws": 50},
    }
    for name, values in sections.items():
        content[name] = content[name] | values
    return RunConfig.from_mapping(content)
