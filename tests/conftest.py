"""What tests share: tiny studies, a tiny text encoder, and one small bundle trained for the whole session."""

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from transformers import AutoTokenizer, BertConfig, BertModel

from mediscan.cli import main
from mediscan.config import RunConfig
from mediscan.manifest import Manifest
from mediscan.model.text import embedded_folder
from mediscan.phantom.cases import make_cases
from mediscan.phantom.options import PhantomOptions
from mediscan.phantom.write import write_studies
from mediscan.predict import Diagnoser
from mediscan.score.run import score
from mediscan.study import ImageRef, NoteSection, Study
from mediscan.train.loop import train

torch.set_num_threads(2)  # as the machines that check


@pytest.fixture(autouse=True)
def own_main() -> Iterator[None]:
    """Streamlit's AppTest leaves the app as `__main__`, which every process that is spawned later would run."""
    main = sys.modules["__main__"]
    yield
    sys.modules["__main__"] = main


@pytest.fixture(scope="session", autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Tests that train keep their planes to themselves."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MEDISCAN_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture
def run(monkeypatch, capsys):
    """Run the program in this process, so that torch is imported once: (exit code, stdout, stderr)."""

    def call(*arguments):
        monkeypatch.setattr(sys, "argv", ["mediscan", *map(str, arguments)])
        capsys.readouterr()
        with pytest.raises(SystemExit, match=r"^\d*$") as left:
            main()
        captured = capsys.readouterr()
        return left.value.code or 0, captured.out, captured.err

    return call


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Real public data beside the checkout, where they are."""
    folder = Path(__file__).resolve().parents[2] / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("real data are not on this machine (../shared/data)")
    return folder


@pytest.fixture(scope="session")
def tiny_text_encoder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in the Hugging Face format: a random two-layer BERT of width 32 with MiniLM's vocabulary."""
    folder = tmp_path_factory.mktemp("tiny-text-encoder")
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=30522,
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=64,
        max_position_embeddings=128,
    )
    BertModel(config).save_pretrained(folder)
    AutoTokenizer.from_pretrained(str(embedded_folder())).save_pretrained(folder)
    return folder


@pytest.fixture
def make_png(tmp_path: Path) -> Callable[..., Path]:
    """A builder of grey PNG files with a texture of their own."""

    def build(name: str = "image.png", *, seed: int = 0, height: int = 40, width: int = 32) -> Path:
        pixels = np.random.default_rng(seed).integers(0, 256, (height, width), dtype=np.uint8)
        path = tmp_path / name
        Image.fromarray(pixels).save(path)
        return path

    return build


@pytest.fixture
def make_study(make_png: Callable[..., Path]) -> Callable[..., Study]:
    """A builder of studies with PNG images and a history."""

    def build(study_id: str = "S1", *, images: int = 1, note: str | None = "fever and cough", seed: int = 0) -> Study:
        paths = [make_png(f"{study_id}-{number}.png", seed=seed + number) for number in range(images)]
        return Study(
            study_id=study_id,
            patient_id=f"P-{study_id}",
            images=tuple(ImageRef(path=str(path)) for path in paths),
            note=() if note is None else (NoteSection(name="history", text=note),),
        )

    return build


@dataclass(frozen=True, kw_only=True)
class Workspace:
    """A small experiment on phantom studies: manifest.parquet, truth.parquet, bundle/, scores/."""

    folder: Path
    config: RunConfig

    @property
    def manifest(self) -> Manifest:
        return Manifest.read(self.folder / "manifest.parquet")

    @property
    def bundle(self) -> Path:
        return self.folder / "bundle"


@pytest.fixture(scope="session")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """Phantom studies, and a bundle trained on them just long enough to have learned something."""
    folder = tmp_path_factory.mktemp("workspace")
    options = PhantomOptions(size=96, split_counts=(140, 60, 60), missing_image_rate=0.04, missing_note_rate=0.04)
    write_studies(make_cases(260, seed=3, options=options), folder, workers=1)
    config = RunConfig.from_mapping(
        {
            "data": {"image_size": 64},
            "model": {"width": 32, "heads": 2, "fusion_layers": 1},
            "train": {"epochs": 4, "workers": 0, "batch_size": 16},
            "evaluate": {"bootstrap_draws": 100},
        }
    )
    train(Manifest.read(folder / "manifest.parquet"), config, folder / "bundle")
    return Workspace(folder=folder, config=config)


@pytest.fixture(scope="session")
def diagnoser(workspace: Workspace) -> Diagnoser:
    """The workspace's bundle, opened."""
    return Diagnoser.load(workspace.bundle)


@pytest.fixture(scope="session")
def scored_workspace(workspace: Workspace, diagnoser: Diagnoser) -> Path:
    """The workspace's folder once its studies are scored: manifest.parquet, bundle/, scores/."""
    score(diagnoser, workspace.manifest, workspace.folder / "scores", bundle=workspace.bundle)
    return workspace.folder
