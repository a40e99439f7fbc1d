"""How training computes: with how many threads, and whether the same bits come out every time."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

import torch

from mediscan.config import TrainConfig


@contextmanager
def arithmetic(settings: TrainConfig) -> Iterator[None]:
    """The threads, and only deterministic algorithms where they are asked for; as before once it is left."""
    threads, deterministic = torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()
    benchmark = torch.backends.cudnn.benchmark
    if settings.threads:
        torch.set_num_threads(settings.threads)
    if settings.deterministic:
        # cuBLAS reads it when it is first used, and PyTorch refuses its products without it.
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
        torch.use_deterministic_algorithms(mode=True)
        torch.backends.cudnn.benchmark = False
    try:
        yield
    finally:
        torch.set_num_threads(threads)
        torch.use_deterministic_algorithms(mode=deterministic)
        torch.backends.cudnn.benchmark = benchmark
