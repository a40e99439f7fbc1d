"""LoRA: an encoder that rests, but for small matrices beside its weights that learn.

Source: Hu et al., "LoRA: low-rank adaptation of large language models", 2022.
"""

from peft import LoraConfig, inject_adapter_in_model
from torch import nn

from mediscan.errors import ConfigError

_QUERY_AND_VALUE = frozenset({"query", "value", "q_proj", "v_proj", "q_lin", "v_lin", "qkv"})
"""Names of the linear layers that make queries and values, in the Hugging Face library and in MONAI."""

_MARK = "lora_"


def add_adapters(body: nn.Module, *, rank: int) -> nn.Module:
    """Add adapters to a network in place, and let everything else in it rest.

    A transformer gets them beside its queries and values, a convolutional network beside each convolution but the
    first. Until trained they change nothing. Added again with the same rank to the same network, they take the same
    names, so that a state dict restores them.

    Args:
        body: Of a text encoder, or of an image encoder.
        rank: Of the matrices, at least 1.

    Returns:
        The same network.

    Raises:
        ConfigError: There is nothing in it to adapt, or it has adapters.
    """
    if any(_MARK in name for name, _ in body.named_parameters()):
        raise ConfigError("the encoder has adapters already", remedy="Add them once.")
    targets = _attention(body) or _convolutions(body)
    if not targets:
        raise ConfigError(
            "the encoder has no attention and no convolution that adapters could be added to",
            remedy="Set its adapter rank to 0.",
        )
    # Scale 1: a rank is then comparable with another at the same learning rate.
    inject_adapter_in_model(LoraConfig(r=rank, lora_alpha=rank, lora_dropout=0.0, target_modules=targets), body)
    for name, parameter in body.named_parameters():
        parameter.requires_grad = _MARK in name
    return body


def _attention(body: nn.Module) -> list[str]:
    return [
        name
        for name, module in body.named_modules()
        if isinstance(module, nn.Linear) and name.rpartition(".")[2] in _QUERY_AND_VALUE
    ]


def _convolutions(body: nn.Module) -> list[str]:
    names = [name for name, module in body.named_modules() if isinstance(module, nn.Conv2d | nn.Conv3d)]
    # A convolution by groups already has fewer weights than its adapter would.
    return [name for name in names[1:] if body.get_submodule(name).groups == 1]
