"""Size and speed of the image encoders, as the table of `docs/encoders.md`: `python -m benchmarks.encoders`."""

import importlib.util
import sys
import time
from collections.abc import Callable

import torch

from mediscan.model.image import (
    ENCODERS,
    VOLUME_ENCODERS,
    ImageEncoder,
    build_image_encoder,
    build_volume_encoder,
)

_PLANE = (1, 128, 128)
_VOLUME = (1, 32, 64, 64)
_REPEATS = 3
_NEED_EINOPS = {"vit", "swin", "vit-3d", "swin-3d"}


def run() -> dict[str, object]:
    torch.set_num_threads(1)
    kinds = ((ENCODERS, build_image_encoder, _PLANE), (VOLUME_ENCODERS, build_volume_encoder, _VOLUME))
    return {name: _measure(name, build, shape) for names, build, shape in kinds for name in names if _can_build(name)}


def _can_build(name: str) -> bool:
    return name not in _NEED_EINOPS or importlib.util.find_spec("einops") is not None


@torch.inference_mode()
def _measure(name: str, build: Callable[[str], ImageEncoder], shape: tuple[int, ...]) -> dict[str, object]:
    encoder = build(name).eval()
    if len(shape) == 3:
        encoder.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    images = torch.randn(1, *shape)
    cells = encoder(images).cells  # the first run also warms up
    return {
        "input": " × ".join(map(str, shape[1:])),
        "cells": " × ".join(map(str, cells)),
        "channels": encoder.channels,
        "million_weights": round(sum(parameter.numel() for parameter in encoder.parameters()) / 1e6, 1),
        "processor_ms": round(min(_seconds(encoder, images) for _ in range(_REPEATS)) * 1e3),
    }


def _seconds(encoder: ImageEncoder, images: torch.Tensor) -> float:
    # Of the processor, not of the clock: what else the machine does must not count.
    start = time.process_time()
    encoder(images)
    return time.process_time() - start


def main() -> int:
    results = run()
    print("| encoder | input | grid | channels | million weights | processor ms |\n|---|---|---|---|---|---|")
    for name, row in results.items():
        print(f"| `{name}` | " + " | ".join(map(str, row.values())) + " |")
    return 0


if __name__ == "__main__":
    sys.exit(main())
