"""From a configuration's name to a fusion."""

from mediscan.config import FusionKind
from mediscan.model.fusion.bottleneck import BottleneckFusion
from mediscan.model.fusion.cross_attention import CrossAttentionFusion
from mediscan.model.fusion.early import EarlyFusion
from mediscan.model.fusion.film import FilmFusion
from mediscan.model.fusion.gated import GatedFusion
from mediscan.model.fusion.late import LateFusion
from mediscan.model.fusion.streams import Fusion


def build_fusion(kind: FusionKind, *, width: int, heads: int, layers: int, dropout: float, findings: int) -> Fusion:
    """A fusion with fresh weights.

    Args:
        kind: Which.
        width: D, of every token; a multiple of `heads`.
        heads: Attention heads.
        layers: Blocks, where the kind has any.
        dropout: In blocks and head, where the kind has any.
        findings: F, how many logits.
    """
    match kind:
        case FusionKind.LATE:
            return LateFusion(findings=findings)
        case FusionKind.GATED:
            return GatedFusion(width=width, heads=heads, dropout=dropout, findings=findings)
        case FusionKind.CROSS_ATTENTION:
            build: type[CrossAttentionFusion | EarlyFusion | FilmFusion | BottleneckFusion] = CrossAttentionFusion
        case FusionKind.EARLY:
            build = EarlyFusion
        case FusionKind.FILM:
            build = FilmFusion
        case FusionKind.BOTTLENECK:
            build = BottleneckFusion
    return build(width=width, heads=heads, layers=layers, dropout=dropout, findings=findings)
