"""MONAI's transformers for planes and volumes."""

from collections.abc import Sequence
from typing import Any, cast

from monai.networks.nets import ViT
from monai.networks.nets.swin_unetr import SwinTransformer
from torch import Tensor, nn

from mediscan.model.image.encoder import GridBody, ImageEncoder


class _VitGrid(GridBody):
    """Patches in the order of the grid; positions are interpolated to grids of another size."""

    def __init__(self, network: nn.Module, *, cells: tuple[int, ...]) -> None:
        super().__init__(network)
        self.cells = cells

    def forward(self, images: Tensor) -> Tensor:
        net = cast("Any", self.network)
        patches: Tensor = net.patch_embedding.patch_embeddings(images)  # (N, C, *cells)
        cells = patches.shape[2:]
        tokens = (patches + self._positions(cells)).flatten(2).transpose(1, 2)  # (N, C, *cells) -> (N, P, C)
        for block in net.blocks:
            tokens = block(tokens)
        normalised: Tensor = net.norm(tokens)
        return normalised.transpose(1, 2).reshape(patches.shape)  # (N, P, C) -> (N, C, *cells)

    def _positions(self, cells: tuple[int, ...]) -> Tensor:
        learned: Tensor = cast("Any", self.network).patch_embedding.position_embeddings  # (1, P, C)
        grid = learned.transpose(1, 2).reshape(1, -1, *self.cells)  # (1, P, C) -> (1, C, *self.cells)
        if cells == self.cells:
            return grid
        return nn.functional.interpolate(grid, cells, mode="bilinear" if len(cells) == 2 else "trilinear")


def vit(sides: tuple[int, ...], *, patch: int) -> ImageEncoder:
    """A small vision transformer (ViT-S): twelve blocks of width 384.

    Args:
        sides: Of the image that its positions are learned for.
        patch: Side of a patch.

    Source: Dosovitskiy et al., "An image is worth 16x16 words", 2021.
    """
    net = ViT(
        in_channels=1,
        img_size=sides,
        patch_size=patch,
        hidden_size=384,
        mlp_dim=1536,
        num_heads=6,
        qkv_bias=True,
        spatial_dims=len(sides),
    )
    body = _VitGrid(net, cells=tuple(side // patch for side in sides))
    return ImageEncoder(body, channels=384, multiple=patch)


class _SwinGrid(GridBody):
    """The last stage before its last merge, each token normalised as MONAI does."""

    def forward(self, images: Tensor) -> Tensor:
        net = cast("Any", self.network)
        grid: Tensor = net.pos_drop(net.patch_embed(images))  # (N, C, *cells)
        for stage in (net.layers1, net.layers2, net.layers3, net.layers4):
            grid = stage[0](grid.contiguous())
        normalised: Tensor = net.proj_out(grid, normalize=True)
        return normalised


def swin(dimensions: int, *, patch: int, width: int, depths: Sequence[int]) -> ImageEncoder:
    """A shifted-window transformer of four stages.

    Source: Liu et al., "Swin transformer: hierarchical vision transformer using shifted windows", 2021.
    """
    net = SwinTransformer(
        in_chans=1,
        embed_dim=width,
        window_size=[7] * dimensions,
        patch_size=[patch] * dimensions,
        depths=depths,
        num_heads=(3, 6, 12, 24),
        spatial_dims=dimensions,
    )
    net.layers4[0].downsample = None  # MONAI merges after each stage, the paper before all but the first
    return ImageEncoder(_SwinGrid(net), channels=8 * width, multiple=8 * patch)
