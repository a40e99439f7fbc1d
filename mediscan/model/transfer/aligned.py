"""The folder that pretraining leaves, as far as training reads it: its format, checked, and its encoders' weights."""

import json
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from mediscan.data.images import PREPROCESSING_VERSION
from mediscan.errors import BundleError
from mediscan.model.bundle_files import check

FORMAT = "alignment-1"
"""Differs from that of a bundle, so that neither is ever taken for the other."""

ENCODERS = "encoders.safetensors"
PRETRAIN_AGAIN = "Give a folder that `mediscan pretrain` wrote with this version, or pretrain again."


def is_aligned(folder: Path) -> bool:
    """Whether a folder says that pretraining wrote it; a bundle, or anything else, does not."""
    try:
        stored = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return isinstance(stored, dict) and stored.get("format") == FORMAT


def read_stored(folder: Path) -> dict[str, Any]:
    """The folder's config.json, once every file has been compared with its hash.

    Raises:
        BundleError: Pretraining did not write it, it was altered, or an incompatible version made it.
    """
    if not is_aligned(folder):
        raise BundleError(f"{folder} holds no aligned encoders", remedy=PRETRAIN_AGAIN)
    check(folder)
    stored: dict[str, Any] = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    if stored.get("preprocessing_version") != PREPROCESSING_VERSION:
        raise BundleError(
            f"{folder} was made with preprocessing version {stored.get('preprocessing_version')!r}, "
            f"not {PREPROCESSING_VERSION}",
            remedy=PRETRAIN_AGAIN,
        )
    return stored


def read_tensors(path: Path) -> dict[str, Tensor]:
    """The tensors of a file.

    Raises:
        BundleError: It is no safetensors file.
    """
    try:
        return load_file(path)
    except (OSError, SafetensorError) as error:
        raise BundleError(f"{path} cannot be read: {type(error).__name__}", remedy=PRETRAIN_AGAIN) from error
