"""A note as its statements: each is read alone, so that a prompt, which is one statement, reads as a note does."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mediscan.data.batch import stack_tokens
from mediscan.data.notes import Piece, RenderedNote, clauses
from mediscan.model.text import NoteTokenizer, TokenizedNote


@dataclass(frozen=True, kw_only=True)
class Statements:
    """The S statements of B notes.

    Attributes:
        features: (S, L, H) float32, of the text encoder.
        mask: (S, L) bool, True where a token is real.
        note: (S,) int64, the note that each statement stands in, from 0; every note has at least one.
    """

    features: Tensor
    mask: Tensor
    note: Tensor

    @classmethod
    def stack(cls, notes: Sequence[Sequence[Tensor]], *, width: int) -> Self:
        """Pad the statements of notes, (L, width) each, to the longest."""
        features, mask = stack_tokens([tokens for note in notes for tokens in note], width=width)
        counts = torch.tensor([len(note) for note in notes])
        return cls(features=features, mask=mask, note=torch.arange(len(notes)).repeat_interleave(counts))


def split_statements(note: TokenizedNote, of_tokens: Tensor) -> tuple[Tensor, ...]:
    """What a note has for each of its tokens, (T, ...), statement by statement: (L, ...) each."""
    return torch.split(of_tokens, [len(window) for window in note.windows])


def tokenize_statements(note: RenderedNote, tokenizer: NoteTokenizer) -> TokenizedNote:
    """A note with one window for each statement, section names left out; an empty note has none.

    Args:
        note: The note; its statements are its clauses.
        tokenizer: Says how many tokens of the note are read, and how long a window may be.
    """
    whole = tokenizer(note.text)
    if not whole.windows:
        return whole
    first, last = whole.windows[0][0], whole.windows[0][-1]
    # Where a note has more windows than one, the first is full.
    longest = len(whole.windows[0]) - 2
    ids = [token for window in whole.windows for token in window]
    offsets = [span for window in whole.offsets for span in window]
    statements = list(_cut(_clause_of_token(note, offsets), longest=longest))
    return TokenizedNote(
        windows=tuple((first, *(ids[token] for token in tokens), last) for tokens in statements),
        offsets=tuple(((0, 0), *(offsets[token] for token in tokens), (0, 0)) for tokens in statements),
        truncated=whole.truncated,
    )


def as_note(text: str) -> RenderedNote:
    """A free text, such as a prompt, as a note without section names."""
    return RenderedNote(text=text, pieces=(Piece(section="text", start=0, end=len(text), offset=0),))


def _clause_of_token(note: RenderedNote, offsets: list[tuple[int, int]]) -> NDArray[np.int64]:
    """(T,) the clause that each token stands in, counted from 0; -1 for section names and special tokens."""
    of_character = np.full(len(note.text) + 1, -1, dtype=np.int64)
    for number, piece in enumerate(clauses(note)):
        of_character[piece.offset : piece.offset + piece.end - piece.start] = number
    return np.asarray([of_character[start] if end > start else -1 for start, end in offsets], dtype=np.int64)


def _cut(clause: NDArray[np.int64], *, longest: int) -> Iterator[list[int]]:
    """The tokens of each clause; one that no window holds is cut."""
    for number in range(int(clause.max(initial=-1)) + 1):
        tokens = np.flatnonzero(clause == number).tolist()
        for start in range(0, len(tokens), longest):
            yield tokens[start : start + longest]
