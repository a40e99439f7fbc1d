"""MONAI's convolutional networks for planes and volumes, under the names that checkpoints give to their weights."""

from collections import OrderedDict
from collections.abc import Sequence

from monai.networks.nets import DenseNet, EfficientNetBNFeatures, ResNet
from torch import Tensor, nn

from mediscan.model.image.encoder import GridBody, ImageEncoder

WIDE = (64, 128, 256, 512)
"""Planes of the published residual networks."""


def resnet(
    dimensions: int,
    *,
    layers: Sequence[int],
    planes: Sequence[int] = WIDE,
    block: str = "basic",
    stem_stride: int = 4,
    kernel: int = 7,
    downsample_bias: bool = False,
) -> ImageEncoder:
    """A residual network; weights are named as in torchvision.

    Args:
        dimensions: 2 for planes, 3 for volumes.
        layers: Blocks of each stage; each stage but the first halves the grid.
        planes: Width of each stage.
        block: `basic` or `bottleneck`.
        stem_stride: 4 with max pooling after the first convolution, 2 without, which keeps the grid twice as fine.
        kernel: Side of the first convolution.
        downsample_bias: Whether shortcuts have a bias, which published networks do not have.
    """
    # MONAI builds four stages, whatever is asked for.
    unused = 4 - len(layers)
    net = ResNet(
        block=block,
        layers=[*layers, *[1] * unused],
        block_inplanes=[*planes, *[planes[-1]] * unused],
        spatial_dims=dimensions,
        n_input_channels=1,
        conv1_t_size=kernel,
        conv1_t_stride=2,
        feed_forward=False,
        bias_downsample=downsample_bias,
    )
    stem = {"conv1": net.conv1, "bn1": net.bn1, "act": net.act}
    if stem_stride == 4:
        stem["maxpool"] = net.maxpool
    stages = {name: getattr(net, name) for name in (f"layer{stage + 1}" for stage in range(len(layers)))}
    body = nn.Sequential(OrderedDict(stem | stages))
    return ImageEncoder(body, channels=planes[-1] * (4 if block == "bottleneck" else 1))


def densenet(dimensions: int, *, blocks: tuple[int, int, int, int]) -> ImageEncoder:
    """A densely connected network.

    Source: Huang et al., "Densely connected convolutional networks", 2017.
    """
    net = DenseNet(spatial_dims=dimensions, in_channels=1, out_channels=1, block_config=blocks)
    # The published network rectifies its features before it pools them.
    body = nn.Sequential(OrderedDict(features=net.features, relu=nn.ReLU()))
    # A volume of few slices would be pooled away on the way; planes are never that small.
    return ImageEncoder(body, channels=net.class_layers.out.in_features, multiple=1 if dimensions == 2 else 32)


class _EfficientNetGrid(GridBody):
    """EfficientNet gives its feature maps by stage; the last is the one to keep."""

    def forward(self, images: Tensor) -> Tensor:
        features: Tensor = self.network(images)[-1]
        return features


def efficientnet(size: str, *, channels: int) -> ImageEncoder:
    """An EfficientNet, `b0` to `b3`.

    Source: Tan and Le, "EfficientNet: rethinking model scaling for convolutional neural networks", 2019.
    """
    net = EfficientNetBNFeatures(f"efficientnet-{size}", pretrained=False, spatial_dims=2, in_channels=1)
    for unused in ("_conv_head", "_bn1", "_fc"):  # the classifier; weights that never learn would stop distribution
        delattr(net, unused)
    return ImageEncoder(_EfficientNetGrid(net), channels=channels)
