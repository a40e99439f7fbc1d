"""Bringing a scores folder into the database's tables."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import cast

from sqlalchemy import FromClause, Table, select
from sqlalchemy.dialects.sqlite import insert
from sqlalchemy.orm import Session

from mediscan.errors import ReviewError
from mediscan.review.models import PredictionRow, RunRow, StudyRow
from mediscan.review.scores import ScoredStudy, Scores


def load(session: Session, scores: Scores) -> None:
    """Add a run, or renew what is known of it; reviews are never touched.

    Raises:
        ReviewError: One of the studies is in the database already as another patient's.
    """
    if session.get(RunRow, scores.run_id) is None:
        session.add(
            RunRow(
                run_id=scores.run_id,
                scores_path=str(scores.folder),
                bundle_path=str(scores.bundle),
                bundle_id=scores.bundle_id,
                manifest_path=str(scores.manifest),
                manifest_sha256=scores.manifest_sha256,
                loaded_at=datetime.now(UTC),
            )
        )
        session.flush()
    _require_same_patients(session, scores.studies)
    _upsert(session, StudyRow.__table__, rows=[_study_values(study, scores) for study in scores.studies])
    answers = [
        {"study_id": study.study_id, "bundle_id": scores.bundle_id, **vars(answer)}
        for study in scores.studies
        for answer in study.predictions
    ]
    _upsert(session, PredictionRow.__table__, rows=answers)


def _upsert(session: Session, table: FromClause, *, rows: Sequence[Mapping[str, object]]) -> None:
    if not rows:
        return
    statement = insert(cast("Table", table))
    key = [column.name for column in table.primary_key]
    changed = {name: statement.excluded[name] for name in rows[0] if name not in key}
    session.connection().execute(statement.on_conflict_do_update(index_elements=key, set_=changed), rows)


def _require_same_patients(session: Session, studies: Iterable[ScoredStudy]) -> None:
    query = select(StudyRow.study_id, StudyRow.patient_id).where(StudyRow.patient_id.is_not(None))
    known = {row.study_id: row.patient_id for row in session.execute(query)}
    for study in studies:
        if study.patient_id is not None and known.get(study.study_id, study.patient_id) != study.patient_id:
            raise ReviewError(
                f"study {study.study_id!r} is in the database already, for another patient",
                remedy="Use another database file, so that no review lands with the wrong patient.",
            )


def _study_values(study: ScoredStudy, scores: Scores) -> dict[str, object]:
    top = study.top
    return {
        "study_id": study.study_id,
        "run_id": scores.run_id,
        "bundle_id": scores.bundle_id,
        "patient_id": study.patient_id,
        "status": "refused" if study.refused else "scored",
        "code": study.code,
        "message": study.message,
        "modalities": study.modalities,
        "out_of_distribution": study.out_of_distribution,
        "age_years": study.age_years,
        "sex": study.sex,
        "attention": study.attention,
        "attention_rank": study.attention.rank,
        "priority": study.priority,
        "top_finding": top.finding if top else None,
        "top_probability": top.probability if top else None,
        "top_decision": top.decision if top else None,
    }
