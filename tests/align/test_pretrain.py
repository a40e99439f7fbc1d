import importlib.util
import json
import shutil
from dataclasses import replace

import numpy as np
import pytest
import torch
from align_builders import FINDINGS, SIZE, bright_corner_studies, manifest_of, small_config
from safetensors.torch import load_file, save_file

from mediscan.align.embedders import AlignedEmbedder
from mediscan.align.folder import HEADS, Aligned
from mediscan.align.index import CaseIndex, build_index
from mediscan.align.pretrain import pretrain
from mediscan.align.prompts import Prompts
from mediscan.align.query import SearchableStudies
from mediscan.align.search import Engine, open_search
from mediscan.align.zero_shot import Compared, zero_shot
from mediscan.data.examples import read_example
from mediscan.errors import BundleError, ConfigError, ManifestError
from mediscan.model.bundle import Bundle
from mediscan.model.bundle_files import write_checksums
from mediscan.model.network import DiagnosisNetwork
from mediscan.model.text import build_text_encoder
from mediscan.model.transfer import load_initial
from mediscan.model.transfer.aligned import ENCODERS, is_aligned
from mediscan.study import Split

EPOCHS = 45


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    """Arithmetic this small only waits for a second thread."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def config(tiny_text_encoder):
    return small_config(tiny_text_encoder, pretrain={"epochs": EPOCHS, "batch_size": 12, "learning_rate": 8e-3})


@pytest.fixture(scope="module")
def manifest(tmp_path_factory):
    folder = tmp_path_factory.mktemp("corners")
    return manifest_of(bright_corner_studies(folder), folder)


@pytest.fixture(scope="module")
def pretrained(manifest, config, tmp_path_factory):
    return pretrain(manifest, config, tmp_path_factory.mktemp("pretrained") / "aligned")


@pytest.fixture(scope="module")
def aligned(pretrained):
    return Aligned.load(pretrained.folder)


@pytest.fixture
def copy(pretrained, tmp_path):
    return shutil.copytree(pretrained.folder, tmp_path / "copy")


def rewritten(folder, name, change):
    """An altered folder whose checksums fit, as somebody would make it who wants to be believed."""
    content = json.loads((folder / name).read_text())
    change(content)
    (folder / name).write_text(json.dumps(content))
    write_checksums(folder)


def test_pretraining_finds_partners_that_an_untrained_network_does_not(pretrained, manifest, config, tmp_path):
    untrained = pretrain(
        manifest,
        config.model_copy(update={"pretrain": config.pretrain.model_copy(update={"epochs": 1, "learning_rate": 1e-9})}),
        tmp_path / "untrained",
    )
    for way in ("image_to_note", "note_to_image"):
        before, after = (result.metrics["retrieval"][way] for result in (untrained, pretrained))
        assert before["recall@1"] < 0.4
        assert after["recall@1"] > 0.7
        assert after["median_rank"] < before["median_rank"]
    assert len(pretrained.history) == EPOCHS


def test_the_same_seed_gives_the_same_folder(manifest, config, tmp_path):
    short = config.model_copy(update={"pretrain": config.pretrain.model_copy(update={"epochs": 2})})
    ids = {pretrain(manifest, short, tmp_path / name).alignment_id for name in ("one", "two")}
    assert len(ids) == 1


def test_every_option_of_pretraining_runs(manifest, tiny_text_encoder, tmp_path):
    config = small_config(
        tiny_text_encoder,
        model={"trainable_text_layers": 1},
        train={"augmentation": "mild"},
        pretrain={"epochs": 1, "loss": "siglip", "masked_words_weight": 0.5, "image_weight": 0.5},
    )
    result = pretrain(manifest, config, tmp_path / "aligned")
    assert result.history[0].keys() == {"global", "local", "image", "masked_words", "val_loss", "val_recall@1"}
    assert all(np.isfinite(value) for value in result.history[0].values())
    assert Aligned.load(result.folder).network.text_encoder.trainable_layers == 1


def test_a_split_without_pairs_is_refused(manifest, tiny_text_encoder, tmp_path):
    config = small_config(tiny_text_encoder, pretrain={"note_sections": ["impression"]})
    with pytest.raises(ManifestError, match=r"split 'train' has 0 studies with an image and a note \(96 lack one"):
        pretrain(manifest, config, tmp_path / "aligned")


def test_a_folder_comes_back_as_it_was_written(pretrained, aligned, manifest):
    assert aligned.alignment_id == pretrained.alignment_id
    studies = manifest.studies(Split.VAL)
    measured = SearchableStudies.read(aligned, studies).measure(draws=50)
    stored = pretrained.metrics["retrieval"]
    assert measured["image_to_note"]["recall@5"] == pytest.approx(stored["image_to_note"]["recall@5"], abs=0.02)
    assert not any(parameter.requires_grad for parameter in aligned.network.parameters())


def test_an_altered_file_is_refused(copy):
    (copy / HEADS).write_bytes((copy / HEADS).read_bytes()[:-1] + b"x")
    with pytest.raises(BundleError, match=r"heads\.safetensors in bundle .* is not the file that was saved"):
        Aligned.load(copy)


def test_an_added_file_is_refused(copy):
    (copy / "tokenizer" / "extra.py").write_text("print('hello')")
    with pytest.raises(BundleError, match=r"extra\.py in bundle"):
        Aligned.load(copy)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda stored: stored.update(preprocessing_version=1), "preprocessing version 1"),
        (lambda stored: stored.update(format=1), "holds no aligned encoders"),
        (lambda stored: stored.update(config=[]), "has no configuration"),
        (lambda stored: stored["config"]["model"].update(widht=3), "unknown configuration key 'model.widht'"),
        (lambda stored: stored.pop("provenance"), "cannot be opened: KeyError"),
        (lambda stored: stored["config"]["model"].update(width=64), "cannot be opened: RuntimeError"),
    ],
)
def test_a_folder_with_a_wrong_configuration_is_refused(copy, change, message):
    rewritten(copy, "config.json", change)
    with pytest.raises(BundleError, match=message):
        Aligned.load(copy)


def test_weights_that_are_no_safetensors_are_never_unpickled(copy):
    torch.save({"image_encoder.body": torch.zeros(1)}, copy / ENCODERS)
    write_checksums(copy)
    with pytest.raises(BundleError, match=r"encoders\.safetensors cannot be read: SafetensorError"):
        Aligned.load(copy)


def test_lacking_weights_are_refused(copy):
    state = load_file(copy / ENCODERS)
    state.pop("image_projection.1.weight")
    save_file(state, copy / ENCODERS)
    write_checksums(copy)
    with pytest.raises(BundleError, match="lacks 1 weights and has 0 too many"):
        Aligned.load(copy)


def test_a_bundle_and_aligned_encoders_are_not_taken_for_each_other(copy, workspace):
    assert is_aligned(copy)
    assert not is_aligned(workspace.bundle)
    with pytest.raises(BundleError, match="holds no aligned encoders"):
        Aligned.load(workspace.bundle)
    with pytest.raises(BundleError, match="has format 'alignment-1', not 1"):
        Bundle.load(copy)


def test_a_network_starts_from_the_encoders(pretrained, config):
    network = DiagnosisNetwork(config.model, findings=FINDINGS, text_encoder=build_text_encoder(config.model))
    before = {name: value.clone() for name, value in network.state_dict().items()}
    given = load_file(pretrained.folder / ENCODERS)
    told = load_initial(network, pretrained.folder)
    assert set(told.loaded) == set(given)
    assert not told.left_out
    assert not told.missing
    assert str(told) == f"pretrained weights: {len(given)} loaded"
    after = network.state_dict()
    assert all(torch.equal(value, given.get(name, before[name])) for name, value in after.items())
    assert set(given) < set(after)


def test_what_does_not_fit_is_left_out_and_told(pretrained, tiny_text_encoder):
    wider = small_config(tiny_text_encoder, model={"width": 48}).model
    network = DiagnosisNetwork(wider, findings=FINDINGS, text_encoder=build_text_encoder(wider))
    told = load_initial(network, pretrained.folder)
    assert {"image_projection.1.weight", "text_projection.1.weight"} <= set(told.left_out)
    assert set(told.missing) == set(told.left_out)
    assert "4 left out (image_projection.1" in str(told)


def test_another_image_encoder_is_refused(pretrained, tiny_text_encoder):
    other = small_config(tiny_text_encoder, model={"image_encoder": "densenet121"}).model
    network = DiagnosisNetwork(other, findings=FINDINGS, text_encoder=build_text_encoder(other))
    with pytest.raises(ConfigError, match=r"holds an image encoder 'resnet-small', which is another\. Set model"):
        load_initial(network, pretrained.folder)


PROMPTS = {
    name: Prompts(
        positive=(f"{name.replace('_', ' ')} opacity.",),
        negative=(f"No {name.replace('_', ' ')} opacity.",),
    )
    for name in FINDINGS
}


def test_prompts_find_findings_without_labels(aligned, manifest, tmp_path):
    result = zero_shot(aligned, manifest.studies(Split.TEST), PROMPTS, tmp_path / "out", split="test")
    assert result.metrics["macro"]["auroc"] > 0.8
    assert result.metrics["score"] == "similarity"
    turned = {name: replace_sides(prompts) for name, prompts in PROMPTS.items()}
    worse = zero_shot(aligned, manifest.studies(Split.TEST), turned, tmp_path / "turned")
    assert worse.metrics["macro"]["auroc"] == pytest.approx(1 - result.metrics["macro"]["auroc"])
    assert json.loads((tmp_path / "out" / "metrics.json").read_text())["compared"] == "image"


def replace_sides(prompts):
    return Prompts(positive=prompts.negative, negative=prompts.positive)


def test_a_report_is_never_compared_with_prompts(aligned, manifest, tmp_path):
    """The builders' findings section names the answer; of the notes, only the history may be read."""
    studies = manifest.studies(Split.TEST)
    result = zero_shot(aligned, studies, PROMPTS, tmp_path / "out", compared=Compared.NOTE)
    history = {study.study_id: study.note[0].text for study in studies}
    by_text = {}
    for example, scores in zip(result.examples, result.scores, strict=True):
        by_text.setdefault(history[example.study.study_id], []).append(scores)
    assert len(by_text) == 2
    assert all(np.ptp(np.stack(scores), axis=0).max() < 1e-5 for scores in by_text.values())


def test_studies_that_lack_what_is_compared_are_refused_by_name(aligned, manifest, tmp_path):
    first, *rest = manifest.studies(Split.TEST)
    blank = replace(first, note=())
    result = zero_shot(aligned, [blank, *rest], PROMPTS, tmp_path / "out", compared=Compared.BOTH)
    assert [refusal.study_id for refusal in result.refused] == [first.study_id]
    assert len(result.examples) == len(rest)
    with pytest.raises(ManifestError, match=r"no study can be compared by note \(1 refused\)"):
        zero_shot(aligned, [blank], PROMPTS, tmp_path / "none", compared=Compared.NOTE)


def test_unlabelled_studies_get_scores_and_no_metrics(aligned, manifest, tmp_path):
    studies = [replace(study, labels={}) for study in manifest.studies(Split.TEST)]
    result = zero_shot(aligned, studies, PROMPTS, tmp_path / "out")
    assert result.metrics is None
    assert not (tmp_path / "out" / "metrics.json").exists()


def test_a_text_finds_the_images_it_describes_and_images_find_their_note(aligned, manifest):
    searchable = SearchableStudies.read(aligned, manifest.studies(Split.TEST))
    by_text, by_image = [], []
    for example in searchable.pairs.examples:
        study_id = example.study.study_id
        said = example.note.text.removeprefix("findings: ")
        by_text.append(study_id in {hit.study_id for hit in searchable.images_for(said, count=5)})
        by_image.append(study_id in {hit.study_id for hit in searchable.notes_for(study_id, count=5)})
    assert np.mean(by_text) > 0.8  # by chance 5 of 24
    assert np.mean(by_image) > 0.8
    with pytest.raises(ManifestError, match="the text to look for is blank"):
        searchable.images_for(" \n", count=5)
    with pytest.raises(ManifestError, match="study 'S0' is not among the 24 studies with image and note"):
        searchable.notes_for("S0", count=5)


@pytest.fixture(scope="module")
def index(aligned, manifest):
    return build_index(AlignedEmbedder(aligned), manifest.studies(Split.TRAIN))


def query(aligned, study):
    embedder = AlignedEmbedder(aligned)
    return embedder.embed([read_example(study, embedder.data)])


def test_similar_studies_share_more_labels_than_others(aligned, manifest, index):
    alike, chance = [], []
    for study in manifest.studies(Split.TEST)[:10]:
        found = index.similar(study, query(aligned, study), count=3)
        alike += [np.mean([case.labels[name] == study.labels[name] for name in FINDINGS]) for case in found]
        chance += [np.mean([labels[name] == study.labels[name] for name in FINDINGS]) for labels in index.labels]
    assert np.mean(alike) > np.mean(chance) + 0.2


def test_the_patients_own_studies_are_not_among_the_similar(aligned, manifest, index):
    study = manifest.studies(Split.TRAIN)[0]
    found = index.similar(study, query(aligned, study), count=len(index))
    assert len(found) == len(index) - 1
    assert study.study_id not in {case.study_id for case in found}
    assert [case.similarity for case in found] == sorted((case.similarity for case in found), reverse=True)


def test_an_index_comes_back_as_it_was_saved(index, tmp_path):
    index.save(tmp_path / "index.npz")
    loaded = CaseIndex.load(tmp_path / "index.npz")
    assert loaded.model_id == index.model_id
    assert loaded.labels == index.labels
    assert np.array_equal(loaded.joined, index.joined)


def test_an_index_with_pickles_or_compression_is_refused(index, tmp_path):
    path = tmp_path / "index.npz"
    np.savez(path, known=np.array([{"format": "case-index-1"}], dtype=object), image=index.image, note=index.note)
    with pytest.raises(BundleError, match="is no index of studies: ValueError"):
        CaseIndex.load(path)
    np.savez_compressed(path, known=np.zeros(3, dtype=np.uint8), image=index.image, note=index.note)
    with pytest.raises(BundleError, match="is no index of studies: ValueError"):
        CaseIndex.load(path)
    path.write_bytes(b"no zip")
    with pytest.raises(BundleError, match="is no index of studies: BadZipFile"):
        CaseIndex.load(path)


def test_an_index_of_another_length_is_refused(index, tmp_path):
    replace(index, patients=index.patients[:-1]).save(tmp_path / "index.npz")
    with pytest.raises(BundleError, match="is no index of studies"):
        CaseIndex.load(tmp_path / "index.npz")


def test_a_search_without_faiss_says_what_to_install(index):
    if importlib.util.find_spec("faiss") is None:
        with pytest.raises(ConfigError, match="faiss is not installed"):
            open_search(index.joined, Engine.FAISS)
    else:
        one, other = (open_search(index.joined, engine)(index.joined[0], 5)[1] for engine in Engine)
        assert np.array_equal(one, other)


def test_images_are_of_the_configured_size(aligned):
    assert aligned.config.data.image_size == SIZE
