"""What can be chosen from in a configuration."""

from enum import StrEnum


class Method(StrEnum):
    """How a network is fitted: step by step along the gradient, or, for few cases, kernel machines in closed form."""

    GRADIENT = "gradient"
    KERNEL = "kernel"


class Precision(StrEnum):
    """Arithmetic of training. Predictions are always made in fp32, so that they do not depend on the machine."""

    AUTO = "auto"
    BF16 = "bf16"
    FP32 = "fp32"


class ClassWeighting(StrEnum):
    """How much rare classes weigh in the loss; calibration takes the shift back out of the probabilities."""

    NONE = "none"
    SQRT = "sqrt"
    BALANCED = "balanced"


class Augmentation(StrEnum):
    """How training images are varied. No setting mirrors an image: left and right are findings."""

    NONE = "none"
    MILD = "mild"
    STRONG = "strong"


class FusionKind(StrEnum):
    """How images and note are brought together; `mediscan.model.fusion` builds them."""

    CROSS_ATTENTION = "cross-attention"
    EARLY = "early"
    LATE = "late"
    GATED = "gated"
    FILM = "film"
    BOTTLENECK = "bottleneck"


class Modalities(StrEnum):
    """What of a study is read. A network that reads one modality is what the fused one is compared with."""

    ALL = "all"
    IMAGE = "image"
    NOTE = "note"


class VolumeReading(StrEnum):
    """How volumes are read: some of their planes by the image encoder, or whole by the volume encoder."""

    PLANES = "planes"
    WHOLE = "whole"


class Tracker(StrEnum):
    """Where the course of a training is written beside the progress bar."""

    NONE = "none"
    TENSORBOARD = "tensorboard"


class ContrastiveLoss(StrEnum):
    """Global loss between images and notes."""

    CLIP = "clip"
    SIGLIP = "siglip"


class NoteCutoff(StrEnum):
    """Until when a section may have been written to be read; what came later may hold the answer."""

    ACQUISITION = "acquisition"
    NONE = "none"
