"""What turns studies into vectors that can be compared: aligned encoders, or a bundle's network before its fusion."""

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import numpy as np

from mediscan.align.embeddings import Embeddings, Vectors, embed_images, embed_notes
from mediscan.align.folder import Aligned
from mediscan.align.pairs import reading
from mediscan.align.statements import tokenize_statements
from mediscan.config import DataConfig
from mediscan.data.examples import Example
from mediscan.model.transfer.aligned import is_aligned
from mediscan.predict import Diagnoser


class Embedder(Protocol):
    """Turns studies into vectors."""

    @property
    def model_id(self) -> str:
        """Vectors of another id are not comparable."""
        ...

    @property
    def data(self) -> DataConfig:
        """How studies are read for it."""
        ...

    def embed(self, examples: Sequence[Example]) -> Embeddings:
        """Unit vectors of either side; zeros where a study lacks it."""
        ...


class AlignedEmbedder:
    """Vectors of aligned encoders, whose two sides can also be compared with each other."""

    def __init__(self, aligned: Aligned) -> None:
        self.aligned = aligned

    @property
    def model_id(self) -> str:
        """The alignment's id."""
        return self.aligned.alignment_id

    @property
    def data(self) -> DataConfig:
        """As pretraining read."""
        return reading(self.aligned.config)

    def embed(self, examples: Sequence[Example]) -> Embeddings:
        """Unit vectors of either side."""
        aligned = self.aligned
        notes = [tokenize_statements(example.note, aligned.tokenizer) for example in examples]
        return Embeddings(
            image=embed_images(aligned.network, examples, size=self.data.image_size),
            note=embed_notes(aligned.network, notes, pad_id=aligned.tokenizer.pad_id),
        )


class BundleEmbedder:
    """Summaries of a bundle's network before its fusion; its two sides are not comparable with each other."""

    def __init__(self, diagnoser: Diagnoser) -> None:
        self.diagnoser = diagnoser

    @property
    def model_id(self) -> str:
        """The bundle's id."""
        return self.diagnoser.bundle_id

    @property
    def data(self) -> DataConfig:
        """As the bundle reads."""
        return self.diagnoser.bundle.config.data

    def embed(self, examples: Sequence[Example]) -> Embeddings:
        """Unit vectors of either side."""
        summaries = self.diagnoser.infer(examples).summaries
        has_image = np.array([example.availability.image for example in examples], dtype=bool)
        has_note = np.array([example.availability.note for example in examples], dtype=bool)
        return Embeddings(image=_unit(summaries["image"], has_image), note=_unit(summaries["note"], has_note))


def open_embedder(folder: Path) -> Embedder:
    """The embedder of a folder that `mediscan pretrain` or `mediscan train` wrote.

    Raises:
        BundleError: It is neither, was altered, or was made by an incompatible version.
    """
    return AlignedEmbedder(Aligned.load(folder)) if is_aligned(folder) else BundleEmbedder(Diagnoser.load(folder))


def _unit(vectors: Vectors, present: np.ndarray) -> Vectors:
    lengths = np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
    unit: Vectors = np.where(present[:, None], vectors / lengths, 0.0).astype(np.float32)
    return unit
