import io
import json
import shutil
import zipfile
from dataclasses import replace

import numpy as np
import pytest
import torch

from mediscan.config import RunConfig
from mediscan.data.batch import StudyBatch
from mediscan.errors import BundleError
from mediscan.findings import FindingSet
from mediscan.model.bundle import Bundle, save_bundle
from mediscan.model.bundle_files import write_checksums
from mediscan.model.calibration import Calibration, units
from mediscan.model.network import DiagnosisNetwork
from mediscan.model.reference import Reference
from mediscan.model.text import build_text_encoder, load_tokenizer
from mediscan.study import Availability

FINDINGS = FindingSet(("edema", "cause:a", "cause:b"))
METRICS = {
    "split": "val",
    "n_studies": 57,
    "n_patients": 43,
    "findings": {
        "edema": {
            "n_positive": 21,
            "n_negative": 36,
            "auroc": 0.8126,
            "auroc_ci": [0.7421, 0.8833],
            "ece": 0.0917,
            "threshold": 0.4376,
        },
        "cause:a": {
            "n_positive": 57,
            "n_negative": 0,
            "auroc": None,
            "auroc_ci": None,
            "ece": None,
            "threshold": 0.5,
        },
    },
    "by_modality": {
        "image": {"auroc": 0.6311, "auroc_ci": [0.5522, 0.7133]},
        "note": {"auroc": 0.7044, "auroc_ci": None},
        "fused": {"auroc": 0.8125, "auroc_ci": [0.7421, 0.8833]},
    },
}
PROVENANCE = {"manifest_sha256": "c0ffee", "train_studies": 321, "best_epoch": 7}


@pytest.fixture(scope="module")
def parts(tiny_text_encoder):
    torch.manual_seed(0)
    config = RunConfig.from_mapping(
        {
            "data": {"image_size": 32, "max_note_tokens": 100},
            "model": {
                "text_encoder": str(tiny_text_encoder),
                "text_window": 64,
                "width": 16,
                "heads": 2,
                "fusion_layers": 1,
            },
        }
    )
    rng = np.random.default_rng(0)
    network = DiagnosisNetwork(config.model, findings=FINDINGS, text_encoder=build_text_encoder(config.model))
    return {
        "config": config,
        "network": network.eval(),
        "tokenizer": load_tokenizer(tiny_text_encoder, window=64, most=100),
        "calibration": Calibration(
            findings=FINDINGS,
            thresholds=rng.random(len(FINDINGS)),
            parameters={
                Availability.BOTH: {
                    unit: rng.random((5, 1 + len(members))) for unit, members in units(FINDINGS).items()
                }
            },
            studies={Availability.BOTH: 57},
        ),
        "reference": Reference.fit({"image": rng.random((20, 16))}, {"image": rng.random((20, 16))}),
        "metrics": METRICS,
        "provenance": PROVENANCE,
    }


@pytest.fixture(scope="module")
def saved(parts, tmp_path_factory):
    folder = tmp_path_factory.mktemp("bundles") / "bundle"
    save_bundle(folder, **parts)
    return folder


@pytest.fixture
def copy(saved, tmp_path):
    return shutil.copytree(saved, tmp_path / "copy")


def files_of(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


@torch.inference_mode()
def answers(network, tokenizer):
    generator = torch.Generator().manual_seed(0)
    notes = [tokenizer(text) for text in ("fever and cough", "pain " * 90)]
    features = network.text_encoder.encode(notes, pad_id=tokenizer.pad_id)
    batch = StudyBatch.of(
        images=torch.randn(1, 2, 1, 32, 32, generator=generator),
        image_mask=torch.ones(1, 2, dtype=torch.bool),
        text=features[1][None],
        text_mask=torch.ones(1, len(features[1]), dtype=torch.bool),
    )
    return network(batch).logits


def test_a_bundle_holds_what_the_contract_names(saved):
    files = files_of(saved)

    assert {
        "README.md",
        "calibration.json",
        "config.json",
        "manifest.sha256",
        "metrics.json",
        "model.safetensors",
        "reference.npz",
        "text_encoder/config.json",
    } <= set(files)
    assert any(name.startswith("tokenizer/") for name in files)


def test_reloading_reproduces_logits_and_probabilities_bit_for_bit(saved, parts):
    bundle = Bundle.load(saved)
    before, after = answers(parts["network"], parts["tokenizer"]), answers(bundle.network, bundle.tokenizer)

    assert torch.equal(before, after)
    one, two = (
        calibration.apply(before.numpy(), Availability.BOTH)
        for calibration in (parts["calibration"], bundle.calibration)
    )
    assert np.array_equal(one.value, two.value)
    assert np.array_equal(one.lower, two.lower)
    assert bundle.config == parts["config"]
    assert bundle.findings == FINDINGS
    assert bundle.metrics == METRICS
    assert bundle.provenance == PROVENANCE


def test_a_bundle_needs_nothing_of_the_text_encoders_first_folder(parts, tiny_text_encoder, tmp_path):
    source = shutil.copytree(tiny_text_encoder, tmp_path / "source")
    model = parts["config"].model.model_copy(update={"text_encoder": str(source)})
    config = parts["config"].model_copy(update={"model": model})
    save_bundle(tmp_path / "bundle", **{**parts, "config": config})
    shutil.rmtree(source)

    bundle = Bundle.load(tmp_path / "bundle")

    assert torch.equal(answers(bundle.network, bundle.tokenizer), answers(parts["network"], parts["tokenizer"]))


def test_a_loaded_bundle_is_in_evaluation_mode_and_learns_nothing(saved):
    network = Bundle.load(saved).network

    assert not any(part.training for part in network.modules())
    assert not any(parameter.requires_grad for parameter in network.parameters())


def test_any_altered_file_is_refused_by_name(saved, tmp_path):
    names = [name for name in files_of(saved) if name != "manifest.sha256"]
    assert len(names) >= 8
    for position, name in enumerate(names):
        copy = shutil.copytree(saved, tmp_path / str(position))
        content = bytearray((copy / name).read_bytes())
        content[len(content) // 2] ^= 1
        (copy / name).write_bytes(content)
        with pytest.raises(BundleError, match=f"^{name} in bundle .* is not the file that was saved"):
            Bundle.load(copy)


def test_any_missing_file_is_refused_by_name(saved, tmp_path):
    for position, name in enumerate(name for name in files_of(saved) if name != "manifest.sha256"):
        copy = shutil.copytree(saved, tmp_path / str(position))
        (copy / name).unlink()
        with pytest.raises(BundleError, match=f"lacks {name}. Copy the bundle again"):
            Bundle.load(copy)


@pytest.mark.parametrize("name", ["extra.json", "tokenizer/added.txt"])
def test_an_extra_file_is_refused_by_name(copy, name):
    (copy / name).write_text("{}", encoding="utf-8")

    with pytest.raises(BundleError, match=f"^{name} in bundle .* is not the file that was saved"):
        Bundle.load(copy)


def test_a_folder_without_checksums_is_no_bundle(copy):
    (copy / "manifest.sha256").unlink()

    with pytest.raises(BundleError, match=r"is not a bundle: it has no manifest.sha256. Give the folder train wrote"):
        Bundle.load(copy)


@pytest.mark.parametrize("name", ["format", "preprocessing_version"])
def test_a_bundle_of_another_version_is_refused(copy, name):
    stored = json.loads((copy / "config.json").read_text(encoding="utf-8"))
    (copy / "config.json").write_text(json.dumps({**stored, name: 99}), encoding="utf-8")
    write_checksums(copy)

    with pytest.raises(BundleError, match=f"has {name} 99, not [12]. Open it with the version"):
        Bundle.load(copy)


def test_a_configuration_key_of_the_future_is_refused(copy):
    stored = json.loads((copy / "config.json").read_text(encoding="utf-8"))
    stored["config"]["model"]["telepathy"] = True
    (copy / "config.json").write_text(json.dumps(stored), encoding="utf-8")
    write_checksums(copy)

    with pytest.raises(BundleError, match=r"unknown configuration key 'model.telepathy'"):
        Bundle.load(copy)


def test_saving_into_a_folder_with_something_in_it_is_refused_and_touches_nothing(parts, tmp_path):
    (tmp_path / "bundle").mkdir()
    (tmp_path / "bundle" / "mine.txt").write_text("keep", encoding="utf-8")

    with pytest.raises(BundleError, match=r"is not empty. Choose another --out"):
        save_bundle(tmp_path / "bundle", **parts)

    assert files_of(tmp_path) == ["bundle/mine.txt"]


def test_saving_into_an_empty_folder_is_welcome(parts, tmp_path):
    (tmp_path / "bundle").mkdir()
    save_bundle(tmp_path / "bundle", **parts)

    assert Bundle.load(tmp_path / "bundle").findings == FINDINGS


def test_a_bundle_appears_whole_or_not_at_all(parts, tmp_path):
    with pytest.raises(ValueError, match="not JSON compliant"):
        save_bundle(tmp_path / "bundle", **{**parts, "metrics": {**METRICS, "n_studies": float("nan")}})

    assert list(tmp_path.iterdir()) == []


def test_no_pickle_stands_anywhere_in_a_bundle(saved):
    for name in files_of(saved):
        assert name.endswith((".json", ".safetensors", ".npz", ".md", ".sha256", ".txt")), name
        content = (saved / name).read_bytes()
        if name.endswith(".npz"):
            with zipfile.ZipFile(io.BytesIO(content)) as archive:
                for member in archive.namelist():
                    header = archive.read(member)
                    assert header.startswith(b"\x93NUMPY")
                    assert b"'descr': '|O'" not in header[:128]
        else:
            # Pickles of protocol 2 and later begin with 0x80, archives of them with PK.
            assert not content.startswith((b"\x80", b"PK")), name
            if name.endswith(".json"):
                json.loads(content)


def test_the_model_card_has_the_numbers_of_metrics_json(saved):
    card = (saved / "README.md").read_text(encoding="utf-8")

    assert "57 studies of 43 patients" in card
    assert "| edema | 21 | 36 | 0.813 (0.742 to 0.883) | 0.092 | 0.438 |" in card
    assert "| cause:a | 57 | 0 | not measurable |" in card
    assert "| image | 0.631 (0.552 to 0.713) |" in card
    assert "| note | 0.704 |" in card
    assert "- train studies: 321" in card
    assert "Not a medical device" in card


def test_the_same_model_has_the_same_id_and_another_has_another(parts, saved, tmp_path):
    stored = json.loads((saved / "config.json").read_text(encoding="utf-8"))["bundle_id"]
    again = save_bundle(tmp_path / "again", **parts)
    moved = replace(parts["calibration"], thresholds=parts["calibration"].thresholds / 2)
    other = save_bundle(tmp_path / "other", **{**parts, "calibration": moved})

    assert len(stored) == 16
    assert again == stored == Bundle.load(saved).bundle_id
    assert other != stored
