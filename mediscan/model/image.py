"""Image encoders from MONAI: a plane in, a grid of tokens out."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from monai.networks.nets import DenseNet121, EfficientNetBNFeatures, ResNet
from torch import Tensor, nn

from mediscan.errors import ConfigError


@dataclass(frozen=True)
class ImageFeatures:
    """What an image encoder gives: (N, C, h, w), a grid over the whole square."""

    grid: Tensor

    @property
    def tokens(self) -> Tensor:
        """(N, h·w, C), row by row."""
        return self.grid.flatten(2).transpose(1, 2)  # (N, C, h, w) -> (N, P, C)


class ImageEncoder(nn.Module):
    """An encoder that keeps the grid: images (N, 1, S, S) float32 → `ImageFeatures`.

    Attributes:
        channels: C of the grid.
    """

    def __init__(self, body: nn.Module, *, channels: int) -> None:
        super().__init__()
        self.body = body
        self.channels = channels

    def forward(self, images: Tensor) -> ImageFeatures:
        """Encode."""
        return ImageFeatures(grid=self.body(images))


def _resnet(block: str, *, layers: list[int], planes: list[int], max_pool: bool) -> ImageEncoder:
    net = ResNet(
        block=block,
        layers=layers,
        block_inplanes=planes,
        spatial_dims=2,
        n_input_channels=1,
        conv1_t_size=7,
        conv1_t_stride=2,
        no_max_pool=not max_pool,
        feed_forward=False,
    )
    stem: list[nn.Module] = [net.conv1, net.bn1, net.act, *([net.maxpool] if max_pool else [])]
    body = nn.Sequential(*stem, net.layer1, net.layer2, net.layer3, net.layer4)
    return ImageEncoder(body, channels=planes[-1] * (4 if block == "bottleneck" else 1))


def _resnet_small() -> ImageEncoder:
    # Made for two cores: 1.2 million weights, an 8 × 8 grid at 128 pixels.
    return _resnet("basic", layers=[1, 1, 1, 1], planes=[24, 48, 96, 192], max_pool=False)


def _resnet18() -> ImageEncoder:
    return _resnet("basic", layers=[2, 2, 2, 2], planes=[64, 128, 256, 512], max_pool=True)


def _resnet50() -> ImageEncoder:
    return _resnet("bottleneck", layers=[3, 4, 6, 3], planes=[64, 128, 256, 512], max_pool=True)


def _densenet121() -> ImageEncoder:
    net = DenseNet121(spatial_dims=2, in_channels=1, out_channels=1)
    return ImageEncoder(nn.Sequential(net.features, nn.ReLU()), channels=1024)


class _LastFeatures(nn.Module):
    """EfficientNet gives its feature maps by stage; the last is the one to keep."""

    def __init__(self, body: nn.Module) -> None:
        super().__init__()
        self.body = body

    def forward(self, images: Tensor) -> Tensor:
        features: Tensor = self.body(images)[-1]
        return features


def _efficientnet_b0() -> ImageEncoder:
    body = EfficientNetBNFeatures("efficientnet-b0", pretrained=False, spatial_dims=2, in_channels=1)
    return ImageEncoder(_LastFeatures(body), channels=320)


ENCODERS: Mapping[str, Callable[[], ImageEncoder]] = {
    "resnet-small": _resnet_small,
    "resnet18": _resnet18,
    "resnet50": _resnet50,
    "densenet121": _densenet121,
    "efficientnet-b0": _efficientnet_b0,
}
"""Name in the configuration → constructor."""


def build_image_encoder(name: str) -> ImageEncoder:
    """An untrained image encoder.

    Raises:
        ConfigError: There is no encoder of that name.
    """
    try:
        return ENCODERS[name]()
    except KeyError:
        raise ConfigError(
            f"there is no image encoder {name!r}", remedy=f"Choose one of: {', '.join(ENCODERS)}."
        ) from None


def grid_positions(height: int, width: int, *, channels: int) -> Tensor:
    """Sinusoidal positions of a grid, (height·width, channels): half of the channels tell the row, half the column.

    Positions are relative to the grid's extent, so that another image size keeps their meaning.
    """
    quarter = channels // 4
    frequencies = torch.pi * 2.0 ** torch.linspace(0, 3, quarter)  # from half a period over the grid to four
    rows = (torch.arange(height) + 0.5) / height
    columns = (torch.arange(width) + 0.5) / width

    def waves(at: Tensor) -> Tensor:
        phase = at[:, None] * frequencies
        return torch.cat([phase.sin(), phase.cos()], dim=1)  # (n, channels / 2)

    grid = torch.cat(
        [
            waves(rows)[:, None].expand(height, width, -1),
            waves(columns)[None].expand(height, width, -1),
        ],
        dim=2,
    )
    return nn.functional.pad(grid.reshape(height * width, -1), (0, channels - 4 * quarter))  # (P, channels)
