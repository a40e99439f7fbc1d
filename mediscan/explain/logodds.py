"""The one number that every explanation explains."""

import torch
from torch import Tensor

from mediscan.findings import FindingSet


def log_odds(logits: Tensor, *, findings: FindingSet, index: int) -> Tensor:
    """Log-odds of one finding: its logit; within a class group, against all other members together.

    Args:
        logits: (B, F).
        findings: The findings, in the order of the logits.
        index: Which one.

    Returns:
        (B,).
    """
    others = [member for member in findings.members(index) if member != index]
    if not others:
        return logits[:, index]
    return logits[:, index] - torch.logsumexp(logits[:, others], dim=1)
