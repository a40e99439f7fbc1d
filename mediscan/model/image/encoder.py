"""What every image encoder is: a plane or a volume in, a grid of tokens out."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from torch import Tensor, nn

from mediscan.model.image.intensity import Intensity
from mediscan.model.layers import layers_of


@dataclass(frozen=True)
class ImageFeatures:
    """What an image encoder gives: (N, C, h, w) or (N, C, d, h, w), a grid over the whole plane or volume."""

    grid: Tensor

    @property
    def cells(self) -> tuple[int, ...]:
        """(h, w) or (d, h, w)."""
        return tuple(self.grid.shape[2:])

    @property
    def tokens(self) -> Tensor:
        """(N, prod(cells), C), row by row."""
        return self.grid.flatten(2).transpose(1, 2)  # (N, C, *cells) -> (N, P, C)


class GridBody(nn.Module):
    """A network of another library, and how its output becomes a grid.

    Attributes:
        network: Keeps the names that its library gives to weights, so that checkpoints fit.
    """

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network


class ImageEncoder(nn.Module):
    """An encoder that keeps the grid: images (N, 1, S, S) or (N, 1, Z, S, S) float32 → `ImageFeatures`.

    Args:
        body: Gives the grid.
        channels: C of the grid.
        multiple: Images are resized to the nearest multiple of this side, so that cells cover the whole image.
        fixed: The only side that the network can read, where there is one.
        origin: What `restore_image_encoder` builds it from.
        intensity: The intensities that its weights expect; None: standardised ones, as they come.

    Attributes:
        pretrained: Whether its weights come from elsewhere.
    """

    def __init__(
        self,
        body: nn.Module,
        *,
        channels: int,
        multiple: int = 1,
        fixed: int | None = None,
        origin: Mapping[str, Any] | None = None,
        intensity: Intensity | None = None,
    ) -> None:
        super().__init__()
        self.body = body
        self.channels = channels
        self.multiple = multiple
        self.fixed = fixed
        self.origin = dict(origin or {})
        self.intensity = intensity
        self.pretrained = False

    @property
    def network(self) -> nn.Module:
        """The network behind the grid, its weights under the names of its own library."""
        return self.body.network if isinstance(self.body, GridBody) else self.body

    @property
    def config(self) -> dict[str, Any]:
        """All that `restore_image_encoder` needs, as JSON; no weights."""
        return {
            **self.origin,
            "intensity": self.intensity.config if self.intensity else None,
            "pretrained": self.pretrained,
        }

    def layers(self) -> list[nn.Module]:
        """Its layers that have weights, from the input to the output."""
        return layers_of(self.network)

    def train(self, mode: bool = True) -> Self:  # noqa: FBT001, FBT002  (the signature is nn.Module's)
        """Batch norms whose weights rest keep their statistics too, or a frozen layer would still change."""
        super().train(mode)
        for module in self.modules():
            if isinstance(module, nn.modules.batchnorm._BatchNorm):  # noqa: SLF001  (torch names no public base)
                module.train(mode and any(parameter.requires_grad for parameter in module.parameters()))
        return self

    def forward(self, images: Tensor) -> ImageFeatures:
        """Encode."""
        images = self._fitted(images)
        if self.intensity:
            images = self.intensity(images)
        return ImageFeatures(grid=self.body(images))

    def _fitted(self, images: Tensor) -> Tensor:
        sides = images.shape[2:]
        fitted = [self.fixed or max(1, round(side / self.multiple)) * self.multiple for side in sides]
        if fitted == list(sides):
            return images
        if len(sides) == 2:
            return nn.functional.interpolate(images, fitted, mode="bilinear", antialias=True)
        return nn.functional.interpolate(images, fitted, mode="trilinear")
