"""The image pane: windows, planes, zoom, and the heatmap over the pixels it was computed from."""

from dataclasses import dataclass, replace

import numpy as np
import streamlit as st

from dashboards import figures, markup, state, words
from mediscan.diagnosis import Evidence, Heatmap
from mediscan.errors import MediscanError
from mediscan.sources.pixels import Pixels, Window
from mediscan.study import ImageRef, Study

_ZOOMS = (1.0, 1.5, 2.0, 3.0, 4.0)


@dataclass(frozen=True, kw_only=True)
class _View:
    """How one image is to be seen; `window` is None for the file's own presentation."""

    image: int
    plane: int
    window: Window | None
    inverted: bool
    heat: bool
    opacity: float
    zoom: float


@st.fragment
def show(opened: state.Workspace, study: Study, *, finding: str | None) -> None:
    """Draw the pane; its controls redraw nothing else."""
    if not study.images:
        st.info("This study has no image.")
        return
    above = st.columns([2.2, 1.8, 1, 1.2], vertical_alignment="bottom")
    with above[0]:
        number = _pick_image(study)
    try:
        pixels = state.pixels(study.images[number])
    except MediscanError as error:
        st.error(words.plain(str(error)))
        return
    # The image never waits for the model: it is shown alone first, unless the evidence is at hand.
    ready = finding is not None and state.explained_before(opened, study.study_id, finding=finding)
    frame, below = st.container() if ready else st.empty(), st.container(gap="small")
    why = _explain(opened, study, finding) if ready and finding else None
    with above[1]:
        _pick_preset(study, number, pixels)
    inverted = above[2].toggle("Invert", key=f"invert-{study.study_id}-{number}")
    heat = above[3].toggle("Heatmap", value=True, key="heatmap", disabled=finding is None)
    with below:
        windowing, blending, zooming = st.columns([4, 2, 1.2])
        with windowing:
            window = _pick_window(study, number, pixels)
        opacity = blending.slider("Heatmap opacity", 0.0, 1.0, 0.5, step=0.05, key="opacity", disabled=not heat)
        zoom = zooming.selectbox("Zoom", _ZOOMS, key="zoom", format_func=lambda factor: f"{factor:.0%}")
        plane = _pick_plane(study, number, pixels.values.shape[0], why=why)
    view = _View(image=number, plane=plane, window=window, inverted=inverted, heat=heat, opacity=opacity, zoom=zoom)
    frame.html(_picture(study.images[number], pixels, view, why))
    if finding is None:
        return
    if not ready:
        why = _explain(opened, study, finding)
        if why is not None:
            frame.html(_picture(study.images[number], pixels, view, why))
    _legend(why, view, finding)


def _pick_image(study: Study) -> int:
    def label(number: int) -> str:
        meta = study.images[number].meta
        known = " ".join(part for part in (meta.modality, meta.view, meta.laterality) if part)
        return f"{number + 1} of {len(study.images)}" + (f" · {known}" if known else "")

    numbers = range(len(study.images))
    picked: int = st.selectbox("Image", numbers, format_func=label, key=f"image-{study.study_id}")
    return picked


def _pick_preset(study: Study, number: int, pixels: Pixels) -> None:
    windows = figures.presets(pixels)
    keys = _window_keys(study, number)

    def take() -> None:
        taken = windows[st.session_state[keys[2]]]
        st.session_state[keys[0]], st.session_state[keys[1]] = taken.center, taken.width

    st.selectbox("Window", list(windows), key=keys[2], on_change=take)


def _pick_window(study: Study, number: int, pixels: Pixels) -> Window | None:
    """The window of the two sliders; None while they stand where the file itself wants them."""
    default = pixels.default_window()
    center_key, width_key, _ = _window_keys(study, number)
    st.session_state.setdefault(center_key, default.center)
    st.session_state.setdefault(width_key, default.width)
    low, high = figures.window_limits(pixels)
    step = 1.0 if high - low > 200 else (high - low) / 200
    widths = [window.width for window in figures.presets(pixels).values()]
    left, right = st.columns(2)
    center = left.slider("Window centre", low, high, step=step, key=center_key, format="%.4g")
    width = right.slider(
        "Window width", min(step, *widths), max(2 * (high - low), *widths), step=step, key=width_key, format="%.4g"
    )
    untouched = (center, width) == (default.center, default.width)
    return None if untouched else Window(center=center, width=width, function=default.function)


def _pick_plane(study: Study, number: int, planes: int, *, why: Evidence | None) -> int:
    if planes == 1:
        return 0
    first = _first_plane(why, number, planes) + 1
    picked: int = st.slider("Plane", 1, planes, first, key=f"plane-{study.study_id}-{number}")
    return picked - 1


def _window_keys(study: Study, number: int) -> tuple[str, str, str]:
    return tuple(f"{name}-{study.study_id}-{number}" for name in ("center", "width", "preset"))  # type: ignore[return-value]


def _first_plane(why: Evidence | None, number: int, planes: int) -> int:
    """The plane with the strongest heat, or the middle one."""
    maps = [heat for heat in why.heatmaps if heat.image == number] if why else []
    return max(maps, key=lambda heat: float(heat.values.max())).plane if maps else planes // 2


def _picture(image: ImageRef, pixels: Pixels, view: _View, why: Evidence | None) -> str:
    # The window is applied to the plane that is seen, never to a whole volume.
    shown = replace(pixels, values=pixels.values[view.plane : view.plane + 1])  # (S, H, W) → (1, H, W)
    grey = shown.grey(view.window)[0]  # (1, H, W) → (H, W)
    if view.inverted:
        grey = 1.0 - grey
    heat = _heatmap(why, view) if view.heat else None
    picture = figures.overlay(grey, heat.values if heat else None, opacity=view.opacity)
    content = figures.png(picture, spacing_mm=pixels.meta.spacing_mm or image.meta.spacing_mm)
    alt = f"image {view.image + 1}, plane {view.plane + 1}, {'with' if heat else 'without'} heatmap"
    return markup.image(figures.data_url(content), alt=alt, zoom=view.zoom)


def _heatmap(why: Evidence | None, view: _View) -> Heatmap | None:
    maps = why.heatmaps if why else ()
    return next((heat for heat in maps if (heat.image, heat.plane) == (view.image, view.plane)), None)


def _explain(opened: state.Workspace, study: Study, finding: str) -> Evidence | None:
    try:
        with st.spinner("Asking the model why …"):
            return state.evidence(opened, study.study_id, finding=finding)
    except MediscanError:
        return None  # the page says so beside the findings


def _legend(why: Evidence | None, view: _View, finding: str) -> None:
    if why is None or not view.heat:
        return
    if _heatmap(why, view) is not None:
        steps = np.linspace(0.0, 1.0, 6, dtype=np.float32)
        colours = [(int(red), int(green), int(blue)) for red, green, blue in figures.heat_colours(steps)]
        st.html(markup.heat_legend(colours))
        return
    others = sorted({heat.plane + 1 for heat in why.heatmaps if heat.image == view.image})
    where = f" It is on planes {', '.join(map(str, others))}." if others else ""
    st.caption(words.plain(f"No heatmap for {words.finding(finding)} here.{where}"))
