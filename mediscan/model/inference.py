"""Run the network over examples: once per study, then once more through the fusion for each modality pattern."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mediscan.config import DataConfig
from mediscan.data.batch import StudyBatch, stack_images, stack_numbers, stack_tokens, stack_volumes
from mediscan.data.examples import Example
from mediscan.data.image_facts import image_facts
from mediscan.data.values import value_matrix
from mediscan.model.answering import Network
from mediscan.model.text import NoteTokenizer
from mediscan.study import Availability

if TYPE_CHECKING:
    from mediscan.model.network import DiagnosisOutput

FUSED = Availability.BOTH
"""The pattern that takes nothing away: each study is answered from whatever it has."""

ALL_PATTERNS = (FUSED, Availability.IMAGE, Availability.NOTE)


@dataclass(frozen=True, kw_only=True)
class Inference:
    """What the network says of N studies.

    Attributes:
        logits: Per pattern (N, F) float32, as if only those modalities were there.
        summaries: `image` and `note`: (N, D) float32, 0 where a study lacks the modality.
        truncated: (N,) bool, True where the end of the note was not read.
    """

    logits: Mapping[Availability, NDArray[np.float32]]
    summaries: Mapping[str, NDArray[np.float32]]
    truncated: NDArray[np.bool_]

    def take(self, rows: Sequence[int]) -> Self:
        """The same of some of the studies."""
        return replace(
            self,
            logits={pattern: logits[rows] for pattern, logits in self.logits.items()},
            summaries={modality: summaries[rows] for modality, summaries in self.summaries.items()},
            truncated=self.truncated[rows],
        )


def prepare(examples: Sequence[Example], *, features: Sequence[Tensor], width: int, config: DataConfig) -> StudyBatch:
    """Tensors of examples.

    Args:
        examples: The studies.
        features: Their notes' token features (T, width), in the same order.
        width: Width of the text encoder.
        config: Sizes, and which values.
    """
    box = (config.volume_depth, config.volume_size, config.volume_size)
    facts = [image_facts(example.study) for example in examples]
    planes = [[its[plane.image] for plane in one.planes] for one, its in zip(examples, facts, strict=True)]
    boxes = [[its[volume.image] for volume in one.volumes] for one, its in zip(examples, facts, strict=True)]
    images, image_mask = stack_images([example.stack for example in examples], size=config.image_size)
    volumes, volume_mask = stack_volumes([example.boxes for example in examples], shape=box)
    text, text_mask = stack_tokens(features, width=width)
    return StudyBatch(
        images=images,
        image_mask=image_mask,
        image_views=stack_numbers([[one.view_index for one in its] for its in planes], dtype=torch.int64),
        image_days=stack_numbers([[one.days_before for one in its] for its in planes], dtype=torch.float32),
        volumes=volumes,
        volume_mask=volume_mask,
        volume_days=stack_numbers([[one.days_before for one in its] for its in boxes], dtype=torch.float32),
        text=text,
        text_mask=text_mask,
        values=torch.from_numpy(value_matrix([example.study for example in examples], config.values)),
    )


@torch.inference_mode()
def infer(
    network: Network,
    examples: Sequence[Example],
    *,
    tokenizer: NoteTokenizer,
    config: DataConfig,
    patterns: Sequence[Availability] = (FUSED,),
    features: Sequence[Tensor] = (),
    batch_size: int = 32,
) -> Inference:
    """Answer for many examples.

    Args:
        network: In evaluation mode.
        examples: The studies.
        tokenizer: The network's.
        config: Sizes, and which values.
        patterns: Which modalities to pretend; the costly encoders run once for all of them.
        features: The notes' token features where they are cached; otherwise the notes are encoded.
        batch_size: Studies at once.
    """
    outputs: dict[Availability, list[DiagnosisOutput]] = {pattern: [] for pattern in patterns}
    notes = [tokenizer(example.note.text) for example in examples]
    # Notes of similar length go together, since padding costs as much as text; the answers are put back in order.
    order = sorted(range(len(examples)), key=lambda row: len(notes[row]))
    for start in range(0, len(examples), batch_size):
        rows = order[start : start + batch_size]
        encoded = (
            [features[row] for row in rows]
            if features
            else network.text_encoder.encode([notes[row] for row in rows], pad_id=tokenizer.pad_id)
        )
        chunk = [examples[row] for row in rows]
        batch = prepare(chunk, features=encoded, width=network.text_encoder.width, config=config)
        batch = batch.to(network.text_encoder.device)
        encoded_images = network.encode_images(batch)
        for pattern in patterns:
            outputs[pattern].append(network.answer(batch.keep(pattern), images=encoded_images))
    restored = np.argsort(order)
    fused = outputs[FUSED] if FUSED in outputs else next(iter(outputs.values()))
    return Inference(
        logits={
            pattern: _join([output.logits for output in given], width=len(network.findings))[restored]
            for pattern, given in outputs.items()
        },
        summaries={
            "image": _join([output.image_summary for output in fused], width=0)[restored],
            "note": _join([output.text_summary for output in fused], width=0)[restored],
        },
        truncated=np.asarray([note.truncated for note in notes], dtype=bool),
    )


def _join(parts: Sequence[Tensor], *, width: int) -> NDArray[np.float32]:
    if not parts:
        return np.zeros((0, width), dtype=np.float32)
    joined: NDArray[np.float32] = torch.cat(list(parts)).cpu().numpy()
    return joined
