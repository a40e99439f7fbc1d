"""Studies and texts as unit vectors: by aligned encoders, or by a bundle."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mediscan.align.network import AlignmentNetwork
from mediscan.align.statements import Statements, as_note, split_statements, tokenize_statements
from mediscan.data.batch import stack_images
from mediscan.data.examples import Example
from mediscan.model.text import NoteTokenizer, TokenizedNote

Vectors = NDArray[np.float32]

_BATCH = 32


@dataclass(frozen=True, kw_only=True)
class Embeddings:
    """N studies in the common space.

    Attributes:
        image: (N, E) float32 unit vectors; zeros where a study has no image.
        note: (N, E) float32 unit vectors; zeros where a study has no note.
    """

    image: Vectors
    note: Vectors


@torch.inference_mode()
def embed_images(network: AlignmentNetwork, examples: Sequence[Example], *, size: int) -> Vectors:
    """(N, E) float32 unit vectors of studies' images; zeros where a study has none.

    Args:
        network: In evaluation mode.
        examples: The studies.
        size: Side of the images' square in pixels.
    """
    vectors = np.zeros((len(examples), network.width), dtype=np.float32)
    rows = [row for row, example in enumerate(examples) if example.planes]
    for start in range(0, len(rows), _BATCH):
        chunk = rows[start : start + _BATCH]
        images, mask = stack_images([examples[row].stack for row in chunk], size=size)
        vectors[chunk] = network.embed_images(images, mask).numpy()
    return vectors


@torch.inference_mode()
def embed_notes(
    network: AlignmentNetwork, notes: Sequence[TokenizedNote], *, pad_id: int, features: Sequence[Tensor] = ()
) -> Vectors:
    """(N, E) float32 unit vectors of notes; zeros where one is empty.

    Args:
        network: In evaluation mode.
        notes: The notes, one window for each statement.
        pad_id: Of the tokenizer.
        features: Token features of the notes where they are cached; otherwise the notes are encoded.
    """
    vectors = np.zeros((len(notes), network.width), dtype=np.float32)
    # Notes of similar length go together, since padding costs as much as text.
    rows = sorted((row for row, note in enumerate(notes) if len(note)), key=lambda row: len(notes[row]))
    for start in range(0, len(rows), _BATCH):
        chunk = rows[start : start + _BATCH]
        encoded = (
            [features[row] for row in chunk]
            if features
            else network.text_encoder.encode([notes[row] for row in chunk], pad_id=pad_id)
        )
        statements = Statements.stack(
            [split_statements(notes[row], tokens) for row, tokens in zip(chunk, encoded, strict=True)],
            width=network.text_encoder.width,
        )
        vectors[chunk] = network.embed_notes(statements).whole.numpy()
    return vectors


def embed_texts(network: AlignmentNetwork, texts: Sequence[str], *, tokenizer: NoteTokenizer) -> Vectors:
    """(N, E) float32 unit vectors of free texts; zeros where one is blank."""
    notes = [tokenize_statements(as_note(text), tokenizer) for text in texts]
    return embed_notes(network, notes, pad_id=tokenizer.pad_id)
