"""A bundle in memory: read from its folder, or written to one.

Only safetensors, JSON and npz without pickles are written or read, and every file is checked before anything is built
from it.
"""

import hashlib
import json
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from safetensors.torch import load_file, save_file

from mediscan.config import Method, RunConfig
from mediscan.data.images import PREPROCESSING_VERSION
from mediscan.errors import BundleError, ConfigError
from mediscan.findings import FindingSet
from mediscan.model.answering import Network
from mediscan.model.bundle_files import FORMAT, RETRAIN, check, read_config, sha256_of, write_checksums
from mediscan.model.calibration import Calibration
from mediscan.model.card import model_card
from mediscan.model.image import restore_image_encoder
from mediscan.model.kernel import KernelNetwork
from mediscan.model.network import DiagnosisNetwork
from mediscan.model.reference import Reference
from mediscan.model.text import NoteTokenizer, load_tokenizer, restore_text_encoder
from mediscan.version import __version__


@dataclass(frozen=True, kw_only=True)
class Bundle:
    """A trained model in memory.

    Attributes:
        bundle_id: First 16 hexadecimal digits of the SHA-256 of weights, calibration and configuration.
        provenance: What it was trained on: manifest hash, counts, versions, date.
        metrics: Its metrics.json, measured on validation.
    """

    bundle_id: str
    config: RunConfig
    network: Network
    tokenizer: NoteTokenizer
    calibration: Calibration
    reference: Reference
    metrics: Mapping[str, Any]
    provenance: Mapping[str, Any]

    @property
    def findings(self) -> FindingSet:
        """What it answers, in order."""
        return self.network.findings

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Check and open a bundle.

        Raises:
            BundleError: It is no bundle, was altered, or was made by an incompatible version.
        """
        check(folder)
        stored = read_config(folder)
        try:
            config = RunConfig.from_mapping(stored["config"])
        except ConfigError as error:
            raise BundleError(f"bundle {folder} has an unknown configuration: {error.what}", remedy=RETRAIN) from error
        findings = FindingSet(tuple(stored["findings"]))
        text_encoder = restore_text_encoder(
            folder / "text_encoder", trainable_layers=config.model.trainable_text_layers
        )
        kind = KernelNetwork if config.train.method is Method.KERNEL else DiagnosisNetwork
        network = kind(
            config.model,
            data=config.data,
            findings=findings,
            text_encoder=text_encoder,
            image_encoder=restore_image_encoder(stored["image_encoder"]),
        )
        if isinstance(network, DiagnosisNetwork):
            network.add_adapters(config.model)
        network.load_state_dict(load_file(folder / "model.safetensors"))
        network.eval().requires_grad_(requires_grad=False)
        return cls(
            bundle_id=stored["bundle_id"],
            config=config,
            network=network,
            tokenizer=load_tokenizer(
                folder / "tokenizer", window=config.model.text_window, most=config.data.max_note_tokens
            ),
            calibration=Calibration.load(folder / "calibration.json"),
            reference=Reference.load(folder / "reference.npz"),
            metrics=json.loads((folder / "metrics.json").read_text(encoding="utf-8")),
            provenance=stored["provenance"],
        )


def require_empty(folder: Path) -> None:
    """Refuse a folder that a bundle cannot be written to; training asks before it begins.

    Raises:
        BundleError: The folder exists and is not empty.
    """
    if folder.exists() and not folder.is_dir():
        raise BundleError(f"{folder} is a file", remedy="Choose another --out.")
    if folder.exists() and any(folder.iterdir()):
        raise BundleError(f"{folder} is not empty", remedy="Choose another --out, or remove it first.")


def save_bundle(
    folder: Path,
    *,
    config: RunConfig,
    network: Network,
    tokenizer: NoteTokenizer,
    calibration: Calibration,
    reference: Reference,
    metrics: Mapping[str, Any],
    provenance: Mapping[str, Any],
) -> str:
    """Write a bundle; it appears whole or not at all.

    Returns:
        The bundle's id.

    Raises:
        BundleError: The folder exists and is not empty.
    """
    require_empty(folder)
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}-") as temporary:
        part = Path(temporary) / "bundle"
        part.mkdir()
        # Contiguous copies: safetensors refuses views, and a state dict may hold them.
        state = {name: tensor.detach().cpu().contiguous() for name, tensor in network.state_dict().items()}
        save_file(state, part / "model.safetensors")
        calibration.save(part / "calibration.json")
        reference.save(part / "reference.npz")
        tokenizer.save(part / "tokenizer")
        _write_json(part / "text_encoder" / "config.json", network.text_encoder.config)
        _write_json(part / "metrics.json", metrics)
        bundle_id = _identify(part, config)
        _write_json(
            part / "config.json",
            {
                "format": FORMAT,
                "mediscan_version": __version__,
                "bundle_id": bundle_id,
                "preprocessing_version": PREPROCESSING_VERSION,
                "findings": network.findings.names,
                "image_encoder": network.image_encoder.config,
                "config": config.model_dump(mode="json"),
                "provenance": dict(provenance),
            },
        )
        card = model_card(bundle_id=bundle_id, config=config, metrics=metrics, provenance=provenance)
        (part / "README.md").write_text(card, encoding="utf-8")
        write_checksums(part)
        if folder.exists():
            folder.rmdir()
        shutil.move(part, folder)
    return bundle_id


def _identify(folder: Path, config: RunConfig) -> str:
    digest = hashlib.sha256(config.model_dump_json().encode())
    for name in ("model.safetensors", "calibration.json"):
        digest.update(sha256_of(folder / name).encode())
    return digest.hexdigest()[:16]


def _write_json(path: Path, content: object) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(content, indent=1, allow_nan=False), encoding="utf-8")
