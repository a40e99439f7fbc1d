"""What is optimised, how fast, and in which arithmetic."""

import math
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import Any

import torch
from torch.nn.attention import SDPBackend, sdpa_kernel

from mediscan.config import Precision, TrainConfig
from mediscan.model.network import DiagnosisNetwork


def build_optimizer(network: DiagnosisNetwork, settings: TrainConfig) -> torch.optim.AdamW:
    """AdamW; no decay on norms, biases and lone vectors, and a gentler rate for a pretrained text encoder."""
    groups = []
    for text in (False, True):
        for decayed in (False, True):
            parameters = [
                parameter
                for name, parameter in network.named_parameters()
                if parameter.requires_grad
                and name.startswith("text_encoder.") is text
                and (parameter.ndim > 1) is decayed
            ]
            rate = settings.text_learning_rate if text else settings.learning_rate
            decay = settings.weight_decay if decayed else 0.0
            groups.append({"params": parameters, "lr": rate, "base_lr": rate, "weight_decay": decay})
    return torch.optim.AdamW([group for group in groups if group["params"]])


def schedule(settings: TrainConfig, *, steps: int) -> Callable[[int], float]:
    """Linear warm-up, then a cosine down to a hundredth; a function of the step alone, so that nothing needs saving."""
    warm = max(1, round(settings.warmup * steps))

    def factor(step: int) -> float:
        if step < warm:
            return (step + 1) / warm
        return 0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * (step - warm) / max(1, steps - warm)))

    return factor


def autocast_for(precision: Precision) -> Callable[[], AbstractContextManager[Any]]:
    """A context for each step: bfloat16 where it is wanted and the processor has it."""
    if precision is Precision.FP32 or (precision is Precision.AUTO and not bf16_supported()):
        return nullcontext

    @contextmanager
    def bf16() -> Iterator[None]:
        # Plain matrix products: on processors the fused attention kernel takes a third longer in bf16, backwards.
        with torch.autocast("cpu", dtype=torch.bfloat16), sdpa_kernel(SDPBackend.MATH):
            yield

    return bf16


def bf16_supported() -> bool:
    """Whether this processor computes in bfloat16 itself; elsewhere it is emulated, slowly."""
    flags = Path("/proc/cpuinfo")
    return flags.is_file() and any(flag in flags.read_text(encoding="utf-8") for flag in ("avx512_bf16", "amx_bf16"))
