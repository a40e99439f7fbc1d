"""MONAI Transchex with the settings of its tutorial, its language layers warm-started from MiniLM.

Two departures keep it affordable on a processor: notes are cut at `TOKENS` instead of 512 (few are longer), and it
computes in bf16. Its own class loads a checkpoint by name, so the state of MiniLM is handed over in a file.
"""

import tempfile
from pathlib import Path

import numpy as np
import torch
from monai.networks.nets import Transchex
from numpy.typing import NDArray
from safetensors.torch import load_file
from torch import Tensor, nn

from benchmarks.peers.collection import Collection
from benchmarks.peers.densenet import augmented
from mediscan.model.text import EMBEDDED, embedded_folder, load_tokenizer

TOKENS = 128
EPOCHS = 8
BATCH = 16
LEARNING_RATE = 1e-4
_LAYERS = 2
_SIZE = 128
_PATCH = 16


def transchex(
    collection: Collection, train: NDArray[np.int64], held_out: NDArray[np.int64], seed: int
) -> NDArray[np.float64]:
    rng = np.random.default_rng(seed)
    ids = _token_ids(collection)
    network = _network(len(collection.classes))
    optimizer = torch.optim.AdamW(network.parameters(), lr=LEARNING_RATE, weight_decay=1e-5)
    network.train()
    for _ in range(EPOCHS):
        order = rng.permutation(train)
        for start in range(0, len(order) - 1, BATCH):
            rows = order[start : start + BATCH]
            images = torch.from_numpy(np.stack([rng.choice(collection.images[row]) for row in rows])[:, None])
            logits = _logits(network, ids[rows], augmented(images))
            loss = nn.functional.cross_entropy(logits, torch.from_numpy(collection.labels[rows]))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    network.eval()
    answers = []
    with torch.inference_mode():
        for row in held_out:
            images = torch.from_numpy(collection.images[row])[:, None]
            logits = _logits(network, ids[row : row + 1].expand(len(images), -1), images)  # (I, C)
            answers.append(logits.log_softmax(dim=1).mean(dim=0).softmax(dim=0).double().numpy())
    return np.stack(answers)


def _logits(network: nn.Module, ids: Tensor, images: Tensor) -> Tensor:
    with torch.autocast("cpu", dtype=torch.bfloat16):
        logits: Tensor = network(input_ids=ids, token_type_ids=torch.zeros_like(ids), vision_feats=images)
    return logits.float()


def _token_ids(collection: Collection) -> Tensor:
    tokenizer = load_tokenizer(EMBEDDED, window=TOKENS, most=TOKENS - 2)
    ids = torch.full((len(collection.notes), TOKENS), tokenizer.pad_id)
    for row, note in enumerate(collection.notes):
        for window in tokenizer(note).windows:
            ids[row, : len(window)] = torch.tensor(window)
    return ids


def _network(classes: int) -> nn.Module:
    state = load_file(str(embedded_folder() / "model.safetensors"))
    names = {"encoder.layer.": "language_encoder.", "embeddings.": "embeddings."}
    renamed = {
        new + name.removeprefix(old): value
        for name, value in state.items()
        for old, new in names.items()
        if name.startswith(old)
    }
    with tempfile.TemporaryDirectory() as folder:
        torch.save(renamed, Path(folder) / "pytorch_model.bin")
        return Transchex(
            in_channels=1,
            img_size=(_SIZE, _SIZE),
            patch_size=(_PATCH, _PATCH),
            num_classes=classes,
            num_language_layers=_LAYERS,
            num_vision_layers=_LAYERS,
            num_mixed_layers=_LAYERS,
            hidden_size=384,
            intermediate_size=1536,
            num_attention_heads=12,
            drop_out=0.2,
            path_or_repo_id=folder,
        )
