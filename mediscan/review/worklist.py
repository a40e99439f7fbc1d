"""The worklist's queries: what is shown, in which order, one page at a time."""

from typing import TypeVarTuple

from sqlalchemy import ColumnElement, Select, and_, case, exists, func, select, tuple_
from sqlalchemy.orm import Session, aliased

from mediscan.diagnosis import Decision
from mediscan.review.models import PredictionRow, ReviewRow, StudyRow
from mediscan.review.records import Neighbours, Page, ReviewState, WorklistFilter, WorklistRow
from mediscan.review.scores import Attention

Columns = TypeVarTuple("Columns")


def page(session: Session, filters: WorklistFilter, *, limit: int, offset: int) -> Page:
    """One page of the worklist: unreviewed first, then by attention and priority."""
    whole, state = _review_state()
    query = _joined(whole, select(StudyRow, state, whole.reviewer)).where(*_conditions(filters, state))
    ordered = query.order_by(state != ReviewState.UNREVIEWED, *_order()).limit(limit).offset(offset)
    count = _joined(whole, select(func.count(StudyRow.study_id))).where(*_conditions(filters, state))
    return Page(
        rows=tuple(_row(study, review, reviewer) for study, review, reviewer in session.execute(ordered)),
        total=session.scalar(count) or 0,
    )


def one(session: Session, study_id: str) -> WorklistRow | None:
    """The worklist's line for one study, whichever run it is of."""
    whole, state = _review_state()
    query = _joined(whole, select(StudyRow, state, whole.reviewer)).where(StudyRow.study_id == study_id)
    found = session.execute(query).one_or_none()
    return _row(*found) if found else None


def neighbours(session: Session, study_id: str, filters: WorklistFilter) -> Neighbours:
    """The cases before and after one."""
    whole, state = _review_state()
    ids = _joined(whole, select(StudyRow.study_id)).where(*_conditions(filters, state), StudyRow.study_id != study_id)
    here = session.get(StudyRow, study_id)
    ahead, back = ids.order_by(*_order()), ids.order_by(*(column.desc() for column in _order()))
    unread = ahead.where(state == ReviewState.UNREVIEWED)
    if here is None:
        return Neighbours(
            previous=None, next=session.scalar(ahead.limit(1)), next_unread=session.scalar(unread.limit(1))
        )
    key = tuple_(*_order())
    place = tuple_(here.attention_rank, -here.priority, here.study_id)
    return Neighbours(
        previous=session.scalar(back.where(key < place).limit(1)),
        next=session.scalar(ahead.where(key > place).limit(1)),
        next_unread=session.scalar(unread.where(key > place).limit(1)) or session.scalar(unread.limit(1)),
    )


def counts(session: Session, run_id: str) -> dict[ReviewState | Attention, int]:
    """How many studies of a run stand at each attention and in each review state; absent ones are 0."""
    whole, state = _review_state()
    by_state = _joined(whole, select(state, func.count())).where(StudyRow.run_id == run_id).group_by(state)
    by_attention = (
        select(StudyRow.attention, func.count()).where(StudyRow.run_id == run_id).group_by(StudyRow.attention)
    )
    return {
        **dict.fromkeys((*ReviewState, *Attention), 0),
        **{ReviewState(name): number for name, number in session.execute(by_state)},
        **{Attention(name): number for name, number in session.execute(by_attention)},
    }


def _order() -> tuple[ColumnElement[int], ColumnElement[float], ColumnElement[str]]:
    return StudyRow.attention_rank.expression, -StudyRow.priority, StudyRow.study_id.expression


def _review_state() -> tuple[type[ReviewRow], ColumnElement[str]]:
    """The newest review of the whole study for the shown bundle, to be outer-joined, and the state that it makes."""
    whole = aliased(ReviewRow)
    part = aliased(ReviewRow)
    partly = exists().where(
        part.study_id == StudyRow.study_id, part.bundle_id == StudyRow.bundle_id, part.finding.is_not(None)
    )
    state = func.coalesce(whole.decision, case((partly, ReviewState.PARTLY.value), else_=ReviewState.UNREVIEWED.value))
    return whole, state


def _joined(whole: type[ReviewRow], query: Select[*Columns]) -> Select[*Columns]:
    any_review = aliased(ReviewRow)
    newest = (
        select(func.max(any_review.id))
        .where(
            any_review.study_id == StudyRow.study_id,
            any_review.bundle_id == StudyRow.bundle_id,
            any_review.finding.is_(None),
        )
        .correlate(StudyRow)
        .scalar_subquery()
    )
    return query.select_from(StudyRow).outerjoin(whole, whole.id == newest)


def _conditions(filters: WorklistFilter, state: ColumnElement[str]) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = [StudyRow.run_id == filters.run_id]
    if filters.text.strip():
        text = filters.text.strip()
        conditions.append(
            StudyRow.study_id.icontains(text, autoescape=True) | StudyRow.patient_id.icontains(text, autoescape=True)
        )
    if filters.refused is not None:
        conditions.append(StudyRow.status == ("refused" if filters.refused else "scored"))
    if filters.review is not None:
        conditions.append(state == filters.review)
    if filters.finding is not None or filters.decision is not None:
        # Refused studies keep no answers in the list, whatever an older run of the same bundle said.
        answered = [PredictionRow.study_id == StudyRow.study_id, PredictionRow.bundle_id == StudyRow.bundle_id]
        if filters.finding is not None:
            answered.append(PredictionRow.finding == filters.finding)
        if filters.decision is not None:
            answered.append(PredictionRow.decision == filters.decision)
        else:
            answered.append(PredictionRow.decision != Decision.NEGATIVE)
        conditions += [StudyRow.status == "scored", exists().where(and_(*answered))]
    return conditions


def _row(study: StudyRow, state: str, reviewer: str | None) -> WorklistRow:
    return WorklistRow(
        study_id=study.study_id,
        patient_id=study.patient_id,
        refused=study.status == "refused",
        code=study.code,
        message=study.message,
        modalities=study.modalities,
        out_of_distribution=study.out_of_distribution,
        age_years=study.age_years,
        sex=study.sex,
        bundle_id=study.bundle_id,
        attention=Attention(study.attention),
        top_finding=study.top_finding,
        top_probability=study.top_probability,
        top_decision=Decision(study.top_decision) if study.top_decision else None,
        review=ReviewState(state),
        reviewer=reviewer,
    )
