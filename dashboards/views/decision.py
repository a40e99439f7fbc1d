"""The reader's decision, and the decisions before it."""

import streamlit as st

from dashboards import markup, state, words
from mediscan.errors import ReviewError
from mediscan.review.records import (
    MAX_REASON_CHARACTERS,
    MAX_REVIEWER_CHARACTERS,
    Case,
    NewReview,
    Reason,
    ReviewDecision,
)

_OFFERED = (ReviewDecision.ACCEPT, ReviewDecision.REJECT, ReviewDecision.UNSURE)
_WHOLE = ""
_REVIEWER = "reviewer-name"


def show(opened: state.Workspace, case: Case, *, finding: str | None) -> None:
    """Draw the form, the history and the model's identity."""
    _form(opened, case, finding=finding)
    st.html('<div class="ms-head">Decisions so far</div>')
    with st.container(height=165, border=False):
        st.html(markup.history(opened.database.reviews(case.row.study_id), bundle_id=case.row.bundle_id))
    st.html(markup.identity(f"Model {case.row.bundle_id}", words.NOT_A_DEVICE))


def _form(opened: state.Workspace, case: Case, *, finding: str | None) -> None:
    # A saved form gets new keys, so that a second press on Save meets an empty form.
    turn = f"{case.row.study_id}-{st.session_state.get('saved', 0)}"
    scopes = [_WHOLE] if finding is None else [_WHOLE, finding]
    with st.form(f"review-{turn}", border=True):
        st.html('<div class="ms-head">Your decision</div>')
        about = st.selectbox(
            "About",
            scopes,
            format_func=lambda one: words.finding(one) or "The whole diagnosis",
            key=f"about-{turn}-{finding}",
        )
        choice = st.segmented_control(
            "Decision",
            _OFFERED,
            format_func=lambda one: words.REVIEW_DECISION[one],
            key=f"decision-{turn}",
            width="stretch",
        )
        reason = st.selectbox(
            "Reason",
            list(Reason),
            index=None,
            format_func=lambda one: words.REASON[one],
            placeholder="Needed unless you accept",
            key=f"reason-{turn}",
        )
        remark = st.text_area("Remark", key=f"remark-{turn}", height=68, max_chars=MAX_REASON_CHARACTERS)
        reviewer = st.text_input(
            "Reviewer",
            value=st.session_state.get(_REVIEWER, ""),
            key=f"reviewer-{turn}",
            max_chars=MAX_REVIEWER_CHARACTERS,
        )
        pressed = st.form_submit_button("Save", key=f"save-{turn}", type="primary", width="stretch")
    if not pressed:
        return
    if choice is None:
        st.error("Choose accept, reject or unsure.")
        return
    try:
        opened.database.add_review(
            NewReview(
                study_id=case.row.study_id,
                finding=about or None,
                decision=choice,
                reason_code=reason,
                reason=remark,
                reviewer=reviewer,
                bundle_id=case.row.bundle_id,
            )
        )
    except ReviewError as error:
        st.error(words.plain(str(error)))
        return
    st.session_state[_REVIEWER] = reviewer.strip()
    st.session_state["saved"] = st.session_state.get("saved", 0) + 1
    st.toast("Saved.")
    st.rerun()
