"""How images and note are brought together: six kinds behind one interface, all read `Streams` and give logits."""

from mediscan.model.fusion.build import build_fusion
from mediscan.model.fusion.cross_attention import CrossAttentionFusion
from mediscan.model.fusion.streams import Fusion, Streams

__all__ = ["CrossAttentionFusion", "Fusion", "Streams", "build_fusion"]
