"""An image encoder without weights: the energy of fixed log-Gabor filters, cell by cell.

It needs no training and no download, so it is what a model of few cases can see with.
"""

from functools import cache

import torch
from torch import Tensor, nn
from torch.nn import functional

from mediscan.model.image.encoder import ImageEncoder

WAVELENGTHS = (2.5, 5.0, 10.0, 20.0)
"""Of the filters, in pixels."""

DIRECTIONS = 8
"""Of the filters, evenly over half a turn."""

CELL = 16
"""Side of a cell in pixels."""

_BANDWIDTH = 0.55  # standard deviation of the logarithm of the frequency
_SPREAD = 0.7 / DIRECTIONS  # standard deviation of the direction, in half turns
_FLOOR = 0.02  # energy below this is noise, and the empty border of a plane has none
_IMAGES_AT_ONCE = 8


def texture() -> ImageEncoder:
    """The log energy of 32 filters (4 wavelengths × 8 directions), averaged in cells of 16 × 16 pixels.

    Source: Field, "Relations between the statistics of natural images and the response properties of cortical cells",
    1987.
    """
    return ImageEncoder(_LogGabor(), channels=len(WAVELENGTHS) * DIRECTIONS, multiple=CELL)


class _LogGabor(nn.Module):
    def forward(self, images: Tensor) -> Tensor:
        """Square images (N, 1, S, S) → (N, 32, S / 16, S / 16) float32."""
        bank = _filters(images.shape[-1]).to(images.device)
        # A few at a time: the responses of one image take 32 times its memory.
        return torch.cat([_log_energy(chunk.float(), bank) for chunk in torch.split(images, _IMAGES_AT_ONCE)])


def _log_energy(images: Tensor, bank: Tensor) -> Tensor:
    energy = torch.fft.ifft2(torch.fft.fft2(images) * bank).abs()  # (N, 32, S, S)
    return torch.log(functional.avg_pool2d(energy, CELL) + _FLOOR)  # (N, 32, S / 16, S / 16)


@cache
def _filters(side: int) -> Tensor:
    """The filters over the frequencies of a square image: (32, side, side) float32, real and one-sided.

    One-sided filters give a complex response whose magnitude does not depend on where in its wave a pixel lies.
    """
    frequency = torch.fft.fftfreq(side, dtype=torch.float64)  # cycles per pixel
    down, across = torch.meshgrid(frequency, frequency, indexing="ij")
    radius, angle = torch.hypot(across, down) + 1e-9, torch.atan2(down, across)  # (side, side)
    filters = []
    for wavelength in WAVELENGTHS:
        ring = torch.exp(-(torch.log(radius * wavelength) ** 2) / (2 * _BANDWIDTH**2))
        for step in range(DIRECTIONS):
            turn = angle - torch.pi * step / DIRECTIONS
            away = torch.atan2(turn.sin(), turn.cos())  # from -π to π
            filters.append(ring * torch.exp(-(away**2) / (2 * (torch.pi * _SPREAD) ** 2)))
    return torch.stack(filters).float()
