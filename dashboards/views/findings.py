"""What the model says: one line a finding, simple first."""

from collections.abc import Mapping

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from dashboards import markup, words
from mediscan.diagnosis import Diagnosis
from mediscan.review.records import Case

_VISIBLE = 8


def chosen(case: Case) -> str | None:
    """The finding whose evidence is shown: the reader's choice, or the leading one."""
    names = [stored.finding for stored in case.predictions]
    picked = st.session_state.get(_key(case))
    return picked if picked in names else next(iter(names), None)


def show(case: Case, *, chosen: str | None, answer: Diagnosis | None) -> dict[str, DeltaGenerator]:
    """Draw the list, and return the place of each finding's bar; choosing a line shows its evidence.

    Args:
        case: What was stored.
        chosen: The finding whose evidence is shown.
        answer: The model's answer now, for its thresholds; None while it is not at hand.
    """
    st.html('<div class="ms-head">What the model says</div>')
    if case.row.refused:
        st.error(words.plain(f"No answer: {case.row.message}"))
        return {}
    places: dict[str, DeltaGenerator] = {}
    tall = len(case.predictions) > _VISIBLE
    with st.container(height=300 if tall else "content", border=False, gap=None, key="findings"):
        for stored in case.predictions:
            name, bar = st.columns([2.1, 3], vertical_alignment="center", gap="small")
            name.button(
                words.plain(words.finding(stored.finding)),
                key=f"finding-{stored.finding}",
                type="primary" if stored.finding == chosen else "secondary",
                help="Show the evidence for this finding",
                width="stretch",
                on_click=_pick,
                args=(case, stored.finding),
            )
            places[stored.finding] = bar.container() if answer else bar.empty()
    st.html('<div class="ms-muted">White: calibrated probability. Grey: its 95 % interval. Dashed: threshold.</div>')
    redraw(places, case, answer)
    return places


def redraw(places: Mapping[str, DeltaGenerator], case: Case, answer: Diagnosis | None) -> None:
    """Draw each finding's bar, with its threshold where that is known."""
    known = {result.finding: result.threshold for result in answer.findings} if answer else {}
    for stored in case.predictions:
        places[stored.finding].html(markup.finding(stored, threshold=known.get(stored.finding)))


def _pick(case: Case, finding: str) -> None:
    st.session_state[_key(case)] = finding


def _key(case: Case) -> str:
    return f"chosen-{case.row.study_id}"
