"""Late fusion: each modality has answered for itself, and only the answers are brought together."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from mediscan.model.fusion.streams import Fusion, Streams

_CAUTIOUS = -2.0
"""Softplus of it, 0.13, is how much weight a logit of confidence brings at the start."""


class LateFusion(Fusion):
    """Calibrated mixture of two experts: images and text, finding by finding.

    An expert's logit is scaled and shifted, then weighted by what its own confidence deserves where the other expert
    is there too, or where it is not. No weight depends on what the other expert says. So the answer stays a sum of what
    the images say and what the text says, and whatever lies in the two together cannot be seen: that is the floor
    which other kinds of fusion have to rise above.

    Source: Jordan and Jacobs, "Hierarchical mixtures of experts and the EM algorithm", 1994, with gates of one expert.

    Args:
        findings: F, how many logits.
    """

    def __init__(self, *, findings: int) -> None:
        super().__init__()
        experts = 2  # row 0: images; row 1: text
        self.log_scale = nn.Parameter(torch.zeros(experts, findings))
        self.shift = nn.Parameter(torch.zeros(experts, findings))
        # Row 0: the expert answers alone; row 1: the other is there too.
        self.trust = nn.Parameter(torch.zeros(2, experts, findings))
        self.gain = nn.Parameter(torch.full((experts, findings), _CAUTIOUS))
        self.prior = nn.Parameter(torch.zeros(findings))

    def forward(self, streams: Streams) -> Tensor:
        """(B, F) logits; those of a study with nothing to read are the learned prior."""
        mixed = (self.weights(streams) * self._calibrated(streams)).sum(dim=1)  # (B, 2, F) -> (B, F)
        return mixed + self.prior

    def weights(self, streams: Streams) -> Tensor:
        """(B, 2, F) in [0, 1): how much images and text count; exactly 0 where absent. They need not sum to 1."""
        present = _present(streams)
        trust = self.trust[present.flip(1).long(), torch.arange(2, device=present.device)]  # (B, 2, F)
        confidence = self._calibrated(streams).abs()
        deserved = torch.sigmoid(trust + functional.softplus(self.gain) * confidence)
        return deserved.masked_fill(~present[..., None], 0.0)

    def _calibrated(self, streams: Streams) -> Tensor:
        said = torch.stack([streams.image_logits, streams.text_logits], dim=1)  # (B, 2, F)
        said = said.masked_fill(~_present(streams)[..., None], 0.0)
        return said * self.log_scale.exp() + self.shift


def _present(streams: Streams) -> Tensor:
    return torch.stack([streams.has_image, streams.has_text], dim=1)  # (B, 2)
