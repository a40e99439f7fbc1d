"""Weights of another model into an image encoder."""

import re
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from torch import Tensor, nn

from mediscan.errors import ConfigError
from mediscan.model.image import ImageEncoder
from mediscan.model.image.intensity import XRV
from mediscan.model.transfer.checkpoint import Weights, read_checkpoint
from mediscan.model.transfer.report import TransferReport

_LEAST_SHARE = 0.5

# torchvision's DenseNet, in its old spelling (norm.1) and its new one (norm1); MONAI keeps them in one more module.
_DENSE_LAYER = re.compile(r"(denselayer\d+)\.(norm|conv)\.?([12])\.")


def load_image_weights(encoder: ImageEncoder, path: Path) -> TransferReport:
    """Load a checkpoint of the same network into an encoder.

    Weights are matched by name and shape, whatever prefix stands before the names. Formats: TorchXRayVision and
    torchvision DenseNet, torchvision ResNet, MONAI networks and bundles, Hugging Face folders. An encoder of one
    channel takes the sum of the weights of several, which is what they answer to a grey image.

    Weights of TorchXRayVision expect grey values from -1024 to 1024, and the encoder's `intensity` is set so. The
    others were trained on normalised images, which standardised planes are.

    Raises:
        ConfigError: The checkpoint cannot be read safely, or has less than half of the encoder's weights; the encoder
            is then unchanged.
    """
    source = read_checkpoint(path)
    named = {_DENSE_LAYER.sub(r"\1.layers.\2\3.", name): tensor for name, tensor in source.items()}
    is_torchvision_densenet = named.keys() != source.keys()
    match = _matched(encoder.network, named)
    report = TransferReport(
        loaded=tuple(match.loaded),
        adapted=tuple(match.adapted),
        left_out=tuple(sorted(match.left_out)),
        missing=tuple(sorted(match.missing)),
        share=match.share,
        intensity=XRV if is_torchvision_densenet and match.input_channels == 1 else encoder.intensity,
    )
    if report.share < _LEAST_SHARE:
        raise ConfigError(
            f"checkpoint {path} has {report.share:.0%} of the image encoder's weights; it is of another network",
            remedy="Choose the model.image_encoder that it was made with.",
        )
    encoder.network.load_state_dict({**match.loaded, **match.adapted}, strict=False)
    encoder.intensity = report.intensity
    encoder.pretrained = True
    return report


@dataclass
class _Match:
    """Which weights of the source go where."""

    input_channels: int = 0
    share: float = 0.0
    loaded: dict[str, Tensor] = field(default_factory=dict)
    adapted: dict[str, Tensor] = field(default_factory=dict)
    left_out: set[str] = field(default_factory=set)
    missing: set[str] = field(default_factory=set)


def _matched(network: nn.Module, source: Weights) -> _Match:
    wanted = network.state_dict()
    learned = {name: tensor for name, tensor in wanted.items() if not name.endswith("num_batches_tracked")}
    first = next((name for name, parameter in network.named_parameters() if parameter.ndim >= 4), None)
    prefix = _prefix(source, wanted)
    match = _Match(left_out=set(source))
    for name, own in wanted.items():
        given = source.get(prefix + name)
        if given is None:
            continue
        if name == first and given.ndim == own.ndim:
            match.input_channels = given.shape[1]
        if given.shape == own.shape:
            match.loaded[name] = given
        elif name == first and (summed := _of_channels(given, own.shape[1])).shape == own.shape:
            match.adapted[name] = summed
        else:
            continue
        match.left_out.remove(prefix + name)
    found = match.loaded.keys() | match.adapted.keys()
    match.missing = learned.keys() - found
    total = sum(tensor.numel() for tensor in learned.values())
    match.share = sum(learned[name].numel() for name in learned.keys() & found) / total
    return match


def _prefix(source: Weights, wanted: Weights) -> str:
    """What stands before the most of the wanted names; a checkpoint may be of a model that holds the network."""
    counts: Counter[str] = Counter()
    for name in source:
        parts = name.split(".")
        for start in range(len(parts)):
            if ".".join(parts[start:]) in wanted:
                counts["".join(f"{part}." for part in parts[:start])] += 1
    return min(counts, key=lambda prefix: (-counts[prefix], prefix), default="")


def _of_channels(weights: Tensor, channels: int) -> Tensor:
    """First convolution (O, C, …) for another number of input channels, its answer to grey unchanged."""
    grey = weights.sum(dim=1, keepdim=True)
    return grey.expand(-1, channels, *grey.shape[2:]) / channels
