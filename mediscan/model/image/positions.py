"""Where a token stands in its plane or volume."""

import torch
from torch import Tensor, nn


def grid_positions(*cells: int, channels: int) -> Tensor:
    """Sinusoidal positions of a grid, (prod(cells), channels): each axis is told by an equal share of the channels.

    Positions are relative to the grid's extent, so that another image size keeps their meaning.

    Args:
        cells: (h, w) of a plane, or (d, h, w) of a volume; tokens go row by row.
        channels: At least twice the number of axes; channels that cannot be shared evenly are 0.
    """
    waves = channels // (2 * len(cells))
    frequencies = torch.pi * 2.0 ** torch.linspace(0, 3, waves)  # from half a period over the grid to four
    axes = []
    for axis, count in enumerate(cells):
        phase = ((torch.arange(count) + 0.5) / count)[:, None] * frequencies
        along = torch.cat([phase.sin(), phase.cos()], dim=1)  # (count, 2 · waves)
        shape = [1] * len(cells)
        shape[axis] = count
        axes.append(along.reshape(*shape, 2 * waves).expand(*cells, 2 * waves))
    grid = torch.cat(axes, dim=-1)  # (*cells, 2 · waves · axes)
    return nn.functional.pad(grid.flatten(0, -2), (0, channels - grid.shape[-1]))  # (P, channels)
