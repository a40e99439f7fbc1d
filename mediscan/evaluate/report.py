"""One self-contained HTML page that says how good a model is: no script, no address, nothing to fetch."""

import io
import re
from collections.abc import Callable, Mapping, Sequence
from importlib import resources
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from jinja2 import Environment, StrictUndefined
from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray
from sklearn.metrics import roc_curve

from mediscan.errors import ExportError
from mediscan.evaluate.metrics import MODALITIES, EvaluationData, reliability
from mediscan.evaluate.wording import interval_text, number_text, p_text, signed_text
from mediscan.findings import GROUP_SEPARATOR
from mediscan.study import Availability

MAX_PANELS = 12
"""Findings that get a curve of their own; those with the most positive studies."""

COLUMNS = 4
CURVE_POINTS = 200

# Okabe and Ito's palette tells apart under every common colour blindness; the line styles do so in grey print.
STYLES: Mapping[str, dict[str, Any]] = {
    "fused": {"color": "#0072B2", "linestyle": "-", "linewidth": 2.0, "zorder": 4},
    "image": {"color": "#D55E00", "linestyle": "--", "linewidth": 1.3, "zorder": 3},
    "note": {"color": "#009E73", "linestyle": ":", "linewidth": 1.6, "zorder": 3},
}
_RC: dict[Any, Any] = {  # the type of the names differs between releases of matplotlib
    "svg.fonttype": "none",  # text stays text: small, searchable, readable by a screen reader
    "svg.hashsalt": "mediscan",  # the same metrics give the same file
    "text.parse_math": False,  # a finding's name is data: dollar signs in it are no formula
    "font.family": "sans-serif",
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": "#8a94a0",
    "axes.titlesize": 9,
    "xtick.color": "#4a5560",
    "ytick.color": "#4a5560",
}


def write_report(
    path: str | Path,
    *,
    metrics: Mapping[str, Any],
    data: EvaluationData,
    title: str,
    bundle_card: Mapping[str, str],
) -> None:
    """Write the report as one UTF-8 HTML file; an existing file is replaced.

    Args:
        path: The file to write, in a folder that exists.
        metrics: What `metrics.measure` returned for `data`.
        data: The studies, for the curves.
        title: The page's title.
        bundle_card: Provenance, shown as it is: what → value (bundle id, manifest hash, versions, …).

    Raises:
        ExportError: The file cannot be written.
    """
    shown = _panels(metrics)
    curve_studies = data.both if data.both.any() else np.ones_like(data.both)  # (N,)
    with mpl.rc_context(_RC):
        forest = _svg(_forest(metrics["by_modality"]), "forest") if metrics["fusion_gain"]["auroc"] is not None else ""
        roc = _svg(_roc_grid(data, shown, studies=curve_studies), "roc") if shown else ""
        calibration = _svg(_reliability_grid(data, shown, metrics=metrics), "reliability") if shown else ""
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.filters |= {
        "number": number_text,
        "signed": signed_text,
        "interval": interval_text,
        "p": p_text,
        "plain": _plain,
    }
    template = resources.files("mediscan.evaluate").joinpath("report.html.j2").read_text(encoding="utf-8")
    page = environment.from_string(template).render(
        title=title,
        metrics=metrics,
        card=bundle_card,
        leakage=_leakage_rows(metrics["leakage"]),
        forest=forest,
        roc=roc,
        calibration=calibration,
        n_shown=len(shown),
        n_curve_studies=int(curve_studies.sum()),
        compared=bool(data.both.any()),
    )
    try:
        Path(path).write_text(page, encoding="utf-8")
    except OSError as error:
        raise ExportError(
            f"report {str(path)!r} cannot be written: {error.strerror}", remedy="Choose an existing, writable folder."
        ) from error


def _panels(metrics: Mapping[str, Any]) -> list[int]:
    """Positions of the findings that get a panel, in the order of the table."""
    findings = list(metrics["findings"].values())
    scorable = [index for index, finding in enumerate(findings) if finding["auroc"] is not None]
    return sorted(sorted(scorable, key=lambda index: -findings[index]["n_positive"])[:MAX_PANELS])


def _forest(by_modality: Mapping[str, Any]) -> Figure:
    """Macro AUROC and interval of each modality, one below the other."""
    rows = [name for name in ("fused", "image", "note") if by_modality[name]["auroc"] is not None]
    figure = Figure(figsize=(8.4, 0.75 + 0.42 * len(rows)), layout="constrained")
    axes = figure.add_subplot()
    lowest = 0.5
    for place, name in enumerate(rows):
        value, interval = by_modality[name]["auroc"], by_modality[name]["auroc_ci"]
        low, high = interval or (value, value)
        lowest = min(lowest, low)
        color = STYLES[name]["color"]
        axes.plot([low, high], [place, place], color=color, linewidth=2.5, solid_capstyle="butt")
        axes.plot([value], [place], marker="s" if name == "fused" else "o", markersize=8, color=color)
        axes.text(
            1.02, place, f"{value:.3f}  ({interval_text(interval)})", va="center", transform=axes.get_yaxis_transform()
        )
    axes.axvline(0.5, color="#8a94a0", linewidth=1, linestyle=(0, (2, 2)))
    axes.set_yticks(range(len(rows)), [name if name == "fused" else f"{name} alone" for name in rows])
    axes.set_ylim(len(rows) - 0.4, -0.6)
    axes.set_xlim(max(0.0, lowest - 0.03), 1.0)
    axes.set_xlabel("macro AUROC (dotted line: chance)")
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    return figure


def _grid(data: EvaluationData, shown: Sequence[int], draw: Callable[[Axes, int], None]) -> Figure:
    """Square panels in the unit square with the diagonal drawn, one per finding."""
    rows = -(-len(shown) // COLUMNS)
    figure = Figure(figsize=(10.4, 0.45 + 2.75 * rows), layout="constrained")
    for place, index in enumerate(shown):
        axes = figure.add_subplot(rows, COLUMNS, place + 1)
        axes.plot([0, 1], [0, 1], color="#b4bcc4", linewidth=0.8, zorder=1)
        draw(axes, index)
        axes.set_title(_short(data.findings.names[index]), loc="left")
        axes.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02), aspect="equal", xticks=(0, 0.5, 1), yticks=(0, 0.5, 1))
    return figure


def _roc_grid(data: EvaluationData, shown: Sequence[int], *, studies: NDArray[np.bool_]) -> Figure:
    curves = {
        name: data.probabilities[key]
        for name, key in MODALITIES.items()
        if key is Availability.BOTH or (key in data.probabilities and data.both.any())
    }

    def draw(axes: Axes, index: int) -> None:
        known = studies & ~np.isnan(data.labels[:, index])  # (N,)
        present = data.labels[known, index] == 1  # (n,)
        if present.all() or not present.any():
            return
        for name, probabilities in curves.items():
            false_positive, true_positive, _ = roc_curve(present, probabilities[known, index])
            kept = np.unique(np.linspace(0, len(true_positive) - 1, CURVE_POINTS).round().astype(int))
            axes.plot(false_positive[kept], true_positive[kept], label=name, **STYLES[name])
        called = data.fused[known, index] >= data.thresholds[index]  # (n,)
        point = (called[~present].mean(), called[present].mean())
        axes.plot(*point, marker="o", markersize=7, color="white", markeredgecolor="#1a2530", zorder=5)

    figure = _grid(data, shown, draw)
    figure.supxlabel("1 - specificity", fontsize=9)
    figure.supylabel("sensitivity", fontsize=9)
    return figure


def _reliability_grid(data: EvaluationData, shown: Sequence[int], *, metrics: Mapping[str, Any]) -> Figure:
    def draw(axes: Axes, index: int) -> None:
        known = ~np.isnan(data.labels[:, index])  # (N,)
        bins = reliability(data.labels[known, index], data.fused[known, index])
        low, high = _wilson(bins.observed, bins.count)
        axes.vlines(bins.predicted, low, high, color="#9cc3de", linewidth=2)
        axes.plot(bins.predicted, bins.observed, marker="o", markersize=4.5, linewidth=1.2, color="#0072B2", zorder=4)
        ece = metrics["findings"][data.findings.names[index]]["ece"]
        axes.text(0.98, 0.03, f"ECE {ece:.3f}", ha="right", color="#4a5560")

    figure = _grid(data, shown, draw)
    figure.supxlabel("calibrated probability", fontsize=9)
    figure.supylabel("share present", fontsize=9)
    return figure


def _wilson(share: NDArray[np.float64], count: NDArray[np.int64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Ends of the 95 % interval of a share; unlike the plain formula it has a width at shares of 0 and 1.

    Source: Wilson, Probable inference, J. Am. Stat. Assoc. 22 (1927).
    """
    z = 1.96
    middle = (share + z**2 / (2 * count)) / (1 + z**2 / count)
    half = z * np.sqrt(share * (1 - share) / count + z**2 / (4 * count**2)) / (1 + z**2 / count)
    return middle - half, middle + half


def _svg(figure: Figure, name: str) -> Markup:
    """A figure as an SVG element; `name` keeps its ids apart from those of the page's other figures."""
    buffer = io.StringIO()
    figure.savefig(buffer, format="svg", metadata=dict.fromkeys(("Creator", "Date", "Format", "Type")))
    element = buffer.getvalue()[buffer.getvalue().index("<svg") :]
    element = re.sub(r'(\bid="|url\(#|xlink:href="#)', rf"\1{name}-", element)
    return Markup(element)  # noqa: S704  (matplotlib escapes the text it writes)


def _short(name: str) -> str:
    plain = _plain(name)
    return plain if len(plain) <= 30 else f"{plain[:29]}…"


def _plain(name: str) -> str:
    """A finding as people write it: `chest:pleural_effusion` → `chest: pleural effusion`."""
    return name.replace("_", " ").replace(GROUP_SEPARATOR, f"{GROUP_SEPARATOR} ")


def _leakage_rows(facts: Mapping[str, Any], prefix: str = "") -> list[tuple[str, str]]:
    """Nested facts as flat rows: where from → value."""
    rows: list[tuple[str, str]] = []
    for key, value in facts.items():
        label = f"{prefix}{str(key).replace('_', ' ')}"
        if isinstance(value, Mapping):
            rows += _leakage_rows(value, f"{label} · ")
        else:
            rows.append((label, f"{value:.3g}" if isinstance(value, float) else str(value)))
    return rows
