"""From standardised planes to the intensities that a pretrained network was trained on."""

from dataclasses import asdict, dataclass
from typing import Any

from torch import Tensor

_TAIL = 0.01
"""Share of the pixels that may lie outside on each side."""


@dataclass(frozen=True, kw_only=True)
class Intensity:
    """A network's own normalisation of grey values between 0 and 1: `(grey - mean) / deviation`, channel by channel.

    A standardised plane no longer knows where 0 and 1 were. Its 1st percentile is taken for 0 and its 99th for 1: a
    displayed image fills the range it is shown in, while its very extremes are often burnt-in marks. What lies outside
    is cut off, as a display would.

    Attributes:
        mean: Per input channel.
        deviation: Per input channel.
    """

    mean: tuple[float, ...]
    deviation: tuple[float, ...]

    def __call__(self, images: Tensor) -> Tensor:
        """Standardised images (N, 1, …) → (N, channels, …) float32; each image by itself."""
        pixels = images.flatten(1).float()  # (N, 1, …) -> (N, pixels)
        tail = max(1, round(_TAIL * pixels.shape[1]))
        # The partial sort is many times faster than a quantile, and can be exported.
        low = pixels.topk(tail, dim=1, largest=False).values[:, -1:]
        high = pixels.topk(tail, dim=1).values[:, -1:]
        grey = ((pixels - low) / (high - low).clamp(min=1e-6)).clamp(0, 1).reshape(images.shape)
        per_channel = (1, -1, *[1] * (images.ndim - 2))
        mean, deviation = (grey.new_tensor(values).reshape(per_channel) for values in (self.mean, self.deviation))
        return (grey - mean) / deviation  # (N, channels, …)

    @property
    def config(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


XRV = Intensity(mean=(0.5,), deviation=(1 / 2048,))
"""TorchXRayVision's: grey values from -1024 to 1024. Source: `torchxrayvision.datasets.normalize`."""
