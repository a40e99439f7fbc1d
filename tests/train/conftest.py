"""What tests of training share: small studies, the configuration of a small network, and one thread."""

import json

import numpy as np
import pytest
import torch
from PIL import Image

from mediscan.config import RunConfig
from mediscan.findings import FindingSet
from mediscan.manifest import Manifest
from mediscan.study import ImageRef, NoteSection, Split, Study

TRAIN, VAL = 24, 20


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    """Arithmetic this small only waits for a second thread."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="session")
def studies(tmp_path_factory):
    """Small studies: a bright corner is in the image, a fever in the note, and the kind needs both."""
    folder = tmp_path_factory.mktemp("studies")
    rng = np.random.default_rng(0)
    made = []
    for number in range(TRAIN + VAL):
        bright, fever = number % 2, (number // 2) % 2
        pixels = rng.integers(0, 120, (32, 32), dtype=np.uint8)
        pixels[:12, :12] += np.uint8(120 * bright)
        path = folder / f"{number}.png"
        Image.fromarray(pixels).save(path)
        alike = int(bright == fever)
        made.append(
            Study(
                study_id=f"S{number}",
                patient_id=f"P{number}",
                images=() if number % 11 == 3 else (ImageRef(path=str(path)),),
                note=(
                    NoteSection(name="history", text=("fever" if fever else "well") + " since monday" * (number % 5)),
                ),
                split=Split.TRAIN if number < TRAIN else Split.VAL,
                labels={"bright": bright, "fever": fever, "kind:a": alike, "kind:b": 1 - alike},
            )
        )
    return made


@pytest.fixture(scope="session")
def config(tiny_text_encoder):
    return RunConfig.from_mapping(
        {
            "data": {"image_size": 32, "max_note_tokens": 64},
            "model": {
                "text_encoder": str(tiny_text_encoder),
                "text_window": 64,
                "width": 16,
                "heads": 2,
                "fusion_layers": 1,
            },
            "train": {"epochs": 4, "batch_size": 8, "workers": 0, "precision": "fp32", "patience": 4},
            "evaluate": {"bootstrap_draws": 20},
        }
    )


@pytest.fixture(scope="session")
def manifest_path(studies, tmp_path_factory):
    """The studies, written down."""
    path = tmp_path_factory.mktemp("manifest") / "manifest.parquet"
    findings = FindingSet(("bright", "fever", "kind:a", "kind:b"))
    Manifest.of(studies, findings=findings, root=path.parent).write(path)
    return path


@pytest.fixture(scope="session")
def manifest(manifest_path):
    return Manifest.read(manifest_path)


@pytest.fixture(scope="session")
def write_config():
    """A writer of whole configurations as TOML, for programs that run by themselves."""

    def write(config, path):
        lines = []
        for section, values in config.model_dump(mode="json").items():
            lines += [f"[{section}]", *(f"{key} = {json.dumps(value)}" for key, value in values.items())]
        path.write_text("\n".join(lines), encoding="utf-8")
        return path

    return write
