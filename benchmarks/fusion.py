"""What the kinds of fusion cost in training: one step forward and backward, on one thread, in the arithmetic of a run.

`python -m benchmarks.fusion` prints the table of docs/fusion.md.
"""

import statistics
import time

import torch
from torch import Tensor, nn

from benchmarks.facts import facts
from mediscan.config import FusionKind, Precision
from mediscan.model.fusion import Fusion, Streams, build_fusion
from mediscan.train.optimize import autocast_for

_STUDIES, _WORDS, _WIDTH, _FINDINGS = 16, 96, 128, 14
_REGIONS_OF_AN_IMAGE = 64
_ROUNDS = 5


def run() -> dict[str, object]:
    torch.set_num_threads(1)
    torch.manual_seed(0)
    one, six = _streams(images=1), _streams(images=6)
    cases = {
        "fp32_ms": (one, Precision.FP32),
        "bf16_ms": (one, Precision.BF16),
        "six_images_fp32_ms": (six, Precision.FP32),
        "six_images_bf16_ms": (six, Precision.BF16),
    }
    fusions = {
        kind: build_fusion(kind, width=_WIDTH, heads=4, layers=1, dropout=0.1, findings=_FINDINGS)
        for kind in FusionKind
    }
    seconds: dict[tuple[FusionKind, str], list[float]] = {(kind, case): [] for kind in fusions for case in cases}
    # Round by round, so that whatever else the machine does falls on all of them; the first round warms up.
    for _ in range(_ROUNDS + 1):
        for kind, fusion in fusions.items():
            for case, (streams, precision) in cases.items():
                seconds[kind, case].append(_step(fusion, streams, precision))
    return {
        "command": "python -m benchmarks fusion",
        "studies": _STUDIES,
        "image_tokens_of_an_image": _REGIONS_OF_AN_IMAGE,
        "text_tokens": _WORDS,
        "width": _WIDTH,
        "rows": [
            {
                "kind": f"`{kind}`",
                "parameters": f"{sum(parameter.numel() for parameter in fusion.parameters()):,}",
                **{case: round(1e3 * statistics.median(seconds[kind, case][1:]), 1) for case in cases},
            }
            for kind, fusion in fusions.items()
        ],
    }


def _step(fusion: Fusion, streams: Streams, precision: Precision) -> float:
    autocast = autocast_for(precision)
    start = time.process_time()
    with autocast():
        logits = fusion(streams)
    loss = nn.functional.binary_cross_entropy_with_logits(logits.float(), torch.zeros(len(logits), _FINDINGS))
    torch.autograd.backward(loss)
    return time.process_time() - start  # the processor's, so that other work on the machine counts little


def _streams(*, images: int) -> Streams:
    regions = images * _REGIONS_OF_AN_IMAGE

    def leaf(*shape: int) -> Tensor:
        return torch.randn(*shape, requires_grad=True)

    return Streams(
        image=leaf(_STUDIES, regions, _WIDTH),
        image_mask=torch.ones(_STUDIES, regions, dtype=torch.bool),
        text=leaf(_STUDIES, _WORDS, _WIDTH),
        text_mask=torch.arange(_WORDS) < torch.linspace(_WORDS / 3, _WORDS, _STUDIES)[:, None],
        image_alone=leaf(_STUDIES, _WIDTH),
        text_alone=leaf(_STUDIES, _WIDTH),
        image_logits=leaf(_STUDIES, _FINDINGS),
        text_logits=leaf(_STUDIES, _FINDINGS),
        has_image=torch.ones(_STUDIES, dtype=torch.bool),
        has_note=torch.ones(_STUDIES, dtype=torch.bool),
    )


if __name__ == "__main__":
    print("\n\n".join(facts(run())))
