"""The tables of the review database, and the rules that SQLite itself enforces."""

from datetime import UTC, datetime

from sqlalchemy import (
    CheckConstraint,
    Dialect,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    String,
    Table,
    TypeDecorator,
    event,
)
from sqlalchemy.engine import Connection
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

SCHEMA_VERSION = 1
"""Kept in the file's `user_version`; a file of another version is refused, never altered."""


class UtcTime(TypeDecorator[datetime]):
    """A moment, kept as ISO 8601 text in UTC: it sorts as text and any SQLite client can read it."""

    impl = String
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> str | None:  # noqa: ARG002 - SQLAlchemy's signature
        """The text that is stored."""
        return None if value is None else value.astimezone(UTC).isoformat(timespec="microseconds")

    def process_result_value(self, value: str | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002 - SQLAlchemy's signature
        """The moment that a stored text names."""
        return None if value is None else datetime.fromisoformat(value)


class Base(DeclarativeBase):
    """The tables' common registry."""


class RunRow(Base):
    """One scores folder that was loaded."""

    __tablename__ = "run"

    run_id: Mapped[str] = mapped_column(primary_key=True)
    scores_path: Mapped[str]
    bundle_path: Mapped[str]
    bundle_id: Mapped[str]
    manifest_path: Mapped[str]
    manifest_sha256: Mapped[str]
    loaded_at: Mapped[datetime] = mapped_column(UtcTime)


class StudyRow(Base):
    """One row of the worklist: what the newest run that held the study says of it."""

    __tablename__ = "study"
    __table_args__ = (
        CheckConstraint("status IN ('scored', 'refused')", name="study_status"),
        Index("study_order", "run_id", "attention_rank", "priority", "study_id"),
    )

    study_id: Mapped[str] = mapped_column(primary_key=True)
    run_id: Mapped[str] = mapped_column(ForeignKey("run.run_id"))
    bundle_id: Mapped[str]
    patient_id: Mapped[str | None]
    status: Mapped[str]
    code: Mapped[str]
    message: Mapped[str]
    modalities: Mapped[str]
    out_of_distribution: Mapped[bool]
    age_years: Mapped[float | None]
    sex: Mapped[str | None]
    attention: Mapped[str]
    attention_rank: Mapped[int]
    priority: Mapped[float]
    top_finding: Mapped[str | None]
    top_probability: Mapped[float | None]
    top_decision: Mapped[str | None]


class PredictionRow(Base):
    """One finding of one study, as one bundle answered."""

    __tablename__ = "prediction"
    __table_args__ = (
        CheckConstraint("probability BETWEEN 0 AND 1", name="prediction_probability"),
        CheckConstraint("decision IN ('positive', 'negative', 'uncertain')", name="prediction_decision"),
        Index("prediction_finding", "finding", "decision"),
    )

    study_id: Mapped[str] = mapped_column(ForeignKey("study.study_id"), primary_key=True)
    bundle_id: Mapped[str] = mapped_column(primary_key=True)
    finding: Mapped[str] = mapped_column(primary_key=True)
    probability: Mapped[float]
    lower: Mapped[float]
    upper: Mapped[float]
    decision: Mapped[str]
    input_sha256: Mapped[str]


class ReviewRow(Base):
    """One decision of one clinician. Rows are only ever added; a change of mind is a newer row."""

    __tablename__ = "review"
    __table_args__ = (
        ForeignKeyConstraint(
            ["study_id", "bundle_id", "finding"], ["prediction.study_id", "prediction.bundle_id", "prediction.finding"]
        ),
        CheckConstraint("decision IN ('accept', 'reject', 'unsure', 'corrected')", name="review_decision"),
        CheckConstraint("length(trim(reviewer)) > 0", name="review_reviewer"),
        CheckConstraint("(decision = 'corrected') = (corrected_label IS NOT NULL)", name="review_corrected"),
        CheckConstraint("corrected_label IN (0, 1)", name="review_label"),
        Index("review_latest", "study_id", "bundle_id", "finding", "id"),
        # AUTOINCREMENT never gives a number twice, so a number names one review for ever.
        {"sqlite_autoincrement": True},
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    study_id: Mapped[str] = mapped_column(ForeignKey("study.study_id"))
    finding: Mapped[str | None]
    decision: Mapped[str]
    corrected_label: Mapped[int | None]
    reason_code: Mapped[str | None]
    reason: Mapped[str]
    reviewer: Mapped[str]
    bundle_id: Mapped[str]
    probability: Mapped[float | None]
    created_at: Mapped[datetime] = mapped_column(UtcTime)


_EXISTS = "EXISTS (SELECT 1 FROM review WHERE id = NEW.id)"
_REFUSE = "BEGIN SELECT RAISE(ABORT, 'reviews are append-only'); END"
_APPEND_ONLY = (
    f"CREATE TRIGGER review_never_updated BEFORE UPDATE ON review {_REFUSE}",
    f"CREATE TRIGGER review_never_deleted BEFORE DELETE ON review {_REFUSE}",
    # INSERT OR REPLACE removes the old row without firing a delete trigger.
    f"CREATE TRIGGER review_never_replaced BEFORE INSERT ON review WHEN {_EXISTS} {_REFUSE}",
)


@event.listens_for(ReviewRow.__table__, "after_create")
def _make_append_only(_: Table, connection: Connection, **__: object) -> None:
    for statement in _APPEND_ONLY:
        connection.exec_driver_sql(statement)
