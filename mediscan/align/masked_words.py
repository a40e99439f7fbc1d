"""Masked-language modelling: the text encoder learns the language of the notes by guessing words it cannot see."""

from collections.abc import Sequence
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from mediscan.errors import ConfigError
from mediscan.model.text import NoteTokenizer, TextEncoder

_CHOSEN, _MASKED, _SWAPPED = 0.15, 0.8, 0.1


class MaskedWords(nn.Module):
    """Guesses the words that were hidden; its output weights are the encoder's word embeddings.

    Args:
        text_encoder: With trainable layers.
        tokenizer: The encoder's.

    Raises:
        ConfigError: The encoder is frozen, or its tokenizer has no mask token.

    Source: Devlin et al., "BERT: pre-training of deep bidirectional transformers", 2019.
    """

    def __init__(self, text_encoder: TextEncoder, tokenizer: NoteTokenizer) -> None:
        super().__init__()
        if not text_encoder.trainable_layers:
            raise ConfigError(
                "pretrain.masked_words_weight is set, but the text encoder is frozen",
                remedy="Set model.trainable_text_layers to 1 or more, or the weight to 0.",
            )
        # NoteTokenizer has no need of it but here.
        mask_id = cast("Any", tokenizer)._tokenizer.mask_token_id  # noqa: SLF001
        if mask_id is None:
            raise ConfigError(
                "pretrain.masked_words_weight is set, but the text encoder's tokenizer has no mask token",
                remedy="Choose an encoder that was trained by masked-language modelling, or set the weight to 0.",
            )
        self.mask_id: int = mask_id
        self.pad_id = tokenizer.pad_id
        self.vocabulary: int = _embeddings(text_encoder).shape[0]
        self.transform = nn.Sequential(
            nn.Linear(text_encoder.width, text_encoder.width), nn.GELU(), nn.LayerNorm(text_encoder.width)
        )
        self.bias = nn.Parameter(torch.zeros(self.vocabulary))

    def forward(
        self, text_encoder: TextEncoder, windows: Sequence[Sequence[int]], *, generator: torch.Generator
    ) -> Tensor:
        """Mean cross-entropy of the hidden words.

        Args:
            text_encoder: The one it was made for.
            windows: Token ids, each with a special token at either end.
            generator: Draws what is hidden.
        """
        ids = nn.utils.rnn.pad_sequence(
            [torch.tensor(window) for window in windows], batch_first=True, padding_value=self.pad_id
        )  # (N, L)
        lengths = torch.tensor([len(window) for window in windows])[:, None]
        place = torch.arange(ids.shape[1])[None]
        chosen = (torch.rand(ids.shape, generator=generator) < _CHOSEN) & (place > 0) & (place < lengths - 1)
        if not chosen.any():
            return self.bias.sum() * 0.0
        features = text_encoder(self._disguise(ids, chosen, generator), place < lengths)  # (N, L, H)
        logits = functional.linear(self.transform(features[chosen]), _embeddings(text_encoder), self.bias)
        return functional.cross_entropy(logits.float(), ids[chosen])

    def _disguise(self, ids: Tensor, chosen: Tensor, generator: torch.Generator) -> Tensor:
        """Most chosen words become the mask, some another word; some stay, so that no word can be taken on trust."""
        lot = torch.rand(ids.shape, generator=generator)
        other = torch.randint(self.vocabulary, ids.shape, generator=generator)
        swapped = torch.where(chosen & (lot >= _MASKED) & (lot < _MASKED + _SWAPPED), other, ids)
        return swapped.masked_fill(chosen & (lot < _MASKED), self.mask_id)


def _embeddings(text_encoder: TextEncoder) -> Tensor:
    weights: Tensor = cast("Any", text_encoder.body).get_input_embeddings().weight
    return weights
