"""Train a `KernelNetwork`: no epochs, no steps; every weight is the solution of a linear system.

What resembles what (`gamma`), how smooth answers are (`strength`) and what an image counts beside a note are chosen by
cross-validation by patient inside the training studies. Validation calibrates and measures, and nothing else.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mediscan.config import RunConfig, VolumeReading
from mediscan.data.batch import stack_images
from mediscan.errors import ConfigError
from mediscan.findings import FindingSet
from mediscan.model.calibration import units
from mediscan.model.inference import ALL_PATTERNS, infer
from mediscan.model.kernel import KernelNetwork, gaussian_kernel
from mediscan.model.kernel.head import squared_distances
from mediscan.model.text import NoteTokenizer, build_text_encoder
from mediscan.progress import Progress
from mediscan.study import Split
from mediscan.train.finish import Answered, TrainResult, write_bundle
from mediscan.train.folds import folds
from mediscan.train.knowledge import Knowledge, read_knowledge
from mediscan.train.ridge import ALWAYS, Floats, Machine, Rows, choose_machine, measured
from mediscan.train.studies import StudySet, cache_text_features

MOST_ROWS = 10_000
"""Studies and texts, or images. Kernels grow with the square of their number: this many take 800 MB each."""

INNER_FOLDS = 4
NOTE_GAMMAS = (1.0, 2.0)  # squared distances of unit vectors lie between 0 and 4
NOTE_STRENGTHS = (1.0, 2.0, 4.0, 8.0)
IMAGE_GAMMA = 2.0  # in units of one over the median squared distance
IMAGE_STRENGTHS = (0.1, 0.3, 1.0)
IMAGE_WEIGHTS = (0.0, 0.1, 0.2, 0.3, 0.5, 1.0, 2.0, 5.0)

_STUDIES_AT_ONCE = 16


@dataclass(frozen=True, kw_only=True)
class _Part:
    """One modality: its machine, and which of the N training studies have it.

    `scores` is (N, F): of each study by what the other folds taught, NaN where it lacks the modality.
    """

    machine: Machine
    landmarks: Tensor
    coefficients: Floats
    scores: Floats


def train_closed_form(
    training: StudySet,
    validation: StudySet,
    out: Path,
    *,
    config: RunConfig,
    findings: FindingSet,
    tokenizer: NoteTokenizer,
    provenance: Mapping[str, Any],
    progress: Progress,
) -> TrainResult:
    """Fit to the training studies, calibrate and measure on validation, and write a bundle.

    Args:
        training: The training studies.
        validation: The validation studies.
        out: The bundle's folder.
        config: The run; its method is `kernel`.
        findings: What to answer.
        tokenizer: Of the text encoder.
        provenance: What the bundle says of its origin.
        progress: Told of every stage.

    Raises:
        ConfigError: The configuration asks for what this method does not do, there are too many rows for it, or the
            knowledge file is wrong.
    """
    network = KernelNetwork(config.model, findings=findings, text_encoder=build_text_encoder(config.model))
    network.eval().requires_grad_(requires_grad=False)
    _require_fitting(config, network)
    path = config.train.knowledge
    knowledge = read_knowledge(Path(path), findings) if path else Knowledge.none(findings)
    _require_few(training, knowledge)
    for studies, name in ((training, "train"), (validation, "val")):
        stage = f"encode {name} notes"
        cache_text_features(
            network, studies, pad_id=tokenizer.pad_id, progress=progress, stage=stage, dtype=torch.float32
        )
    found = fit_network(network, training, knowledge=knowledge, tokenizer=tokenizer, config=config, progress=progress)
    training_answers, validation_answers = (
        infer(
            network,
            studies.examples,
            tokenizer=tokenizer,
            config=config.data,
            patterns=ALL_PATTERNS,
            features=studies.features,
        )
        for studies in (training, validation)
    )
    return write_bundle(
        network,
        out,
        config=config,
        tokenizer=tokenizer,
        training=Answered(studies=training, inferred=training_answers),
        validation=Answered(studies=validation, inferred=validation_answers),
        provenance={**provenance, **found},
        history=(),
    )


@torch.inference_mode()
def fit_network(
    network: KernelNetwork,
    training: StudySet,
    *,
    knowledge: Knowledge,
    tokenizer: NoteTokenizer,
    config: RunConfig,
    progress: Progress,
) -> dict[str, Any]:
    """Fit both machines of a network and what joins them.

    Args:
        network: Is changed in place.
        training: The studies; their notes' features are cached.
        knowledge: Texts to learn from too.
        tokenizer: Of the text encoder.
        config: The run.
        progress: Told of every stage.

    Returns:
        What was chosen, for provenance.
    """
    inner = _inner_folds(training, seed=config.train.seed)
    texts = network.text_encoder.encode([tokenizer(text) for text in knowledge.texts], pad_id=tokenizer.pad_id)
    progress("fit", 0, 2)
    note = _fit_notes(network, training, texts=texts, knowledge=knowledge, inner=inner)
    progress("fit", 1, 2)
    image = _fit_images(network, training, inner=inner, size=config.data.image_size)
    weight = _join(network, training.labels.astype(np.float64), note=note, image=image)
    progress("fit", 2, 2)
    return {
        "inner_folds": int(inner.max()) + 1,
        **_chosen("note", note),
        **_chosen("image", image),
        "image_weight": weight,
        "knowledge_texts": len(knowledge),
        "knowledge_sha256": knowledge.sha256,
    }


def _chosen(name: str, part: _Part | None) -> dict[str, float]:
    if part is None:
        return {}
    machine = part.machine
    return {f"{name}_gamma": machine.gamma, f"{name}_strength": machine.strength, f"{name}_inner_auroc": machine.auroc}


def _require_fitting(config: RunConfig, network: KernelNetwork) -> None:
    """Refuse what this method would silently leave out."""
    model, data = config.model, config.data
    unread = {
        "data.values": bool(data.values),
        "data.volumes": data.volumes is VolumeReading.WHOLE,
        "model.trainable_text_layers": bool(model.trainable_text_layers),
        "model.text_adapter_rank": bool(model.text_adapter_rank),
        "model.image_adapter_rank": bool(model.image_adapter_rank),
        "model.image_weights": bool(model.image_weights),
        "model.initial": bool(model.initial),
    }
    for key, is_set in unread.items():
        if is_set:
            raise ConfigError(
                f"configuration {key} is not read by train.method = 'kernel', which trains no encoder and reads planes "
                "and notes alone",
                remedy=f'Leave {key} out, or set train.method = "gradient".',
            )
    encoder = network.image_encoder
    if next(encoder.parameters(), None) is not None and not encoder.pretrained:
        raise ConfigError(
            f"the image encoder {model.image_encoder!r} has no weights yet, and train.method = 'kernel' trains none",
            remedy='Set model.image_encoder = "texture", or name a pretrained one.',
        )


def _require_few(training: StudySet, knowledge: Knowledge) -> None:
    images = sum(len(example.planes) for example in training.examples)
    for count, what in ((len(training.examples) + len(knowledge), "studies and texts"), (images, "images")):
        if count > MOST_ROWS:
            raise ConfigError(
                f"train.method = 'kernel' learns from {MOST_ROWS} {what} at most, not {count}",
                remedy='Set train.method = "gradient".',
            )


def _inner_folds(training: StudySet, *, seed: int) -> NDArray[np.intp]:
    """(N,): the fold of each training study, by patient."""
    studies = [example.study for example in training.examples]
    count = min(INNER_FOLDS, len(set(training.patients)))
    inner = np.zeros(len(studies), dtype=np.intp)
    for fold, splits in enumerate(folds(studies, count, seed)):
        inner[[splits[study.study_id] is Split.VAL for study in studies]] = fold
    return inner


def _fit_notes(
    network: KernelNetwork, training: StudySet, *, texts: list[Tensor], knowledge: Knowledge, inner: NDArray[np.intp]
) -> _Part | None:
    has = np.array([len(tokens) > 0 for tokens in training.features])
    if not has.any():
        return None
    pooled = torch.stack([tokens.mean(dim=0) for tokens in training.features if len(tokens)])
    network.note_vectors.fit(pooled)
    vectors = network.note_vectors(torch.stack([*pooled, *(tokens.mean(dim=0) for tokens in texts)])).double()
    studies = int(has.sum())
    rows = Rows(
        labels=np.concatenate([training.labels[has], knowledge.labels]).astype(np.float64),
        shares=np.concatenate([np.zeros((studies, knowledge.shares.shape[1])), knowledge.shares]),
        folds=np.concatenate([inner[has], np.full(len(knowledge), ALWAYS)]),
    )
    kernels = {gamma: gaussian_kernel(vectors, vectors, gamma=gamma).numpy() for gamma in NOTE_GAMMAS}
    machine = choose_machine(kernels, rows, findings=network.findings, strengths=NOTE_STRENGTHS)
    scores = np.full(training.labels.shape, np.nan)
    scores[has] = machine.scores[:studies]
    return _Part(machine=machine, landmarks=vectors, coefficients=machine.coefficients, scores=scores)


def _fit_images(network: KernelNetwork, training: StudySet, *, inner: NDArray[np.intp], size: int) -> _Part | None:
    counts = np.array([len(example.planes) for example in training.examples])
    has = counts > 0
    if not has.any():
        return None
    grids = torch.cat(list(_grids(network, training, size=size)))  # (M, P · C)
    network.image_vectors.fit(grids)
    vectors = network.image_vectors(grids)
    distances = squared_distances(vectors, vectors)
    gamma = IMAGE_GAMMA / max(float(distances.median()), 1e-6)
    # A study resembles another as its images do on average. Source: Gärtner et al., "Multi-instance kernels", 2002.
    share = np.zeros((int(has.sum()), len(grids)))  # (N, M)
    share[np.repeat(np.arange(len(share)), counts[has]), np.arange(len(grids))] = 1 / np.repeat(
        counts[has], counts[has]
    )
    kernel = share @ torch.exp(-gamma * distances).double().numpy() @ share.T
    rows = Rows(
        labels=training.labels[has].astype(np.float64), shares=np.zeros(training.labels[has].shape), folds=inner[has]
    )
    machine = choose_machine({gamma: kernel}, rows, findings=network.findings, strengths=IMAGE_STRENGTHS)
    scores = np.full(training.labels.shape, np.nan)
    scores[has] = machine.scores
    return _Part(machine=machine, landmarks=vectors, coefficients=share.T @ machine.coefficients, scores=scores)


def _grids(network: KernelNetwork, training: StudySet, *, size: int) -> Iterator[Tensor]:
    """What the image encoder sees in the training images, study by study: (images, P · C)."""
    for start in range(0, len(training.examples), _STUDIES_AT_ONCE):
        images, mask = stack_images(
            [example.stack for example in training.examples[start : start + _STUDIES_AT_ONCE]], size=size
        )
        if mask.any():
            tokens, _ = network.image_tokens(images, mask)
            yield tokens[mask].flatten(1)


def _join(network: KernelNetwork, labels: Floats, *, note: _Part | None, image: _Part | None) -> float:
    """Put both machines into the network, on the scale of logits; returns what an image counts beside a note."""
    network.prior = _float(_prior(labels, network.findings))
    if note is None and image is None:
        return 0.0
    weight = _image_weight(labels, note, image)
    beside = 0.0 if image is None else weight * np.nan_to_num(image.scores)
    # Out of fold, as new studies are: what a machine says of those it was fitted to is far more certain.
    image_scale = _scale(image.scores, network.findings) if image else np.ones(labels.shape[1])
    note_scale = _scale(note.scores + beside, network.findings) if note else image_scale
    for head, part, scale in ((network.note_head, note, note_scale), (network.image_head, image, image_scale)):
        if part is not None:
            head.fit(
                landmarks=part.landmarks,
                coefficients=torch.from_numpy(part.coefficients * scale),
                bias=torch.from_numpy(-np.nanmean(part.scores, axis=0) * scale),
                gamma=part.machine.gamma,
            )
    network.image_weight = _float(weight * note_scale / image_scale)
    return weight


def _image_weight(labels: Floats, note: _Part | None, image: _Part | None) -> float:
    if note is None or image is None:
        return 1.0
    return max(IMAGE_WEIGHTS, key=lambda weight: measured(labels, note.scores + weight * image.scores))


def _scale(scores: Floats, findings: FindingSet) -> Floats:
    """(F,): brings the scores of each finding or class group to unit spread, which is about right for logits."""
    scale = np.ones(len(findings))
    for members in map(list, units(findings).values()):
        spread = float(np.nanstd(scores[:, members] - np.nanmean(scores[:, members], axis=0)))
        scale[members] = 1 / spread if spread > 1e-9 else 1.0
    return scale


def _prior(labels: Floats, findings: FindingSet) -> Floats:
    """(F,): log-odds of each finding among the training studies; of a class group's members the log share."""
    present, absent = (labels == 1).sum(axis=0) + 0.5, (labels == 0).sum(axis=0) + 0.5
    prior: Floats = np.log(present / absent)
    for members in map(list, findings.groups.values()):
        prior[members] = np.log(present[members] / present[members].sum())
    return prior


def _float(values: Floats) -> Tensor:
    return torch.from_numpy(values).float()
