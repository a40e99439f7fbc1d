"""Losses that pull an image and its own note together, and push it from the notes of others.

In every matrix of similarities, row i is image i, column j is note j, and the diagonal holds the true pairs. Two notes
that say the same are no evidence against each other: such pairs are left out, neither pulled nor pushed.
"""

import torch
from torch import Tensor
from torch.nn import functional


def clip_loss(similarities: Tensor, duplicates: Tensor, *, scale: Tensor | float) -> Tensor:
    """Symmetric cross-entropy of each image over the notes, and of each note over the images.

    Args:
        similarities: (B, B) float32, cosines.
        duplicates: (B, B) bool, True where note j says what note i says; the diagonal is ignored.
        scale: Inverse temperature, positive.

    Returns:
        A scalar.

    Source: Radford et al., "Learning transferable visual models from natural language supervision", 2021.
    """
    logits = (similarities * scale).masked_fill(_others(duplicates), float("-inf"))
    own = torch.arange(len(logits), device=logits.device)
    return (functional.cross_entropy(logits, own) + functional.cross_entropy(logits.T, own)) / 2


def siglip_loss(similarities: Tensor, duplicates: Tensor, *, scale: Tensor | float, bias: Tensor | float) -> Tensor:
    """Each pair is a question of its own: do they belong together? Summed over pairs, averaged over images.

    Args:
        similarities: (B, B) float32, cosines.
        duplicates: (B, B) bool, as for `clip_loss`.
        scale: Inverse temperature, positive.
        bias: Added to every logit; negative, since most pairs do not belong together.

    Returns:
        A scalar.

    Source: Zhai et al., "Sigmoid loss for language image pre-training", 2023.
    """
    logits = similarities * scale + bias
    sign = 2 * torch.eye(len(logits), device=logits.device) - 1
    losses = -functional.logsigmoid(sign * logits)
    return losses.masked_fill(_others(duplicates), 0.0).sum() / len(logits)


def statement_loss(images: Tensor, statements: Tensor, note: Tensor, *, scale: Tensor | float) -> Tensor:
    """Cross-entropy of each statement over the images: which of them does it speak of?

    Where it is true of several images, the right answer is unknown; what is learned in the end is by how much more
    often the statement is made of an image than of others, and that is a sum over the statements of a note.

    Args:
        images: (B, E) float32 unit vectors.
        statements: (S, E) float32 unit vectors.
        note: (S,) int64, the note, and so the image, that each statement belongs to.
        scale: Inverse temperature, positive.

    Source: van den Oord et al., "Representation learning with contrastive predictive coding", 2018 (InfoNCE).
    """
    return functional.cross_entropy(statements @ images.T * scale, note)


def two_views_loss(first: Tensor, second: Tensor, *, scale: float = 10.0) -> Tensor:
    """Two variations of an image find each other among all variations of the batch (NT-Xent).

    Args:
        first: (B, E) float32 unit vectors.
        second: (B, E) the same images, varied otherwise.
        scale: Inverse temperature.

    Source: Chen et al., "A simple framework for contrastive learning of visual representations", 2020.
    """
    views = torch.cat([first, second])  # (2B, E)
    itself = torch.eye(len(views), dtype=torch.bool, device=views.device)
    logits = (views @ views.T * scale).masked_fill(itself, float("-inf"))
    return functional.cross_entropy(logits, torch.arange(len(views), device=views.device).roll(len(first)))


def _others(duplicates: Tensor) -> Tensor:
    """Pairs to leave out: equal notes of different studies."""
    return duplicates & ~torch.eye(len(duplicates), dtype=torch.bool, device=duplicates.device)
