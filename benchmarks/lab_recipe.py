"""The recipe that won on MedPix, as one learner: frozen features, closed-form heads, late fusion.

Every strength is chosen in four inner folds by patient of the training part. `docs/experiments.md` tells what each part
gives.
"""

import tomllib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.metrics import roc_auc_score

from benchmarks.peers.collection import Collection
from benchmarks.peers.folds import folds
from benchmarks.peers.words import mean_pooled

DESCRIPTIONS = Path(__file__).parent / "lab_descriptions.toml"
VIGNETTES = "vignettes"
DESCRIPTION_WEIGHT = 0.7
"""Weight of all descriptions of one kind together, in units of the weight of all training cases."""

TEXT_GRID = tuple((pieces, strength) for pieces in (0.0, 0.3) for strength in (2.0, 4.0, 8.0))
IMAGE_GRID = (0.01, 0.03, 0.1, 0.3)
IMAGE_WEIGHTS = (0.0, 0.1, 0.2, 0.3, 0.5)
INNER = 4

Array = NDArray[np.float64]
Rows = NDArray[np.int64]
_Setting = TypeVar("_Setting")


@dataclass(frozen=True)
class Head:
    """Kernel ridge: closed form, one answer per class; `rows` of the kernel are learned from, with these weights."""

    kernel: Array
    targets: Array
    weights: Array

    def __call__(self, train: Rows, held_out: Rows, *, strength: float, always: Rows) -> Array:
        rows = np.concatenate([train, always])
        targets, weights = self.targets[rows], self.weights[rows].copy()
        weights[len(train) :] *= len(train)  # descriptions weigh as a share of the cases, however many these are
        mean = (weights[:, None] * targets).sum(axis=0) / weights.sum()
        system = self.kernel[np.ix_(rows, rows)] + strength * np.diag(1 / weights)
        answers: Array = self.kernel[np.ix_(held_out, rows)] @ np.linalg.solve(system, targets - mean)
        return answers


def recipe(collection: Collection, train: Rows, held_out: Rows, seed: int) -> Array:
    """Note and images; a softmax of the scores stands for probabilities, of which only the order is scored."""
    note, image, weight = _parts(collection, train, held_out, seed)
    return _softmax(note + weight * image)


def recipe_note(collection: Collection, train: Rows, held_out: Rows, seed: int) -> Array:
    return _softmax(_parts(collection, train, held_out, seed)[0])


def recipe_image(collection: Collection, train: Rows, held_out: Rows, seed: int) -> Array:
    return _softmax(_parts(collection, train, held_out, seed)[1])


def _parts(collection: Collection, train: Rows, held_out: Rows, seed: int) -> tuple[Array, Array, float]:
    text, always = _text_heads(collection, train)
    images = _image_head(collection, train)
    inner = list(folds(collection, seed=seed, rows=train, parts=INNER))

    def note_scores(learn: Rows, score: Rows, setting: tuple[float, float]) -> Array:
        return text[setting[0]](learn, score, strength=setting[1], always=always)

    def image_scores(learn: Rows, score: Rows, setting: float) -> Array:
        return images(learn, score, strength=setting * len(learn) / 100, always=np.zeros(0, np.int64))

    note_setting, note_inner = _chosen(note_scores, TEXT_GRID, collection, inner)
    image_setting, image_inner = _chosen(image_scores, IMAGE_GRID, collection, inner)
    weight = max(IMAGE_WEIGHTS, key=lambda share: _macro(collection, note_inner + share * image_inner))
    return note_scores(train, held_out, note_setting), image_scores(train, held_out, image_setting), weight


def _chosen(
    scores: Callable[[Rows, Rows, _Setting], Array],
    grid: Sequence[_Setting],
    collection: Collection,
    inner: list[tuple[Rows, Rows]],
) -> tuple[_Setting, Array]:
    """The setting that is best out of the inner folds, and its scores there (NaN in other rows)."""
    tried = []
    for setting in grid:
        found = np.full((len(collection.labels), len(collection.classes)), np.nan)
        for learn, score in inner:
            found[score] = scores(learn, score, setting)
        tried.append((_macro(collection, found), setting, found))
    _, setting, found = max(tried, key=lambda one: one[0])
    return setting, found


def _macro(collection: Collection, scores: Array) -> float:
    known = ~np.isnan(scores[:, 0])
    truth = collection.labels[known, None] == np.arange(len(collection.classes))
    return float(roc_auc_score(truth, scores[known], average="macro"))


def _text_heads(collection: Collection, train: Rows) -> tuple[dict[float, Head], Rows]:
    """A head per share of character pieces, and the rows of the descriptions behind those of the cases.

    Means and vocabulary are those of the training part.
    """
    cases = tuple(_without_section_names(note) for note in collection.notes)
    texts, labels, weights = _descriptions(collection.classes)
    case_vectors, description_vectors = _unit(mean_pooled(cases)), _unit(mean_pooled(texts))
    vectors = _unit(
        np.concatenate(
            [case_vectors - case_vectors[train].mean(axis=0), description_vectors - description_vectors.mean(axis=0)]
        )
    )
    gaussian = np.exp(-2 * (2 - 2 * vectors @ vectors.T))
    pieces = TfidfVectorizer(analyzer="char_wb", ngram_range=(3, 5), min_df=3, sublinear_tf=True)
    words = pieces.fit([*(cases[row] for row in train), *texts]).transform([*cases, *texts])
    targets = np.eye(len(collection.classes))[np.concatenate([collection.labels, labels])]
    all_weights = np.concatenate([np.ones(len(cases)), weights])
    overlap = (words @ words.T).toarray()
    heads = {
        share: Head(gaussian + share * overlap, targets, all_weights) for share in {share for share, _ in TEXT_GRID}
    }
    return heads, np.arange(len(cases), len(cases) + len(texts))


def _descriptions(classes: tuple[str, ...]) -> tuple[tuple[str, ...], Rows, Array]:
    """Texts of the classes, their class, and weights: each kind sums to `DESCRIPTION_WEIGHT`, its classes evenly."""
    table = tomllib.loads(DESCRIPTIONS.read_text(encoding="utf-8"))
    texts: list[str] = []
    labels: list[int] = []
    weights: list[float] = []
    for label, name in enumerate(classes):
        organs = table[name]
        kinds = [[text for organ, found in organs.items() if organ != VIGNETTES for text in found], organs[VIGNETTES]]
        for kind in kinds:
            texts += kind
            labels += [label] * len(kind)
            weights += [DESCRIPTION_WEIGHT / len(classes) / len(kind)] * len(kind)
    return tuple(texts), np.array(labels), np.array(weights)


def _without_section_names(note: str) -> str:
    return "\n".join(line.removeprefix("history: ").removeprefix("exam: ") for line in note.splitlines())


def _image_head(collection: Collection, train: Rows) -> Head:
    own = np.repeat(np.arange(len(collection.images)), [len(images) for images in collection.images])
    known = np.isin(own, train)
    features = _case_energy(collection)
    features = (features - features[known].mean(axis=0)) / (features[known].std(axis=0) + 1e-6)
    squares = (features**2).sum(axis=1)
    distances = np.maximum(squares[:, None] + squares - 2 * features @ features.T, 0)
    share = (own == np.arange(len(collection.images))[:, None]).astype(float)  # (N, images)
    share /= share.sum(axis=1, keepdims=True)
    kernel = (
        share @ np.exp(-2 * distances / np.median(distances[np.ix_(known, known)])) @ share.T
    )  # the mean over pairs of images
    middle = kernel[train].mean(axis=0)
    kernel += kernel[np.ix_(train, train)].mean() - middle - middle[:, None]
    kernel /= np.diag(kernel)[train].mean()
    targets = np.eye(len(collection.classes))[collection.labels]
    return Head(kernel, targets, np.ones(len(targets)))


@cache
def _case_energy(collection: Collection) -> Array:
    return gabor_energy(np.concatenate(collection.images))


def gabor_energy(images: NDArray[np.float32], *, cells: int = 8) -> Array:
    """Log energy of 32 log-Gabor filters (4 wavelengths, 8 directions), averaged in cells.

    Args:
        images: (N, S, S) standardised; S is a multiple of `cells`.
        cells: Cells of a side.

    Returns:
        (N, 32 · cells · cells).

    Source: Field, Relations between the statistics of natural images and the response properties of cortical cells,
        J. Opt. Soc. Am. A 4 (1987).
    """
    side = images.shape[-1]
    frequency = np.fft.fftfreq(side)
    down, across = np.meshgrid(frequency, frequency, indexing="ij")
    radius, angle = np.hypot(across, down) + 1e-9, np.arctan2(down, across)
    filters = np.stack(
        [
            np.exp(-(np.log(radius * wavelength) ** 2) / (2 * 0.55**2))
            * np.exp(-(np.angle(np.exp(1j * (angle - direction))) ** 2) / (2 * (0.7 * np.pi / 8) ** 2))
            for wavelength in (2.5, 5.0, 10.0, 20.0)  # pixels
            for direction in np.pi * np.arange(8) / 8
        ]
    )  # (32, S, S)
    width = side // cells
    energy = np.stack([np.abs(np.fft.ifft2(np.fft.fft2(image) * filters)) for image in images])  # (N, 32, S, S)
    pooled = energy.reshape(len(images), len(filters), cells, width, cells, width).mean(axis=(3, 5))
    return np.log(pooled + 0.02).reshape(len(images), -1)


def _unit(vectors: Array) -> Array:
    return vectors / (np.linalg.norm(vectors, axis=1, keepdims=True) + 1e-9)


def _softmax(scores: Array) -> Array:
    raised = np.exp(scores - scores.max(axis=1, keepdims=True))
    return raised / raised.sum(axis=1, keepdims=True)
