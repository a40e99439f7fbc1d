"""Write evidence to files: JSON, heatmaps in source pixels, and overlays for the eye."""

import json
from pathlib import Path

import matplotlib as mpl
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from mediscan.diagnosis import Diagnosis, Evidence, Heatmap
from mediscan.sources.reading import read_image
from mediscan.study import Study

_OPACITY = 0.55


def write_evidence(evidence: Evidence, study: Study, diagnosis: Diagnosis, out: Path) -> Path:
    """Write `evidence.json`, and per image a 16-bit `heatmap-*.png` and an `overlay-*.png` of the source's size.

    Args:
        evidence: What to write.
        study: The study it is of; its images are read again for the overlays.
        diagnosis: The same study's diagnosis, whose probability the evidence explains.
        out: The folder.

    Returns:
        The path of evidence.json.
    """
    out.mkdir(parents=True, exist_ok=True)
    heatmaps = []
    for heatmap in evidence.heatmaps:
        stem = f"{heatmap.image}-{heatmap.plane}"
        grey = read_image(study.images[heatmap.image].path).grey()[heatmap.plane]
        Image.fromarray(np.rint(heatmap.values * 65535).astype(np.uint16)).save(out / f"heatmap-{stem}.png")
        Image.fromarray(overlay(grey, heatmap.values, opacity=_OPACITY)).save(out / f"overlay-{stem}.png")
        heatmaps.append(_describe(heatmap, study, stem))
    sections = {section.name: section.text for section in study.note}
    result = diagnosis[evidence.finding]
    content = {
        "study_id": evidence.study_id,
        "finding": evidence.finding,
        "bundle_id": diagnosis.bundle_id,
        "probability": result.probability,
        "lower": result.lower,
        "upper": result.upper,
        "decision": result.decision,
        "heatmaps": heatmaps,
        "spans": [
            {
                "section": span.section,
                "start": span.start,
                "end": span.end,
                "text": sections[span.section][span.start : span.end],
                "weight": span.weight,
            }
            for span in evidence.spans
        ],
        "shares": dict(evidence.shares),
        "logit": evidence.logit,
        "baseline_logit": evidence.baseline_logit,
    }
    path = out / "evidence.json"
    path.write_text(json.dumps(content, indent=1, allow_nan=False), encoding="utf-8")
    return path


def _describe(heatmap: Heatmap, study: Study, stem: str) -> dict[str, object]:
    peak = heatmap.peak
    return {
        "image": Path(study.images[heatmap.image].path).name,
        "plane": heatmap.plane,
        "heatmap": f"heatmap-{stem}.png",
        "overlay": f"overlay-{stem}.png",
        "peak": peak and {"row": peak[0], "column": peak[1]},
    }


def overlay(grey: NDArray[np.float32], heat: NDArray[np.float32], *, opacity: float) -> NDArray[np.uint8]:
    """An image with a heatmap over it; where the heat is low the image shows through unchanged.

    Args:
        grey: (H, W) in [0, 1].
        heat: (H, W) in [0, 1].
        opacity: Opacity in [0, 1] where the heat is 1.

    Returns:
        (H, W, 3) RGB. The colour map (inferno) is even in brightness and safe for colour-blind eyes.
    """
    colours = mpl.colormaps["inferno"](heat)[..., :3]
    alpha = (opacity * heat)[..., None]
    blended = grey[..., None] * (1 - alpha) + colours * alpha
    rgb: NDArray[np.uint8] = np.rint(np.clip(blended, 0, 1) * 255).astype(np.uint8)
    return rgb
