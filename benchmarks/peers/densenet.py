"""MONAI DenseNet121 from scratch on the images alone; a study's answer is the mean over its images."""

import numpy as np
import torch
from monai.networks.nets import DenseNet121
from numpy.typing import NDArray
from torch import Tensor, nn

from benchmarks.peers.collection import Collection

EPOCHS = {"medpix": 10, "covid19": 8}
BATCH = 16
LEARNING_RATE = 3e-4


def densenet(
    collection: Collection, train: NDArray[np.int64], held_out: NDArray[np.int64], seed: int
) -> NDArray[np.float64]:
    rng = np.random.default_rng(seed)
    network = DenseNet121(spatial_dims=2, in_channels=1, out_channels=len(collection.classes))
    network = network.to(memory_format=torch.channels_last)  # twice as fast in bf16
    epochs = EPOCHS[collection.name]
    steps = epochs * -(-len(train) // BATCH)
    optimizer = torch.optim.AdamW(network.parameters(), lr=LEARNING_RATE, weight_decay=1e-2)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=LEARNING_RATE, total_steps=steps)
    for _ in range(epochs):
        order = rng.permutation(train)
        for start in range(0, len(order), BATCH):
            rows = order[start : start + BATCH]
            # One image of each study an epoch: a study with thirty slices would otherwise rule the loss.
            images = np.stack([rng.choice(collection.images[row]) for row in rows])[:, None]
            with torch.autocast("cpu", dtype=torch.bfloat16):
                logits = network(_last(augmented(torch.from_numpy(images))))
            loss = nn.functional.cross_entropy(logits.float(), torch.from_numpy(collection.labels[rows]))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
    return predict_images(network, collection, held_out)


def augmented(images: Tensor) -> Tensor:
    """A small turn, zoom, shift and change of contrast of each image; never a mirror image."""
    count = len(images)
    angle = (torch.rand(count) - 0.5) * 0.35  # radians, 10 degrees either way
    zoom = 1 + (torch.rand(count) - 0.5) * 0.3
    shift = (torch.rand(count, 2) - 0.5) * 0.2
    matrix = torch.stack(
        [
            torch.stack([angle.cos() * zoom, -angle.sin() * zoom, shift[:, 0]], dim=1),
            torch.stack([angle.sin() * zoom, angle.cos() * zoom, shift[:, 1]], dim=1),
        ],
        dim=1,
    )  # (N, 2, 3)
    grid = nn.functional.affine_grid(matrix, list(images.shape), align_corners=False)
    moved = nn.functional.grid_sample(images, grid, align_corners=False)
    gain = 1 + (torch.rand(count, 1, 1, 1) - 0.5) * 0.4
    return moved * gain


def _last(images: Tensor) -> Tensor:
    return images.contiguous(memory_format=torch.channels_last)


@torch.inference_mode()
def predict_images(network: nn.Module, collection: Collection, rows: NDArray[np.int64]) -> NDArray[np.float64]:
    network.eval()
    answers = []
    for row in rows:
        with torch.autocast("cpu", dtype=torch.bfloat16):
            logits = network(_last(torch.from_numpy(collection.images[row])[:, None]))  # (I, C)
        answers.append(logits.float().log_softmax(dim=1).mean(dim=0).softmax(dim=0).double().numpy())
    return np.stack(answers)  # (R, C)
