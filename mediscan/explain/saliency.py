"""Where in the images a finding comes from: gradient times activation at the encoder's grid, through the whole fusion.

Element-wise products of gradient and activation (HiResCAM) show what the model computed with; Grad-CAM, which averages
the gradient first, can mark places that were not used. Source: Draelos and Carin, "Use HiResCAM instead of Grad-CAM for
faithful explanations of convolutional neural networks", 2020.

Where a finding is already certain, its logit hardly depends on any place any more, and the map can miss what made it
so.
"""

import numpy as np
import torch
from numpy.typing import NDArray

from mediscan.data.batch import StudyBatch
from mediscan.data.examples import Example
from mediscan.diagnosis import Heatmap
from mediscan.explain.logodds import log_odds
from mediscan.model.network import DiagnosisNetwork


def image_heatmaps(
    network: DiagnosisNetwork, batch: StudyBatch, example: Example, *, finding: int
) -> tuple[Heatmap, ...]:
    """Heatmaps of one study's planes in source pixels, on one scale.

    Args:
        network: In evaluation mode.
        batch: The one study.
        example: The same study as it was read.
        finding: Position of the finding.
    """
    if not example.planes:
        return ()
    support = _support(network, batch, finding=finding)
    maps = [plane.fitted.placement.to_source(grid) for plane, grid in zip(example.planes, support, strict=True)]
    strongest = max(float(values.max()) for values in maps) or 1.0
    return tuple(
        Heatmap(image=plane.image, plane=plane.fitted.plane, values=np.clip(values / strongest, 0.0, 1.0))
        for plane, values in zip(example.planes, maps, strict=True)
    )


def _support(network: DiagnosisNetwork, batch: StudyBatch, *, finding: int) -> NDArray[np.float32]:
    """(I, h, w): how much each cell of the grid speaks for the finding; 0 where it speaks against."""
    with torch.enable_grad():
        grid, shape = network.image_tokens(batch.images, batch.image_mask)
        grid = grid.detach().requires_grad_()
        output = network.answer(batch, image_grid=grid)
        value = log_odds(output.logits, findings=network.findings, index=finding)
        (gradient,) = torch.autograd.grad(value.sum(), grid)
    # A plane's own mean token is the neutral point: only what differs from it can mark a place.
    activation = (grid - grid.mean(dim=2, keepdim=True)).detach()
    support = (gradient * activation).sum(dim=3).clamp(min=0)[0]  # (1, I, P, D) -> (I, P)
    return support.reshape(-1, *shape).numpy()
