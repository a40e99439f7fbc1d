"""Modules whose buffers are as large as the data that they were fitted to."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn


class Fitted(nn.Module):
    """Loading a state gives the buffers its shapes; before, they are empty."""

    def __init__(self) -> None:
        super().__init__()
        self.register_load_state_dict_pre_hook(_take_shapes)  # type: ignore[no-untyped-call]  # torch's own gap


def _take_shapes(module: nn.Module, state: Mapping[str, Tensor], prefix: str, *_: Any) -> None:  # noqa: ANN401  (torch's signature)
    for name, buffer in module.named_buffers(recurse=False):
        stored = state.get(f"{prefix}{name}")
        if stored is not None and stored.shape != buffer.shape:
            setattr(module, name, torch.empty_like(stored))
