"""The sections of a configuration: every key, its default and its bounds."""

from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

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
from mediscan.errors import ConfigError


class Section(BaseModel):
    """Frozen, and strict about its keys."""

    # Infinity passes most bounds, and cannot be written into a bundle's JSON.
    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True, allow_inf_nan=False)


class DataConfig(Section):
    """What of a study reaches the network.

    Attributes:
        findings: Which findings to learn; empty means all of the manifest.
        modalities: What is read at all. Structured values are read with notes and with images.
        note_sections: The note sections that may be read. Findings and impressions are written by whoever knew the
            answer, so they are not among the defaults.
        note_cutoff: `acquisition` leaves out sections written after the study's first image was acquired, where both
            times are known; `none` reads them too.
        redact_names: Names of findings, and their synonyms, that are taken out of notes before they are read.
        redact_tests: Names of tests that tell the answer; clauses that mention one are taken out.
        image_size: Side of the square that every image is fitted into, in pixels.
        max_images: Images (or planes) of one study; a study with more is thinned evenly and flagged.
        volumes: How volumes are read.
        planes_per_volume: Planes taken from a volume that is read by planes, evenly spaced.
        volume_size: Side of the slices that a volume is fitted into when it is read whole, in voxels.
        volume_depth: Number of those slices.
        max_volumes: Volumes of one study that are read whole; a study with more is thinned evenly and flagged.
        values: Structured values that are read: `age_years`, `sex`, or the name of a `value_<name>` column.
        max_note_tokens: Tokens of one note; a longer note is cut at the end and flagged.
    """

    findings: tuple[str, ...] = ()
    modalities: Modalities = Modalities.ALL
    note_sections: tuple[str, ...] = ("indication", "history", "exam", "vitals")
    note_cutoff: NoteCutoff = NoteCutoff.ACQUISITION
    redact_names: tuple[str, ...] = ()
    redact_tests: tuple[str, ...] = ()
    image_size: Annotated[int, Field(ge=32, le=2048)] = 128
    max_images: Annotated[int, Field(ge=1, le=64)] = 6
    volumes: VolumeReading = VolumeReading.PLANES
    planes_per_volume: Annotated[int, Field(ge=1, le=32)] = 3
    volume_size: Annotated[int, Field(ge=16, le=512)] = 64
    volume_depth: Annotated[int, Field(ge=8, le=512)] = 32
    max_volumes: Annotated[int, Field(ge=1, le=16)] = 2
    values: tuple[str, ...] = ()
    max_note_tokens: Annotated[int, Field(ge=16, le=8192)] = 512


class ModelConfig(Section):
    """The network.

    Attributes:
        initial: A folder that `mediscan pretrain` wrote, whose encoders training starts from; empty for none.
        image_encoder: A name of `mediscan.model.image.ENCODERS`, or a Hugging Face name or folder.
        image_weights: A checkpoint to start the image encoder from: TorchXRayVision or torchvision DenseNet, or
            MONAI; safetensors, or a PyTorch file of tensors only. Empty for none.
        image_adapter_rank: Rank of LoRA adapters in the image encoder, which is then frozen but for them; 0 for none.
        volume_encoder: A name of `mediscan.model.image.VOLUME_ENCODERS`, used where volumes are read whole.
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

    initial: str = ""
    image_encoder: str = "resnet-small"
    image_weights: str = ""
    image_adapter_rank: Annotated[int, Field(ge=0, le=256)] = 0
    volume_encoder: str = "resnet-small-3d"
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


class TrainConfig(Section):
    """How it is trained.

    Attributes:
        method: `gradient`, or `kernel` for a few hundred studies; it has its own network, and reads only `seed`,
            `workers`, `threads`, `cache_gib` and `knowledge` of this section.
        knowledge: A TOML file of texts about the findings that are learned from like notes; empty for none.
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

    method: Method = Method.GRADIENT
    knowledge: str = ""
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

    @model_validator(mode="after")
    def _knowledge_needs_kernels(self) -> Self:
        if self.knowledge and self.method is not Method.KERNEL:
            raise ConfigError(
                f"configuration train.knowledge is not read by train.method = {str(self.method)!r}",
                remedy='Set train.method = "kernel", or leave train.knowledge empty.',
            )
        return self


class PretrainConfig(Section):
    """How encoders are aligned before any label is used.

    Attributes:
        note_sections: What may be read here; reports too, since no label is learned from them.
        loss: The global loss between images and notes.
        local_weight: Weight of the loss between single statements of the notes and images.
        masked_words_weight: Weight of masked-language modelling; needs trainable text layers.
        image_weight: Weight of self-supervision between two variations of an image.
    """

    note_sections: tuple[str, ...] = ("indication", "history", "exam", "vitals", "findings", "impression")
    epochs: Annotated[int, Field(ge=1)] = 20
    batch_size: Annotated[int, Field(ge=4)] = 32
    learning_rate: Annotated[float, Field(gt=0)] = 1e-3
    loss: ContrastiveLoss = ContrastiveLoss.CLIP
    local_weight: Annotated[float, Field(ge=0)] = 1.0
    masked_words_weight: Annotated[float, Field(ge=0)] = 0.0
    image_weight: Annotated[float, Field(ge=0)] = 0.0


class EvaluateConfig(Section):
    """How it is measured: patient-level bootstrap draws behind every interval."""

    bootstrap_draws: Annotated[int, Field(ge=20)] = 1000
