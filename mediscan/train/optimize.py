"""What is optimised, how fast, and in which precision."""

import math
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from itertools import groupby
from pathlib import Path
from typing import Any

import torch
from torch.nn.attention import SDPBackend, sdpa_kernel

from mediscan.config import Precision, TrainConfig
from mediscan.model.network import DiagnosisNetwork
from mediscan.train.layers import layers_above, pretrained_encoders


def build_optimizer(network: DiagnosisNetwork, settings: TrainConfig) -> torch.optim.AdamW:
    """AdamW; no decay on norms, biases and lone vectors, and gentler rates within pretrained encoders."""
    rates = _rates(network, settings)
    learned = [
        ((rates[name], settings.weight_decay if parameter.ndim > 1 else 0.0), parameter)
        for name, parameter in network.named_parameters()
        if parameter.requires_grad
    ]
    learned.sort(key=lambda entry: entry[0])
    return torch.optim.AdamW(
        [
            {"params": [parameter for _, parameter in group], "lr": rate, "base_lr": rate, "weight_decay": decay}
            for (rate, decay), group in groupby(learned, key=lambda entry: entry[0])
        ]
    )


def _rates(network: DiagnosisNetwork, settings: TrainConfig) -> dict[str, float]:
    """Each parameter's learning rate.

    A text encoder has its own; in every pretrained encoder it decays from each layer to the one below.
    """
    rates = {
        name: settings.text_learning_rate if name.startswith("text_encoder.") else settings.learning_rate
        for name, _ in network.named_parameters()
    }
    names = {module: name for name, module in network.named_children()}
    for encoder in pretrained_encoders(network):
        for name, above in layers_above(encoder).items():
            rates[f"{names[encoder]}.{name}"] *= settings.layer_decay**above
    return rates


def set_rates(optimizer: torch.optim.Optimizer, factor: float) -> None:
    """Every group's learning rate as a fraction of its own highest."""
    for group in optimizer.param_groups:
        group["lr"] = group["base_lr"] * factor


def schedule(settings: TrainConfig, *, steps: int) -> Callable[[int], float]:
    """Linear warm-up, then a cosine down to a hundredth; a function of the step alone, so that nothing needs saving."""
    warm = max(1, round(settings.warmup * steps))

    def factor(step: int) -> float:
        if step < warm:
            return (step + 1) / warm
        return 0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * (step - warm) / max(1, steps - warm)))

    return factor


def autocast_for(precision: Precision, *, device: str = "cpu") -> Callable[[], AbstractContextManager[Any]]:
    """A context for each step: bfloat16 where it is wanted and the device has it.

    Args:
        precision: What is wanted.
        device: The kind of device: `cpu` or `cuda`.
    """
    if precision is Precision.FP32 or (precision is Precision.AUTO and not bf16_supported(device)):
        return nullcontext

    @contextmanager
    def bf16() -> Iterator[None]:
        # Plain matrix products on processors: there the fused attention kernel takes a third longer in bf16, backwards.
        attention = sdpa_kernel(SDPBackend.MATH) if device == "cpu" else nullcontext()
        with torch.autocast(device, dtype=torch.bfloat16), attention:
            yield

    return bf16


def bf16_supported(device: str = "cpu") -> bool:
    """Whether the device computes in bfloat16 itself; elsewhere it is emulated, slowly."""
    if device == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    flags = Path("/proc/cpuinfo")
    return flags.is_file() and any(flag in flags.read_text(encoding="utf-8") for flag in ("avx512_bf16", "amx_bf16"))
