"""Losses that pull an image and its own note together, and push it from the notes of others.

In every matrix of similarities, row i is image i, column j is note j, and the diagonal holds the true pairs. Two notes
that say the same are no evidence against each other: such pairs are left out, neither pulled nor pushed.
"""

import torch
from torch import Tensor
from torch.nn import functional

# The temperatures of GLoRIA's published training: attention over regions, words of a note, softmax over pairs.
_ATTENTION_SCALE = 4.0
_WORD_SCALE = 5.0
_PAIR_SCALE = 10.0


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


def local_similarities(words: Tensor, word_mask: Tensor, regions: Tensor, region_mask: Tensor) -> Tensor:
    """How well the words of each note are found among the regions of each image.

    Each word attends to the regions; what it finds is compared with the word by cosine; the words are brought together
    by log-sum-exp, averaged inside so that a long note is no better than a short one.

    Args:
        words: (B, T, E) float32 unit vectors.
        word_mask: (B, T) bool, at least one word in every note.
        regions: (B, R, E) float32 unit vectors.
        region_mask: (B, R) bool, at least one region in every image.

    Returns:
        (B, B) float32, images by notes, in [-1, 1].

    Source: Huang et al., "GLoRIA: a multimodal global-local representation learning framework", 2021.
    """
    count = word_mask.sum(dim=1)  # (B,)
    rows = []
    for image, real in zip(regions, region_mask, strict=True):  # one image at a time bounds memory
        seen = image[real]  # (r, E)
        attention = (words @ seen.T * _ATTENTION_SCALE).softmax(dim=2)  # (B, T, r)
        found = functional.cosine_similarity(attention @ seen, words, dim=2)  # (B, T)
        gathered = (found * _WORD_SCALE).masked_fill(~word_mask, float("-inf")).logsumexp(dim=1)  # (B,)
        rows.append((gathered - count.log()) / _WORD_SCALE)
    return torch.stack(rows)


def local_loss(words: Tensor, word_mask: Tensor, regions: Tensor, region_mask: Tensor, *, duplicates: Tensor) -> Tensor:
    """Symmetric cross-entropy over the similarities of words and regions.

    Args:
        words: (B, T, E) float32 unit vectors.
        word_mask: (B, T) bool.
        regions: (B, R, E) float32 unit vectors.
        region_mask: (B, R) bool.
        duplicates: (B, B) bool, as for `clip_loss`.
    """
    return clip_loss(local_similarities(words, word_mask, regions, region_mask), duplicates, scale=_PAIR_SCALE)


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
