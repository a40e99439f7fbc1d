"""The two peers that read the note alone: a bag of words, and frozen MiniLM."""

from functools import cache

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, StratifiedGroupKFold
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from benchmarks.peers.collection import Collection
from mediscan.config import ModelConfig
from mediscan.model.text import build_text_encoder, load_tokenizer

STRENGTHS = {"minilm": (1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2), "tfidf": (0.3, 1.0, 3.0, 10.0, 30.0)}
_MOST_TOKENS = 1024


def tfidf(
    collection: Collection, train: NDArray[np.int64], held_out: NDArray[np.int64], seed: int
) -> NDArray[np.float64]:
    """Words and pairs of words, then logistic regression."""
    notes = np.array(collection.notes, dtype=object)
    words = TfidfVectorizer(ngram_range=(1, 2), min_df=2, sublinear_tf=True, stop_words="english")
    model = make_pipeline(words, LogisticRegression(max_iter=2000, class_weight="balanced"))
    return tuned(model, STRENGTHS["tfidf"], notes, collection, train=train, held_out=held_out, seed=seed)


def minilm(
    collection: Collection, train: NDArray[np.int64], held_out: NDArray[np.int64], seed: int
) -> NDArray[np.float64]:
    """Mean of the last layer over the note's tokens, standardised, then logistic regression."""
    model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=2000, class_weight="balanced"))
    features = mean_pooled(collection.notes)
    return tuned(model, STRENGTHS["minilm"], features, collection, train=train, held_out=held_out, seed=seed)


def tuned(
    model: Pipeline,
    strengths: tuple[float, ...],
    inputs: NDArray[np.float64] | NDArray[np.object_],
    collection: Collection,
    *,
    train: NDArray[np.int64],
    held_out: NDArray[np.int64],
    seed: int,
) -> NDArray[np.float64]:
    """Probabilities of the held-out rows, with C chosen by log loss in four folds by patient of the training part."""
    splits = StratifiedGroupKFold(n_splits=4, shuffle=True, random_state=seed)
    search = GridSearchCV(model, {"logisticregression__C": strengths}, scoring="roc_auc_ovr", cv=splits)
    search.fit(inputs[train], collection.labels[train], groups=collection.patients[train])
    probabilities: NDArray[np.float64] = search.predict_proba(inputs[held_out])
    return probabilities


@cache
def mean_pooled(notes: tuple[str, ...]) -> NDArray[np.float64]:
    """(N, 384) float64; zero where there is no note."""
    encoder = build_text_encoder(ModelConfig()).eval()
    tokenizer = load_tokenizer(ModelConfig().text_encoder, window=256, most=_MOST_TOKENS)
    with torch.inference_mode():
        tokens = encoder.encode([tokenizer(note) for note in notes], pad_id=tokenizer.pad_id)
    return np.stack([t.mean(dim=0).double().numpy() if len(t) else np.zeros(encoder.width) for t in tokens])
