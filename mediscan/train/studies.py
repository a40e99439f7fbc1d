"""The studies of one split as training needs them: read, labelled, their notes tokenized and, if frozen, encoded."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mediscan.data.examples import Example, ExampleReader
from mediscan.data.labels import label_matrix
from mediscan.diagnosis import Refusal
from mediscan.findings import FindingSet
from mediscan.model.answering import Network
from mediscan.model.text import NoteTokenizer, TokenizedNote
from mediscan.progress import Progress
from mediscan.study import Study

_ENCODED_AT_ONCE = 128


@dataclass(kw_only=True)
class StudySet:
    """N readable studies of a split.

    Attributes:
        examples: The studies.
        labels: (N, F) float32, NaN where unknown.
        notes: Their tokenized notes.
        features: Their notes' token features, (T, H) each, where the text encoder is frozen.
        refused: Studies that could not be read.
    """

    examples: list[Example]
    labels: NDArray[np.float32]
    notes: list[TokenizedNote]
    refused: list[Refusal]
    features: list[Tensor] = field(default_factory=list)

    @property
    def patients(self) -> list[str]:
        """Each study's patient."""
        return [example.study.patient_id for example in self.examples]


def read_studies(
    studies: Sequence[Study],
    *,
    findings: FindingSet,
    reader: ExampleReader,
    tokenizer: NoteTokenizer,
    progress: Progress,
    stage: str,
) -> StudySet:
    """Read a split.

    Args:
        studies: Its studies.
        findings: Which labels, in which order.
        reader: Decodes the images.
        tokenizer: Cuts the notes.
        progress: Told of every study.
        stage: How progress names the work.
    """
    examples: list[Example] = []
    refused: list[Refusal] = []
    for done, entry in enumerate(reader.read(studies), start=1):
        if isinstance(entry, Refusal):
            refused.append(entry)
        else:
            examples.append(entry)
        progress(stage, done, len(studies))
    return StudySet(
        examples=examples,
        labels=label_matrix([example.study for example in examples], findings),
        notes=[tokenizer(example.note.text) for example in examples],
        refused=refused,
    )


@torch.inference_mode()
def cache_text_features(
    network: Network,
    studies: StudySet,
    *,
    pad_id: int,
    progress: Progress,
    stage: str,
    dtype: torch.dtype = torch.float16,
) -> None:
    """Encode the notes with the frozen text encoder, once for all epochs.

    Half precision by default: it costs features less than a thousandth, and a hundred thousand notes fit in memory.
    """
    for start in range(0, len(studies.notes), _ENCODED_AT_ONCE):
        chunk = studies.notes[start : start + _ENCODED_AT_ONCE]
        encoded = network.text_encoder.encode(chunk, pad_id=pad_id)
        studies.features.extend(tokens.to("cpu", dtype) for tokens in encoded)
        progress(stage, len(studies.features), len(studies.notes))
