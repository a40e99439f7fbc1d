"""The worklist: what waits to be read, in the order of attention."""

from collections.abc import Sequence

import pandas as pd
import streamlit as st

from dashboards import markup, state, words
from mediscan.diagnosis import Decision
from mediscan.errors import Code
from mediscan.review.records import ReviewState, WorklistFilter, WorklistRow
from mediscan.review.scores import Attention

_PAGE = 50
_ANY, _SCORED, _REFUSED = "", "Scored", "Refused"


def show() -> None:
    """Draw the page."""
    opened = state.workspace()
    _header(opened)
    chosen = _filters(opened)
    if chosen != state.filters(opened):
        st.session_state["worklist-page-number"] = 1
        state.keep_filters(chosen)
    number = st.session_state.setdefault("worklist-page-number", 1)
    page = opened.database.worklist(chosen, limit=_PAGE, offset=(number - 1) * _PAGE)
    if not page.rows:
        st.info("No study fits these filters.")
        return
    _table(page.rows)
    _pager(page.total)


def _header(opened: state.Workspace) -> None:
    counts = opened.database.counts(opened.run.run_id)
    unread = opened.database.worklist(
        WorklistFilter(run_id=opened.run.run_id, review=ReviewState.UNREVIEWED), limit=1
    ).rows
    title, numbers, start = st.columns([1.2, 5, 1.3], vertical_alignment="center")
    title.html('<span class="ms-title">Worklist</span>')
    shown = [("unreviewed", counts[ReviewState.UNREVIEWED])]
    shown += [(words.ATTENTION[attention].lower(), counts[attention]) for attention in Attention if counts[attention]]
    numbers.html(markup.counts(shown))
    if start.button("Read next case", key="read-next", type="primary", disabled=not unread, width="stretch"):
        state.open_case(unread[0].study_id)


def _filters(opened: state.Workspace) -> WorklistFilter:
    kept = state.filters(opened)
    text, status, finding, decision, review = st.columns([2, 1.2, 1.6, 1.2, 1.4])
    wanted = text.text_input(
        "Search", value=kept.text, key="filter-text", placeholder="Study or patient id", max_chars=64
    )
    statuses = [_ANY, _SCORED, _REFUSED]
    kept_status = _ANY if kept.refused is None else (_REFUSED if kept.refused else _SCORED)
    chosen = status.selectbox(
        "Status", statuses, index=statuses.index(kept_status), key="filter-status", format_func=lambda one: one or "All"
    )
    names = [_ANY, *opened.database.findings(opened.run.run_id)]
    name = finding.selectbox(
        "Finding",
        names,
        index=names.index(kept.finding or _ANY),
        key="filter-finding",
        format_func=lambda one: words.finding(one) if one else "Any",
    )
    decisions = [_ANY, *Decision]
    decided = decision.selectbox(
        "Model says",
        decisions,
        index=decisions.index(kept.decision or _ANY),
        key="filter-decision",
        format_func=lambda one: words.DECISION[Decision(one)].capitalize() if one else "Anything",
    )
    reviews = [_ANY, *ReviewState]
    reviewed = review.selectbox(
        "Review",
        reviews,
        index=reviews.index(kept.review or _ANY),
        key="filter-review",
        format_func=lambda one: words.REVIEW[ReviewState(one)] if one else "All",
    )
    return WorklistFilter(
        run_id=opened.run.run_id,
        text=wanted,
        refused=None if chosen == _ANY else chosen == _REFUSED,
        finding=name or None,
        decision=Decision(decided) if decided else None,
        review=ReviewState(reviewed) if reviewed else None,
    )


def _table(rows: Sequence[WorklistRow]) -> None:
    lines = pd.DataFrame([_line(row) for row in rows])
    chosen = st.dataframe(
        lines,
        key="worklist",
        height=min(680, 37 + 35 * len(lines)),
        hide_index=True,
        on_select="rerun",
        selection_mode="single-row",
        column_config={
            "Age": st.column_config.NumberColumn(width="small", format="%d"),
            "Sex": st.column_config.TextColumn(width="small"),
            "Probability": st.column_config.TextColumn("Probability", help="Calibrated, of the leading finding."),
        },
    )
    st.html(markup.identity("Select a row to open its case.", words.NOT_A_DEVICE))
    selected = chosen["selection"]["rows"]
    if selected:
        state.open_case(rows[selected[0]].study_id)


def _line(row: WorklistRow) -> dict[str, object]:
    leading = "No answer"
    if row.top_finding and row.top_decision and row.top_probability is not None:
        leading = f"{words.finding(row.top_finding)}: {words.likelihood(row.top_decision, row.top_probability)}"
    remarks = [words.code(row.code)]
    if row.out_of_distribution and row.attention is not Attention.UNFAMILIAR and row.code != Code.OUT_OF_DISTRIBUTION:
        remarks.append(words.ATTENTION[Attention.UNFAMILIAR].lower())
    return {
        "Attention": words.ATTENTION[row.attention],
        "Study": row.study_id,
        "Patient": row.patient_id or "unknown",
        "Age": row.age_years,
        "Sex": row.sex or "?",
        "Leading finding": leading,
        "Probability": None if row.top_probability is None else words.percent(row.top_probability),
        "Input": words.MODALITIES.get(row.modalities, row.modalities),
        "Remarks": ", ".join(remark for remark in remarks if remark),
        "Review": words.REVIEW[row.review] + (f" · {row.reviewer}" if row.reviewer else ""),
    }


def _pager(total: int) -> None:
    pages = -(-total // _PAGE)
    if pages > 1:
        place, _ = st.columns([1, 6])
        place.number_input(f"Page of {pages}", min_value=1, max_value=pages, key="worklist-page-number")
