"""The case page: the study on the left, what the model says in the middle, the reader's decision on the right."""

import streamlit as st

from dashboards import markup, state, words
from dashboards.views import decision, findings, image, note
from mediscan.diagnosis import Diagnosis, Evidence
from mediscan.errors import Code, MediscanError, ReviewError
from mediscan.review.records import Case, WorklistRow
from mediscan.study import Availability, Study

_TOLERANCE = 0.005
"""How far a probability may move between two computers; half of what is shown."""


def show() -> None:
    """Draw the page."""
    opened = state.workspace()
    study_id = state.study_in_address()
    if study_id is None:
        state.open_worklist()
        return
    try:
        case = opened.database.case(study_id)
    except ReviewError as error:
        st.error(words.plain(str(error)))
        if st.button("Back to the worklist", key="back"):
            state.open_worklist()
        return
    study, unreadable = _study(opened, study_id)
    _banner(opened, case.row, study)
    chosen = findings.chosen(case)
    # What was explained before is at hand at once, and then each place is drawn once, without a flicker.
    ready = bool(study and chosen and state.explained_before(opened, study_id, finding=chosen))
    answer, why = _explain(opened, study, finding=chosen) if ready and study and chosen else (None, None)
    marks = st.container() if ready else st.empty()
    marks.html(markup.marks(_marks(case, answer)))
    left, middle, right = st.columns([5.4, 4, 2.8], gap="medium")
    with right:
        decision.show(opened, case, finding=chosen)
    with middle:
        bars = findings.show(case, chosen=chosen, answer=answer)
        pane = note.Pane.reserve(redrawn=not ready)
        if study:
            pane.show(study, why)
    with left:
        if study is None:
            st.error(words.plain(unreadable))
        else:
            image.show(opened, study, finding=chosen)
    if study is None or chosen is None or ready:
        return
    with middle:
        answer, why = _explain(opened, study, finding=chosen)
    if answer:
        findings.redraw(bars, case, answer)
        marks.html(markup.marks(_marks(case, answer)))
    pane.show(study, why)


def _study(opened: state.Workspace, study_id: str) -> tuple[Study | None, str]:
    try:
        return opened.manifest.study(study_id), ""
    except MediscanError as error:
        return None, str(error)


def _explain(opened: state.Workspace, study: Study, *, finding: str) -> tuple[Diagnosis | None, Evidence | None]:
    try:
        return state.diagnosis(opened, study.study_id), state.evidence(opened, study.study_id, finding=finding)
    except MediscanError as error:
        st.warning(words.plain(f"There is no explanation: {error}"))
        return None, None


def _banner(opened: state.Workspace, row: WorklistRow, study: Study | None) -> None:
    around = opened.database.neighbours(row.study_id, state.filters(opened))
    back, facts, previous, following, unread = st.columns([0.9, 7.2, 0.8, 0.7, 1.1], vertical_alignment="center")
    if back.button("← Worklist", key="back", width="stretch"):
        state.open_worklist()
    facts.html(markup.banner(_facts(row, study)))
    for place, label, key, target in (
        (previous, "Previous", "previous", around.previous),
        (following, "Next", "next", around.next),
        (unread, "Next unread", "next-unread", around.next_unread),
    ):
        if place.button(label, key=key, disabled=target is None, width="stretch") and target:
            state.open_case(target)


def _facts(row: WorklistRow, study: Study | None) -> dict[str, str]:
    facts = {
        "Patient": row.patient_id or "unknown",
        "": words.patient(row.age_years, row.sex),
        "Study": row.study_id,
    }
    metas = [image.meta for image in study.images] if study else []
    for name, values in (
        ("Modality", [meta.modality for meta in metas]),
        ("Body part", [meta.body_part for meta in metas]),
        ("View", [meta.view for meta in metas]),
        ("Date", [f"{meta.acquired_at:%Y-%m-%d}" if meta.acquired_at else None for meta in metas]),
    ):
        known = list(dict.fromkeys(value for value in values if value))
        if known:
            facts[name] = ", ".join(known)
    return facts


def _marks(case: Case, answer: Diagnosis | None) -> list[tuple[str, bool]]:
    """What a reader must not overlook; some of it only the model, run again, can tell."""
    row = case.row
    marks = [(words.REVIEW[row.review], False)]
    if row.refused:
        marks.append((f"Refused: {words.code(row.code)}", True))
    if row.out_of_distribution and row.code != Code.OUT_OF_DISTRIBUTION:
        marks.append(("Unlike the training data: do not rely on this answer", True))
    if not row.refused and row.modalities != Availability.BOTH and row.code not in (Code.NO_IMAGE, Code.EMPTY_NOTE):
        marks.append((words.MODALITIES.get(row.modalities, row.modalities), True))
    if not row.refused and row.message:
        marks.append((_sentence(row.message), True))
    if answer is None:
        return marks
    marks += [(_sentence(flag.message), True) for flag in answer.flags if flag.message not in row.message]
    now = {result.finding: result.probability for result in answer.findings}
    if any(abs(now.get(stored.finding, -1.0) - stored.probability) > _TOLERANCE for stored in case.predictions):
        marks.append(("The files or the model have changed since scoring: score again before you decide", True))
    return marks


def _sentence(message: str) -> str:
    return message[:1].upper() + message[1:]
