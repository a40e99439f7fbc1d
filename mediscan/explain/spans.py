"""Which words a finding comes from: take each clause away, read the note again, and see what changes."""

from dataclasses import replace

import torch

from mediscan.data.batch import StudyBatch, stack_tokens
from mediscan.data.notes import RenderedNote, clauses, without
from mediscan.diagnosis import NoteSpan
from mediscan.explain.logodds import log_odds
from mediscan.model.answering import Network
from mediscan.model.network import ImageTokens
from mediscan.model.text import NoteTokenizer

_BATCH = 16
"""Shortened notes read at once."""


@torch.inference_mode()
def note_spans(
    network: Network, batch: StudyBatch, note: RenderedNote, *, tokenizer: NoteTokenizer, finding: int
) -> tuple[NoteSpan, ...]:
    """Every clause of a note and how much the finding's log-odds fall without it, in the order of the note.

    Args:
        network: In evaluation mode.
        batch: The one study.
        note: Its note.
        tokenizer: The network's.
        finding: Position of the finding.
    """
    pieces = clauses(note)
    if not pieces:
        return ()
    images = network.encode_images(batch)
    texts = [note.text, *(without(note, piece) for piece in pieces)]
    values = torch.cat(
        [
            _values(network, batch, texts[at : at + _BATCH], tokenizer=tokenizer, finding=finding, images=images)
            for at in range(0, len(texts), _BATCH)
        ]
    )
    return tuple(
        NoteSpan(section=piece.section, start=piece.start, end=piece.end, weight=float(values[0] - value))
        for piece, value in zip(pieces, values[1:], strict=True)
    )


def _values(
    network: Network,
    batch: StudyBatch,
    texts: list[str],
    *,
    tokenizer: NoteTokenizer,
    finding: int,
    images: ImageTokens,
) -> torch.Tensor:
    encoded = network.text_encoder.encode([tokenizer(text) for text in texts], pad_id=tokenizer.pad_id)
    text, mask = stack_tokens(encoded, width=network.text_encoder.width)
    count = len(texts)
    variants = replace(batch.repeat(count), text=text, text_mask=mask)
    output = network.answer(variants, images=images.repeat(count))
    return log_odds(output.logits, findings=network.findings, index=finding)
