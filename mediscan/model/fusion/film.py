"""FiLM: the note says how the image is read, by a scale and a shift for each channel of its tokens."""

from torch import Tensor, nn

from mediscan.model.fusion.layers import AttentionPool, ChannelDropout, Head, StateToken
from mediscan.model.fusion.streams import Fusion, Streams


class _Layer(nn.Module):
    """Residual layer whose normalised channels are scaled and shifted by the note."""

    def __init__(self, width: int, *, dropout: float) -> None:
        super().__init__()
        self.transform = nn.Sequential(nn.Linear(width, width), nn.LayerNorm(width, elementwise_affine=False))
        self.modulation = nn.Sequential(nn.LayerNorm(width), nn.Linear(width, 2 * width))
        self.activation = nn.Sequential(nn.GELU(), ChannelDropout(dropout))

    def forward(self, image: Tensor, note: Tensor) -> Tensor:
        scale, shift = self.modulation(note)[:, None].chunk(2, dim=2)  # (B, 2·D) -> 2 of (B, 1, D)
        modulated: Tensor = image + self.activation((1 + scale) * self.transform(image) + shift)
        return modulated


class FilmFusion(Fusion):
    """Feature-wise linear modulation of the image tokens by the pooled note, which joins them again in the head.

    Source: Perez et al., "FiLM: visual reasoning with a general conditioning layer", AAAI 2018.

    Args:
        width: D, of every token.
        heads: Attention heads of the pools.
        layers: Modulated layers.
        dropout: In layers and head.
        findings: F, how many logits.
    """

    def __init__(self, *, width: int, heads: int, layers: int, dropout: float, findings: int) -> None:
        super().__init__()
        self.image_state = StateToken(width)
        self.text_state = StateToken(width)
        self.text_pool = AttentionPool(width, heads=heads)
        self.layers = nn.ModuleList(_Layer(width, dropout=dropout) for _ in range(layers))
        self.image_pool = AttentionPool(width, heads=heads)
        self.head = Head(width, fused=2, findings=findings, dropout=dropout)

    def forward(self, streams: Streams) -> Tensor:
        """(B, F) logits."""
        image, image_mask = self.image_state(streams.image, streams.image_mask, streams.has_image)
        note = self.text_pool(*self.text_state(streams.text, streams.text_mask, streams.has_note))
        for layer in self.layers:
            image = layer(image, note)
        logits: Tensor = self.head(streams, self.image_pool(image, image_mask), note)
        return logits
