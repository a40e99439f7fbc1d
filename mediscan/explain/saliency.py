"""Where in the images a finding comes from: gradient times activation at the encoder's grid, through the whole fusion.

Element-wise products of gradient and activation (HiResCAM) show what the model computed with; Grad-CAM, which averages
the gradient first, can mark places that were not used. Source: Draelos and Carin, "Use HiResCAM instead of Grad-CAM for
faithful explanations of convolutional neural networks", 2020.

Where a finding is already certain, its logit hardly depends on any place any more, and the map can miss what made it
so.
"""

from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mediscan.data.batch import StudyBatch
from mediscan.data.examples import Example
from mediscan.diagnosis import Heatmap
from mediscan.explain.logodds import log_odds
from mediscan.model.answering import Network


def image_heatmaps(network: Network, batch: StudyBatch, example: Example, *, finding: int) -> tuple[Heatmap, ...]:
    """Heatmaps of one study's planes, and of planes of its volumes, in source pixels and on one scale.

    Args:
        network: In evaluation mode.
        batch: The one study.
        example: The same study as it was read.
        finding: Position of the finding.
    """
    support = _support(network, batch, finding=finding)
    maps = [
        (plane.image, plane.fitted.plane, plane.fitted.placement.to_source(cells))
        for plane, cells in zip(example.planes, support.planes, strict=True)
    ]
    for volume, grid in zip(example.volumes, support.volumes, strict=True):
        # One plane of the source for each layer of the grid: those between say nothing more.
        maps += [
            (
                volume.image,
                int((layer + 0.5) * volume.fitted.planes / len(grid)),
                volume.fitted.placement.to_source(cells),
            )
            for layer, cells in enumerate(grid)
        ]
    strongest = max((float(values.max()) for _, _, values in maps), default=0.0) or 1.0
    return tuple(
        Heatmap(image=image, plane=plane, values=np.clip(values / strongest, 0.0, 1.0)) for image, plane, values in maps
    )


@dataclass(frozen=True, kw_only=True)
class _Support:
    """How much each cell speaks for the finding, 0 where it speaks against: (I, h, w), and (V, d, h, w)."""

    planes: NDArray[np.float32]
    volumes: NDArray[np.float32]


def _support(network: Network, batch: StudyBatch, *, finding: int) -> _Support:
    with torch.enable_grad():
        images = network.encode_images(batch)
        images = replace(
            images,
            planes=images.planes.detach().requires_grad_(),
            volumes=images.volumes.detach().requires_grad_(),
        )
        output = network.answer(batch, images=images)
        value = log_odds(output.logits, findings=network.findings, index=finding)
        gradients = torch.autograd.grad(value.sum(), (images.planes, images.volumes), materialize_grads=True)
    planes, volumes = (
        _weighed(tokens, gradient) for tokens, gradient in zip((images.planes, images.volumes), gradients, strict=True)
    )
    return _Support(
        planes=planes.reshape(len(planes), *images.plane_cells).numpy(),
        volumes=volumes.reshape(len(volumes), *images.volume_cells).numpy(),
    )


def _weighed(tokens: Tensor, gradient: Tensor) -> Tensor:
    """(I, P) out of (1, I, P, D)."""
    # An image's own mean token is the neutral point: only what differs from it can mark a place.
    activation = (tokens - tokens.mean(dim=2, keepdim=True)).detach() if tokens.shape[2] else tokens.detach()
    return (gradient * activation).sum(dim=3).clamp(min=0)[0]
