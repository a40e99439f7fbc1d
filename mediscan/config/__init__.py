"""The configuration of a run, saved whole beside every result."""

from mediscan.config.choices import (
    Augmentation,
    ClassWeighting,
    ContrastiveLoss,
    FusionKind,
    Method,
    Modalities,
    NoteCutoff,
    Precision,
    Tracker,
    VolumeReading,
)
from mediscan.config.run import RunConfig
from mediscan.config.sections import (
    DataConfig,
    EvaluateConfig,
    ModelConfig,
    PretrainConfig,
    TrainConfig,
)

__all__ = [
    "Augmentation",
    "ClassWeighting",
    "ContrastiveLoss",
    "DataConfig",
    "EvaluateConfig",
    "FusionKind",
    "Method",
    "Modalities",
    "ModelConfig",
    "NoteCutoff",
    "Precision",
    "PretrainConfig",
    "RunConfig",
    "Tracker",
    "TrainConfig",
    "VolumeReading",
]
