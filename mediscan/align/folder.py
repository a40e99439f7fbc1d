"""What pretraining leaves: a folder that holds aligned encoders and all that is needed to use and to trust them.

As in a bundle, every file is listed with its hash, and only safetensors and JSON are ever read.
"""

import hashlib
import json
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from safetensors.torch import save_file
from torch import Tensor

from mediscan.align.network import AlignmentNetwork
from mediscan.config import RunConfig
from mediscan.data.images import PREPROCESSING_VERSION
from mediscan.errors import BundleError, ConfigError
from mediscan.model.bundle import require_empty
from mediscan.model.bundle_files import sha256_of, write_checksums
from mediscan.model.text import NoteTokenizer, load_tokenizer, restore_text_encoder
from mediscan.model.transfer.aligned import (
    ENCODERS,
    FORMAT,
    PRETRAIN_AGAIN,
    read_stored,
    read_tensors,
)
from mediscan.version import __version__

HEADS = "heads.safetensors"


@dataclass(frozen=True, kw_only=True)
class Aligned:
    """Aligned encoders in memory.

    Attributes:
        alignment_id: First 16 hexadecimal digits of the SHA-256 of weights and configuration.
        metrics: Its metrics.json: retrieval on split val, and the course of training.
        provenance: What it was trained on.
    """

    alignment_id: str
    config: RunConfig
    network: AlignmentNetwork
    tokenizer: NoteTokenizer
    metrics: Mapping[str, Any]
    provenance: Mapping[str, Any]

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Check and open a folder.

        Raises:
            BundleError: Pretraining did not write it, it was altered, or an incompatible version made it.
        """
        stored = read_stored(folder)
        config = stored_config(folder, stored)
        try:
            text_encoder = restore_text_encoder(
                folder / "text_encoder", trainable_layers=config.model.trainable_text_layers
            )
            network = AlignmentNetwork(config.model, text_encoder=text_encoder, loss=config.pretrain.loss)
            state = {f"encoders.{name}": value for name, value in read_tensors(folder / ENCODERS).items()}
            fitted = network.load_state_dict({**state, **read_tensors(folder / HEADS)}, strict=False)
            metrics = json.loads((folder / "metrics.json").read_text(encoding="utf-8"))
            alignment_id, provenance = str(stored["alignment_id"]), dict(stored["provenance"])
        except (OSError, ValueError, KeyError, TypeError, RuntimeError) as error:
            raise BundleError(f"{folder} cannot be opened: {type(error).__name__}", remedy=PRETRAIN_AGAIN) from error
        needed = network.encoder_state().keys() | network.head_state().keys()
        lacking = [name for name in fitted.missing_keys if name.removeprefix("encoders.") in needed]
        if lacking or fitted.unexpected_keys:
            raise BundleError(
                f"{folder} lacks {len(lacking)} weights and has {len(fitted.unexpected_keys)} too many",
                remedy=PRETRAIN_AGAIN,
            )
        network.eval().requires_grad_(requires_grad=False)
        return cls(
            alignment_id=alignment_id,
            config=config,
            network=network,
            tokenizer=load_tokenizer(
                folder / "tokenizer", window=config.model.text_window, most=config.data.max_note_tokens
            ),
            metrics=metrics,
            provenance=provenance,
        )


def stored_config(folder: Path, stored: Mapping[str, Any]) -> RunConfig:
    """The configuration that the folder was made with.

    Raises:
        BundleError: This version does not know it.
    """
    content = stored.get("config")
    if not isinstance(content, dict):
        raise BundleError(f"{folder} has no configuration", remedy=PRETRAIN_AGAIN)
    try:
        return RunConfig.from_mapping(content)
    except ConfigError as error:
        raise BundleError(f"{folder} has an unknown configuration: {error.what}", remedy=PRETRAIN_AGAIN) from error


def save_aligned(
    folder: Path,
    *,
    config: RunConfig,
    network: AlignmentNetwork,
    tokenizer: NoteTokenizer,
    metrics: Mapping[str, Any],
    provenance: Mapping[str, Any],
) -> str:
    """Write a folder; it appears whole or not at all.

    Returns:
        Its id.

    Raises:
        BundleError: The folder exists and is not empty.
    """
    require_empty(folder)
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}-") as temporary:
        part = Path(temporary) / "aligned"
        part.mkdir()
        save_file(_plain(network.encoder_state()), part / ENCODERS)
        save_file(_plain(network.head_state()), part / HEADS)
        tokenizer.save(part / "tokenizer")
        _write_json(part / "text_encoder" / "config.json", network.text_encoder.config)
        _write_json(part / "metrics.json", metrics)
        digest = hashlib.sha256(config.model_dump_json().encode())
        for name in (ENCODERS, HEADS):
            digest.update(sha256_of(part / name).encode())
        alignment_id = digest.hexdigest()[:16]
        _write_json(
            part / "config.json",
            {
                "format": FORMAT,
                "mediscan_version": __version__,
                "alignment_id": alignment_id,
                "preprocessing_version": PREPROCESSING_VERSION,
                "config": config.model_dump(mode="json"),
                "provenance": dict(provenance),
            },
        )
        write_checksums(part)
        if folder.exists():
            folder.rmdir()
        shutil.move(part, folder)
    return alignment_id


def _plain(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    # Contiguous copies of their own: safetensors refuses views, and weights that share memory.
    return {name: value.detach().cpu().contiguous().clone() for name, value in state.items()}


def _write_json(path: Path, content: object) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(content, indent=1, allow_nan=False), encoding="utf-8")
