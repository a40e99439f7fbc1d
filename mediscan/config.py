"""The configuration of a run: defaults < TOML file < `--set section.key=value`, saved whole beside every result."""

import difflib
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from mediscan.errors import ConfigError


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
    """What a network may read. One that reads less than all is what the fused one is compared with."""

    ALL = "all"
    IMAGE = "image"
    NOTE = "note"


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


class _Section(BaseModel):
    # Infinity passes most bounds, and cannot be written into a bundle's JSON.
    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True, allow_inf_nan=False)


class DataConfig(_Section):
    """What of a study reaches the network.

    Attributes:
        findings: Which findings to learn; empty means all of the manifest.
        note_sections: The note sections that may be read. Findings and impressions are written by whoever knew the
            answer, so they are not among the defaults.
        note_cutoff: `acquisition` leaves out sections written after the study's first image was acquired, where both
            times are known; `none` reads them too.
        image_size: Side of the square that every image is fitted into, in pixels.
        max_images: Images (or planes) of one study; a study with more is thinned evenly and flagged.
        planes_per_volume: Planes taken from a volume, evenly spaced, where no volume encoder reads it whole.
        volume_size: Side of the cube's slices that a volume is fitted into, in voxels.
        volume_depth: Slices of that cube.
        values: Structured values that are read: `age_years`, `sex`, or the name of a `value_<name>` column.
        max_note_tokens: Tokens of one note; a longer note is cut at the end and flagged.
    """

    findings: tuple[str, ...] = ()
    note_sections: tuple[str, ...] = ("indication", "history", "exam", "vitals")
    note_cutoff: NoteCutoff = NoteCutoff.ACQUISITION
    image_size: Annotated[int, Field(ge=32, le=2048)] = 128
    max_images: Annotated[int, Field(ge=1, le=64)] = 6
    planes_per_volume: Annotated[int, Field(ge=1, le=32)] = 3
    volume_size: Annotated[int, Field(ge=16, le=512)] = 64
    volume_depth: Annotated[int, Field(ge=8, le=512)] = 32
    values: tuple[str, ...] = ()
    max_note_tokens: Annotated[int, Field(ge=16, le=8192)] = 512


class ModelConfig(_Section):
    """The network.

    Attributes:
        modalities: What is read at all.
        initial: A folder that `mediscan pretrain` wrote, whose encoders training starts from; empty for none.
        image_encoder: A name of `mediscan.model.image.ENCODERS`, or a Hugging Face name or folder.
        image_weights: A checkpoint to start the image encoder from: TorchXRayVision or torchvision DenseNet, or
            MONAI; safetensors, or a PyTorch file of tensors only. Empty for none.
        image_adapter_rank: Rank of LoRA adapters in the image encoder, which is then frozen but for them; 0 for none.
        volume_encoder: A name of `mediscan.model.image.VOLUME_ENCODERS` that reads volumes whole; empty: by planes.
        text_encoder: `minilm` (embedded), or a Hugging Face name or folder.
        text_window: Tokens that the text encoder reads at once; longer notes are read window by window.
        trainable_text_layers: How many of its last layers are trained; 0 freezes it and caches its features.
        text_adapter_rank: Rank of LoRA adapters in the text encoder, which is then frozen but for them; 0 for none.
        fusion: How images and note are brought together.
        width: Width of image and text tokens in the fusion.
        heads: Attention heads; they share the width evenly.
        fusion_layers: Blocks of the fusion, where it has any.
        dropout: Dropout in fusion and head.
    """

    modalities: Modalities = Modalities.ALL
    initial: str = ""
    image_encoder: str = "resnet-small"
    image_weights: str = ""
    image_adapter_rank: Annotated[int, Field(ge=0, le=256)] = 0
    volume_encoder: str = ""
    text_encoder: str = "minilm"
    text_window: Annotated[int, Field(ge=16, le=4096)] = 256
    trainable_text_layers: Annotated[int, Field(ge=0)] = 0
    text_adapter_rank: Annotated[int, Field(ge=0, le=256)] = 0
    fusion: FusionKind = FusionKind.CROSS_ATTENTION
    width: Annotated[int, Field(ge=16, le=2048)] = 128
    heads: Annotated[int, Field(ge=1, le=64)] = 4
    fusion_layers: Annotated[int, Field(ge=1, le=24)] = 1
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.1

    @model_validator(mode="after")
    def _heads_share_the_width(self) -> Self:
        if self.width % self.heads:
            raise ConfigError(
                f"configuration model.width = {self.width} is no multiple of model.heads = {self.heads}",
                remedy="Change one of them.",
            )
        return self


class TrainConfig(_Section):
    """How it is trained.

    Attributes:
        batch_size: Studies behind one step, over all processes and accumulated parts.
        accumulate: Parts that a batch is computed in, one after the other, to save memory.
        layer_decay: Factor on the learning rate from each layer of a pretrained encoder to the one below it.
        frozen_epochs: Epochs at the start in which encoders with pretrained weights rest.
        average_decay: Decay of the moving average of the weights, which is what is kept; 0 for none.
        checkpoint_steps: Steps between checkpoints inside an epoch; 0 keeps one at the end of each.
        recompute: Whether activations are computed again in the backward pass, to save memory.
        deterministic: Whether only algorithms are used that give the same bits every time.
        tracker: Where losses and scores are written too.
        patience: Epochs without a better validation score before training stops.
        modality_dropout: Probability that a training study loses its images; it loses its note a tenth more often, and
            in that tenth both. At 0 the answer without evidence, which explanations start from, is never taught.
        single_modality_weight: Weight of the losses of images alone and note alone beside the fused one.
        token_dropout: Probability that a note token is hidden in training.
        workers: Processes that decode images.
        threads: Threads of the arithmetic; 0 leaves the choice to PyTorch.
        cache_gib: Bound of the cache of decoded images on disk, which later runs read instead; 0 keeps none.
    """

    epochs: Annotated[int, Field(ge=1)] = 24
    batch_size: Annotated[int, Field(ge=2)] = 16
    accumulate: Annotated[int, Field(ge=1)] = 1
    learning_rate: Annotated[float, Field(gt=0)] = 1e-3
    text_learning_rate: Annotated[float, Field(gt=0)] = 5e-5
    layer_decay: Annotated[float, Field(gt=0, le=1)] = 1.0
    frozen_epochs: Annotated[int, Field(ge=0)] = 0
    average_decay: Annotated[float, Field(ge=0, lt=1)] = 0.0
    checkpoint_steps: Annotated[int, Field(ge=0)] = 0
    recompute: bool = False
    deterministic: bool = False
    tracker: Tracker = Tracker.NONE
    weight_decay: Annotated[float, Field(ge=0)] = 0.02
    warmup: Annotated[float, Field(ge=0, lt=1)] = 0.1
    patience: Annotated[int, Field(ge=1)] = 8
    modality_dropout: Annotated[float, Field(ge=0, lt=0.5)] = 0.15
    single_modality_weight: Annotated[float, Field(ge=0)] = 1.0
    token_dropout: Annotated[float, Field(ge=0, lt=1)] = 0.1
    label_smoothing: Annotated[float, Field(ge=0, lt=0.5)] = 0.0
    class_weighting: ClassWeighting = ClassWeighting.SQRT
    augmentation: Augmentation = Augmentation.MILD
    precision: Precision = Precision.AUTO
    seed: Annotated[int, Field(ge=0)] = 0
    workers: Annotated[int, Field(ge=0)] = 2
    threads: Annotated[int, Field(ge=0)] = 0
    cache_gib: Annotated[float, Field(ge=0, le=65_536)] = 4.0


class PretrainConfig(_Section):
    """How encoders are aligned before any label is used.

    Attributes:
        note_sections: What may be read here; reports too, since no label is learned from them.
        loss: The global loss between images and notes.
        local_weight: Weight of the loss between words and regions.
        masked_words_weight: Weight of masked-language modelling; needs trainable text layers.
        image_weight: Weight of self-supervision between two variations of an image.
    """

    note_sections: tuple[str, ...] = ("indication", "history", "exam", "vitals", "findings", "impression")
    epochs: Annotated[int, Field(ge=1)] = 20
    batch_size: Annotated[int, Field(ge=4)] = 64
    learning_rate: Annotated[float, Field(gt=0)] = 1e-3
    loss: ContrastiveLoss = ContrastiveLoss.CLIP
    local_weight: Annotated[float, Field(ge=0)] = 1.0
    masked_words_weight: Annotated[float, Field(ge=0)] = 0.0
    image_weight: Annotated[float, Field(ge=0)] = 0.0


class EvaluateConfig(_Section):
    """How it is measured: patient-level bootstrap draws behind every interval."""

    bootstrap_draws: Annotated[int, Field(ge=20)] = 1000


class RunConfig(_Section):
    """A whole run."""

    data: DataConfig = DataConfig()
    model: ModelConfig = ModelConfig()
    train: TrainConfig = TrainConfig()
    pretrain: PretrainConfig = PretrainConfig()
    evaluate: EvaluateConfig = EvaluateConfig()

    @classmethod
    def load(cls, path: Path | None = None, *, overrides: Iterable[str] = ()) -> Self:
        """Read a TOML file and apply `section.key=value` overrides.

        Args:
            path: The file; None for the defaults alone.
            overrides: Values are written as in TOML; a bare word is taken as a string.

        Raises:
            ConfigError: The file or an override cannot be read, or a key or a value is not valid.
        """
        return cls.from_mapping(_apply(_read_toml(path) if path else {}, overrides))

    @classmethod
    def from_mapping(cls, values: Mapping[str, Any]) -> Self:
        """Check a nested mapping, as read from TOML or from a bundle's config.json.

        Raises:
            ConfigError: A key or a value is not valid; the message names the nearest valid key.
        """
        try:
            return cls.model_validate(dict(values))
        except ValidationError as error:
            raise _explain(error) from None


def _read_toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(
            f"cannot read configuration {path}: {type(error).__name__}", remedy="Give a readable TOML file."
        ) from error
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"configuration {path} is not TOML: {error}", remedy="Mend that line.") from error


def _apply(values: dict[str, Any], overrides: Iterable[str]) -> dict[str, Any]:
    for override in overrides:
        name, equals, text = override.partition("=")
        path = name.strip().split(".")
        if not equals or len(path) != 2 or not all(path):
            raise ConfigError(
                f"--set {override!r} is not of the form section.key=value", remedy="For example: --set train.epochs=10."
            )
        section = values.setdefault(path[0], {})
        if not isinstance(section, dict):
            raise ConfigError(f"configuration {path[0]} = {section!r} is no section", remedy=f"Write [{path[0]}].")
        section[path[1]] = _value(text.strip())
    return values


def _value(text: str) -> object:
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text


def _explain(error: ValidationError) -> ConfigError:
    first = error.errors()[0]
    location = [str(part) for part in first["loc"]]
    name = ".".join(location)
    if first["type"] == "extra_forbidden":
        valid = _keys(location[:-1])
        near = difflib.get_close_matches(location[-1], valid, n=1)
        hint = f"Did you mean {near[0]!r}? " if near else ""
        return ConfigError(f"unknown configuration key {name!r}", remedy=f"{hint}Valid keys: {', '.join(valid)}.")
    return ConfigError(f"configuration {name} = {first['input']!r}: {first['msg']}", remedy="Change that value.")


def _keys(section: Sequence[str]) -> list[str]:
    model: Any = RunConfig
    for part in section:
        model = model.model_fields[part].annotation
    return sorted(model.model_fields)
