"""The review database: a worklist that can be loaded again, and decisions that are never changed or lost."""

import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Self

from sqlalchemy import URL, Engine, create_engine, event, inspect, select
from sqlalchemy.engine import Connection
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import DatabaseError
from sqlalchemy.orm import Session
from sqlalchemy.pool import ConnectionPoolEntry

from mediscan.diagnosis import Decision
from mediscan.errors import ReviewError
from mediscan.manifest import Manifest
from mediscan.review import worklist
from mediscan.review.loading import load
from mediscan.review.models import SCHEMA_VERSION, Base, PredictionRow, ReviewRow, StudyRow
from mediscan.review.records import (
    Case,
    Neighbours,
    NewReview,
    Page,
    Reason,
    Review,
    ReviewDecision,
    ReviewState,
    WorklistFilter,
)
from mediscan.review.scores import Attention, Prediction, Scores

_WRITES = "mediscan_writes"
_BUSY_SECONDS = 30
_MAX_PAGE = 1000
_DECISION_ORDER = (Decision.POSITIVE, Decision.UNCERTAIN, Decision.NEGATIVE)


class ReviewDatabase:
    """Worklist and reviews in one SQLite file; safe to use from several threads and several processes.

    The file holds patient and study ids, ages, sexes and reviewers' remarks, but no image and no note.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._writer = engine.execution_options(**{_WRITES: True})

    @classmethod
    def open(cls, path: Path) -> Self:
        """The database in a file, which is made where there is none.

        Raises:
            ReviewError: The folder does not exist, or the file is another kind of file or of another version.
        """
        path = Path(path)
        try:
            # Only its owner may read a new file; SQLite gives its journal files the same rights.
            path.touch(mode=0o600, exist_ok=True)
        except OSError as error:
            raise ReviewError(
                f"review database {path} cannot be opened: {error.strerror}",
                remedy="Name a file in a folder that exists and that you can write to.",
            ) from None
        engine = create_engine(
            URL.create("sqlite", database=str(path)),
            connect_args={"timeout": _BUSY_SECONDS, "check_same_thread": False},
        )
        event.listen(engine, "connect", _prepare)
        event.listen(engine, "begin", _begin)
        database = cls(engine)
        try:
            database._make_tables(path)
        except DatabaseError as error:
            engine.dispose()
            raise ReviewError(
                f"{path} cannot be used as a review database: {error.orig}", remedy="Name another file."
            ) from None
        except ReviewError:
            engine.dispose()
            raise
        return database

    def close(self) -> None:
        """Give the file back. The object is not to be used afterwards."""
        self._engine.dispose()

    def load_scores(self, scores: Path, manifest: Manifest) -> str:
        """Bring a scores folder into the worklist, whole or not at all, and return the run's id.

        Loading the same folder again changes nothing; reviews are never touched.

        Args:
            scores: A folder that `mediscan score` wrote.
            manifest: The manifest that it was scored from.

        Raises:
            ReviewError: The folder is incomplete or contradictory, or one of its studies is in the database already as
                another patient's.
        """
        loaded = Scores.read(Path(scores), manifest)
        with self._write() as session:
            load(session, loaded)
        return loaded.run_id

    def worklist(self, filters: WorklistFilter, *, limit: int = 50, offset: int = 0) -> Page:
        """A page of the worklist: unreviewed studies first, then by attention and priority.

        Raises:
            ReviewError: `limit` or `offset` is out of range.
        """
        if not 1 <= limit <= _MAX_PAGE or offset < 0:
            raise ReviewError(
                f"a page of {limit} rows from row {offset} is not possible",
                remedy=f"Ask for 1 to {_MAX_PAGE} rows from row 0 or later.",
            )
        with Session(self._engine) as session:
            return worklist.page(session, filters, limit=limit, offset=offset)

    def neighbours(self, study_id: str, filters: WorklistFilter) -> Neighbours:
        """The cases before and after one, among those that a filter lets through."""
        with Session(self._engine) as session:
            return worklist.neighbours(session, study_id, filters)

    def counts(self, run_id: str) -> Mapping[ReviewState | Attention, int]:
        """How many studies of a run stand at each attention and in each review state."""
        with Session(self._engine) as session:
            return worklist.counts(session, run_id)

    def findings(self, run_id: str) -> tuple[str, ...]:
        """The findings that a run's studies were scored for, single findings first, each part alphabetical."""
        query = (
            select(PredictionRow.finding)
            .join(StudyRow, StudyRow.study_id == PredictionRow.study_id)
            .where(StudyRow.run_id == run_id, PredictionRow.bundle_id == StudyRow.bundle_id)
            .distinct()
        )
        with Session(self._engine) as session:
            return tuple(sorted(session.scalars(query), key=lambda name: (":" in name, name)))

    def case(self, study_id: str) -> Case:
        """One study with its answers, likely findings first.

        Raises:
            ReviewError: The worklist holds no such study.
        """
        with Session(self._engine) as session:
            row = worklist.one(session, study_id)
            if row is None:
                raise _unknown(study_id)
            query = select(PredictionRow).where(
                PredictionRow.study_id == study_id, PredictionRow.bundle_id == row.bundle_id
            )
            answers = [] if row.refused else [_answer(found) for found in session.scalars(query)]
        answers.sort(key=lambda a: (_DECISION_ORDER.index(a.decision), -a.probability, a.finding))
        return Case(row=row, predictions=tuple(answers))

    def add_review(self, new: NewReview) -> Review:
        """Save a decision; once this returns, it survives a crash.

        Raises:
            ReviewError: The worklist holds no such study or finding, or another bundle's answer of it.
        """
        with self._write() as session:
            study = session.get(StudyRow, new.study_id)
            if study is None:
                raise _unknown(new.study_id)
            if study.bundle_id != new.bundle_id:
                raise ReviewError(
                    f"study {new.study_id!r} now holds the answer of bundle {study.bundle_id}, not {new.bundle_id}",
                    remedy="Open the case again and decide on what it shows now.",
                )
            row = ReviewRow(
                study_id=new.study_id,
                finding=new.finding,
                decision=new.decision.value,
                corrected_label=new.corrected_label,
                reason_code=new.reason_code.value if new.reason_code else None,
                reason=new.reason.strip(),
                reviewer=new.reviewer.strip(),
                bundle_id=new.bundle_id,
                probability=_shown(session, study, new.finding),
                created_at=datetime.now(UTC),
            )
            session.add(row)
            session.flush()
            return _review(row)

    def reviews(self, study_id: str) -> tuple[Review, ...]:
        """All decisions about a study, of whichever bundle, newest first."""
        query = select(ReviewRow).where(ReviewRow.study_id == study_id).order_by(ReviewRow.id.desc())
        with Session(self._engine) as session:
            return tuple(_review(row) for row in session.scalars(query))

    def latest_review(self, study_id: str, *, finding: str | None = None) -> Review | None:
        """The newest decision about a finding, or about the whole study where none is named."""
        return next((review for review in self.reviews(study_id) if review.finding == finding), None)

    @contextmanager
    def _write(self) -> Iterator[Session]:
        try:
            with Session(self._writer) as session, session.begin():
                yield session
        except DatabaseError as error:
            raise ReviewError(
                f"the review database could not save: {error.orig}", remedy="Nothing was saved; try again."
            ) from None

    def _make_tables(self, path: Path) -> None:
        # The writer's lock is taken first, so two processes that start together do not both create.
        with self._writer.begin() as connection:
            version = connection.exec_driver_sql("PRAGMA user_version").scalar_one()
            tables = inspect(connection).get_table_names()
            if version == SCHEMA_VERSION and "review" in tables:
                return
            if version or tables:
                raise ReviewError(
                    f"{path} is not a review database of version {SCHEMA_VERSION} (it says {version})",
                    remedy="Name another file, or use the mediscan version that made this one.",
                )
            Base.metadata.create_all(connection)
            connection.exec_driver_sql(f"PRAGMA user_version = {SCHEMA_VERSION}")


def _prepare(connection: DBAPIConnection, _: ConnectionPoolEntry) -> None:
    if isinstance(connection, sqlite3.Connection):
        # Transactions begin where `_begin` says, not where the driver guesses.
        connection.isolation_level = None
    cursor = connection.cursor()
    for pragma in ("journal_mode = WAL", "synchronous = FULL", "foreign_keys = ON"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin(connection: Connection) -> None:
    # A writer that reads first must hold the lock from its first read, or SQLite may refuse its write.
    writes = connection.get_execution_options().get(_WRITES, False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _shown(session: Session, study: StudyRow, finding: str | None) -> float | None:
    if finding is None:
        return None
    answer = session.get(PredictionRow, (study.study_id, study.bundle_id, finding))
    if answer is None or study.status == "refused":
        raise ReviewError(
            f"study {study.study_id!r} has no answer for finding {finding!r}",
            remedy="Name one of the findings that its case shows, or none for the whole diagnosis.",
        )
    return answer.probability


def _answer(row: PredictionRow) -> Prediction:
    return Prediction(
        finding=row.finding,
        probability=row.probability,
        lower=row.lower,
        upper=row.upper,
        decision=Decision(row.decision),
        input_sha256=row.input_sha256,
    )


def _review(row: ReviewRow) -> Review:
    return Review(
        id=row.id,
        study_id=row.study_id,
        finding=row.finding,
        decision=ReviewDecision(row.decision),
        corrected_label=row.corrected_label,
        reason_code=Reason(row.reason_code) if row.reason_code else None,
        reason=row.reason,
        reviewer=row.reviewer,
        bundle_id=row.bundle_id,
        probability=row.probability,
        created_at=row.created_at,
    )


def _unknown(study_id: str) -> ReviewError:
    return ReviewError(f"the worklist has no study {study_id!r}", remedy="Load the scores that hold it.")
