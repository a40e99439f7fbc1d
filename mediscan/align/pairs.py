"""Studies that have both an image and a note: what alignment learns from, and is measured on."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from mediscan.align.statements import tokenize_statements
from mediscan.config import DataConfig, NoteCutoff, RunConfig
from mediscan.data.examples import Example, ExampleReader
from mediscan.diagnosis import Refusal
from mediscan.model.text import NoteTokenizer, TextEncoder, TokenizedNote
from mediscan.progress import Progress
from mediscan.study import Study

_ENCODED_AT_ONCE = 128


@dataclass(kw_only=True)
class Pairs:
    """N studies with image and note.

    Attributes:
        examples: The studies.
        notes: Their notes, one window for each statement.
        features: Their notes' token features, (T, H) each, where the text encoder is frozen.
        refused: Studies that could not be read.
        one_sided: How many studies were left out because they lack one side.
    """

    examples: list[Example]
    notes: list[TokenizedNote]
    features: list[Tensor] = field(default_factory=list)
    refused: list[Refusal] = field(default_factory=list)
    one_sided: int = 0

    def __len__(self) -> int:
        return len(self.examples)

    @property
    def patients(self) -> list[str]:
        """Each study's patient."""
        return [example.study.patient_id for example in self.examples]

    @property
    def texts(self) -> list[str]:
        """Each study's note as it is read."""
        return [example.note.text for example in self.examples]


def reading(config: RunConfig) -> DataConfig:
    """What alignment reads: the sections of `pretrain`, whenever they were written, since no label is learned."""
    return config.data.model_copy(
        update={"note_sections": config.pretrain.note_sections, "note_cutoff": NoteCutoff.NONE}
    )


def read_pairs(
    studies: Sequence[Study], *, reader: ExampleReader, tokenizer: NoteTokenizer, progress: Progress, stage: str
) -> Pairs:
    """Read studies and keep those that have both sides.

    Args:
        studies: The studies.
        reader: Decodes the images; made with `reading(config)`.
        tokenizer: Cuts the statements of the notes.
        progress: Told of every study.
        stage: How progress names the work.
    """
    pairs = Pairs(examples=[], notes=[])
    for done, entry in enumerate(reader.read(studies), start=1):
        if isinstance(entry, Refusal):
            pairs.refused.append(entry)
        elif not entry.planes or not len(note := tokenize_statements(entry.note, tokenizer)):
            pairs.one_sided += 1
        else:
            pairs.examples.append(entry)
            pairs.notes.append(note)
        progress(stage, done, len(studies))
    return pairs


@torch.inference_mode()
def cache_features(pairs: Pairs, text_encoder: TextEncoder, *, pad_id: int, progress: Progress, stage: str) -> None:
    """Encode the notes with a frozen text encoder, once for all epochs, in half precision."""
    for start in range(0, len(pairs), _ENCODED_AT_ONCE):
        encoded = text_encoder.encode(pairs.notes[start : start + _ENCODED_AT_ONCE], pad_id=pad_id)
        # Copies, so that they may be read where gradients are computed.
        pairs.features.extend(tokens.half().clone() for tokens in encoded)
        progress(stage, len(pairs.features), len(pairs))


def same_notes(texts: Sequence[str]) -> Tensor:
    """(B, B) bool, True where two notes say the same; the diagonal is True."""
    _, number = np.unique(np.asarray([" ".join(text.split()) for text in texts], dtype=np.str_), return_inverse=True)
    return torch.from_numpy(number[:, None] == number[None])
