import hashlib
import json
import sqlite3
import stat
import threading
from contextlib import closing
from datetime import UTC, datetime, timedelta

import pandas as pd
import pytest

from mediscan.diagnosis import Decision
from mediscan.errors import ConfigError, ReviewError
from mediscan.findings import FindingSet
from mediscan.manifest import Manifest
from mediscan.review import dashboard
from mediscan.review.database import ReviewDatabase
from mediscan.review.records import NewReview, Reason, ReviewDecision, ReviewState, WorklistFilter
from mediscan.review.scores import Attention
from mediscan.study import ImageRef, NoteSection, Sex, Study

FINDINGS = ("effusion", "pneumonia")
# study → probabilities of effusion and pneumonia, their decisions, out of distribution
SCORED = {
    "s-negative": ((0.02, 0.05), ("negative", "negative"), False),
    "s-likely": ((0.10, 0.81), ("negative", "positive"), False),
    "s-likelier": ((0.97, 0.20), ("positive", "negative"), False),
    "s-uncertain": ((0.05, 0.48), ("negative", "uncertain"), False),
    "s-strange": ((0.05, 0.06), ("negative", "negative"), True),
}
TRIAGE = ["s-likelier", "s-likely", "s-uncertain", "s-strange", "s-refused", "s-negative"]


def write_scores(folder, *, bundle_id="bundle-1", patient="p", extra_ledger=(), probabilities=SCORED):
    """A scores folder as `mediscan score` writes it, beside the manifest it names."""
    folder.mkdir(parents=True)
    studies = [
        Study(
            study_id=study_id,
            patient_id=f"{patient}-{number}",
            images=(ImageRef(path=str(folder / f"{study_id}.dcm")),),
            note=(NoteSection(name="history", text="Fever for two days."),),
            age_years=40.0 + number % 50,
            sex=Sex.FEMALE,
        )
        for number, study_id in enumerate((*probabilities, "s-refused"))
    ]
    manifest = Manifest.of(studies, findings=FindingSet(FINDINGS), root=folder).write(folder / "manifest.parquet")
    rows = [
        {
            "study_id": study_id,
            "patient_id": f"{patient}-{number}",
            "finding": finding,
            "probability": probability,
            "lower": max(0.0, probability - 0.05),
            "upper": min(1.0, probability + 0.05),
            "decision": decision,
            "modalities": "image+note",
            "out_of_distribution": strange,
            "bundle_id": bundle_id,
            "input_sha256": hashlib.sha256(study_id.encode()).hexdigest(),
        }
        for number, (study_id, (values, decisions, strange)) in enumerate(probabilities.items())
        for finding, probability, decision in zip(FINDINGS, values, decisions, strict=True)
    ]
    pd.DataFrame(rows).to_parquet(folder / "predictions.parquet")
    ledger = [
        *({"study_id": s, "status": "scored", "code": "ok", "message": "", "seconds": 0.1} for s in probabilities),
        {
            "study_id": "s-refused",
            "status": "refused",
            "code": "constant_image",
            "message": "image s-refused.dcm is constant: every pixel is 0. Send the image itself.",
            "seconds": 0.0,
        },
        *extra_ledger,
    ]
    pd.DataFrame(ledger).to_parquet(folder / "ledger.parquet")
    run = {
        "command": ["mediscan", "score"],
        "versions": {"mediscan": "0"},
        "bundle": str(folder / "bundle"),
        "bundle_id": bundle_id,
        "manifest": str(folder / "manifest.parquet"),
        "manifest_sha256": manifest.sha256,
        "start": "2026-01-01T00:00:00+00:00",
        "end": "2026-01-01T00:00:01+00:00",
        "counts": {"scored": len(probabilities), "refused": 1},
    }
    (folder / "run.json").write_text(json.dumps(run))
    return manifest


@pytest.fixture
def scores(tmp_path):
    write_scores(tmp_path / "scores")
    return tmp_path / "scores"


@pytest.fixture
def manifest(scores):
    return Manifest.read(scores / "manifest.parquet")


@pytest.fixture
def path(tmp_path):
    return tmp_path / "reviews.sqlite"


@pytest.fixture
def database(path):
    with closing(ReviewDatabase.open(path)) as opened:
        yield opened


@pytest.fixture
def run_id(database, scores, manifest):
    return database.load_scores(scores, manifest)


def review(study_id="s-likely", **changes):
    values = {
        "study_id": study_id,
        "decision": ReviewDecision.ACCEPT,
        "reviewer": "Dr Reader",
        "bundle_id": "bundle-1",
    }
    return NewReview(**{**values, **changes})


def ids(database, run_id, **filters):
    return [row.study_id for row in database.worklist(WorklistFilter(run_id=run_id, **filters)).rows]


def test_worklist_is_in_the_order_of_attention_and_hides_no_refused_study(database, run_id):
    assert ids(database, run_id) == TRIAGE


def test_worklist_row_says_what_the_scores_and_the_manifest_say(database, run_id):
    rows = {row.study_id: row for row in database.worklist(WorklistFilter(run_id=run_id)).rows}
    likely, refused = rows["s-likely"], rows["s-refused"]
    assert (likely.patient_id, likely.age_years, likely.sex) == ("p-1", 41.0, "F")
    assert (likely.top_finding, likely.top_probability, likely.top_decision) == ("pneumonia", 0.81, Decision.POSITIVE)
    assert likely.attention is Attention.POSITIVE
    assert likely.review is ReviewState.UNREVIEWED
    assert (refused.refused, refused.code, refused.top_finding) == (True, "constant_image", None)
    assert "every pixel is 0" in refused.message


def test_reviewed_studies_go_to_the_end(database, run_id):
    database.add_review(review("s-likelier"))
    assert ids(database, run_id) == [*TRIAGE[1:], "s-likelier"]


def test_pages_together_are_the_whole_list(database, run_id):
    filters = WorklistFilter(run_id=run_id)
    pages = [database.worklist(filters, limit=4, offset=offset) for offset in (0, 4)]
    assert [row.study_id for page in pages for row in page.rows] == TRIAGE
    assert [page.total for page in pages] == [6, 6]


@pytest.mark.parametrize(("limit", "offset"), [(0, 0), (1001, 0), (5, -1)])
def test_impossible_pages_are_refused(database, run_id, limit, offset):
    with pytest.raises(ReviewError, match="is not possible"):
        database.worklist(WorklistFilter(run_id=run_id), limit=limit, offset=offset)


@pytest.mark.parametrize(
    ("filters", "wanted"),
    [
        ({"text": "LIKE"}, ["s-likelier", "s-likely"]),
        ({"text": "p-3"}, ["s-uncertain"]),
        ({"text": "%"}, []),
        ({"refused": True}, ["s-refused"]),
        ({"finding": "pneumonia"}, ["s-likely", "s-uncertain"]),
        ({"finding": "pneumonia", "decision": Decision.UNCERTAIN}, ["s-uncertain"]),
        ({"decision": Decision.POSITIVE}, ["s-likelier", "s-likely"]),
        ({"review": ReviewState.ACCEPT}, ["s-negative"]),
        ({"review": ReviewState.PARTLY}, ["s-strange"]),
    ],
)
def test_filters_let_through_what_they_name(database, run_id, filters, wanted):
    database.add_review(review("s-negative"))
    database.add_review(review("s-strange", finding="effusion"))
    assert ids(database, run_id, **filters) == wanted


def test_counts_cover_every_study_once_on_each_side(database, run_id):
    database.add_review(review("s-negative", decision=ReviewDecision.REJECT, reason_code=Reason.FALSE_NEGATIVE))
    counts = database.counts(run_id)
    assert counts[Attention.REFUSED] == 1
    assert counts[ReviewState.REJECT] == 1
    assert counts[ReviewState.UNREVIEWED] == 5
    assert sum(counts[attention] for attention in Attention) == 6


def test_neighbours_do_not_move_when_a_review_is_saved(database, run_id):
    filters = WorklistFilter(run_id=run_id)
    before = database.neighbours("s-likely", filters)
    assert (before.previous, before.next, before.next_unread) == ("s-likelier", "s-uncertain", "s-uncertain")
    database.add_review(review("s-likely"))
    assert database.neighbours("s-likely", filters) == before


def test_next_unread_passes_over_reviewed_studies_and_starts_again_at_the_top(database, run_id):
    for study_id in TRIAGE[1:]:
        database.add_review(review(study_id))
    assert database.neighbours("s-likely", WorklistFilter(run_id=run_id)).next_unread == "s-likelier"


def test_case_has_likely_findings_first(database, run_id):
    case = database.case("s-uncertain")
    assert [answer.finding for answer in case.predictions] == ["pneumonia", "effusion"]
    assert database.case("s-refused").predictions == ()


def test_loading_twice_changes_nothing(database, run_id, scores, manifest):
    saved = database.add_review(review())
    before = database.worklist(WorklistFilter(run_id=run_id))
    assert database.load_scores(scores, manifest) == run_id
    assert database.worklist(WorklistFilter(run_id=run_id)) == before
    assert database.reviews("s-likely") == (saved,)


def test_answers_of_a_newer_bundle_are_unreviewed_and_keep_the_history(database, run_id, tmp_path):
    saved = database.add_review(review())
    newer = database.load_scores(tmp_path / "newer", write_scores(tmp_path / "newer", bundle_id="bundle-2"))
    assert newer != run_id
    assert database.case("s-likely").row.review is ReviewState.UNREVIEWED
    assert database.reviews("s-likely") == (saved,)
    with pytest.raises(ReviewError, match="now holds the answer of bundle bundle-2, not bundle-1"):
        database.add_review(review())


def test_a_study_id_of_another_patient_is_refused_and_nothing_is_loaded(database, run_id, tmp_path):
    other = write_scores(tmp_path / "other", patient="q", bundle_id="bundle-2")
    with pytest.raises(ReviewError, match="already, for another patient"):
        database.load_scores(tmp_path / "other", other)
    assert ids(database, run_id) == TRIAGE


def test_a_second_record_of_one_id_stays_readable(database, tmp_path):
    twice = {
        "study_id": "s-likely",
        "status": "refused",
        "code": "duplicate_study_id",
        "message": "row 9 repeats the id.",
        "seconds": 0.0,
    }
    folder = tmp_path / "twice"
    database.load_scores(folder, write_scores(folder, extra_ledger=[twice]))
    row = database.case("s-likely").row
    assert not row.refused
    assert "row 9 repeats the id" in row.message


def test_a_manifest_that_changed_since_scoring_is_refused(database, scores, manifest):
    studies = manifest.studies()[1:]
    changed = Manifest.of(studies, findings=manifest.findings, root=scores).write(scores / "manifest.parquet")
    with pytest.raises(ReviewError, match=r"is not the one that .* was scored from"):
        database.load_scores(scores, changed)


@pytest.mark.parametrize("name", ["run.json", "predictions.parquet", "ledger.parquet"])
def test_an_incomplete_scores_folder_is_refused(database, scores, manifest, name):
    (scores / name).unlink()
    with pytest.raises(ReviewError, match=name):
        database.load_scores(scores, manifest)


@pytest.mark.parametrize("value", [float("nan"), 1.5, -0.1])
def test_a_probability_that_is_none_is_refused(database, scores, manifest, value):
    table = pd.read_parquet(scores / "predictions.parquet")
    table.loc[0, "probability"] = value
    table.to_parquet(scores / "predictions.parquet")
    with pytest.raises(ReviewError, match="of study 's-negative' has the probability"):
        database.load_scores(scores, manifest)


def test_a_review_keeps_what_was_decided_and_what_was_shown(database, run_id):
    saved = database.add_review(
        review(
            finding="pneumonia",
            decision=ReviewDecision.CORRECTED,
            corrected_label=0,
            reason_code=Reason.FALSE_POSITIVE,
            reason=" nipple shadow ",
        )
    )
    assert database.latest_review("s-likely", finding="pneumonia") == saved
    assert database.latest_review("s-likely") is None
    assert (saved.probability, saved.corrected_label, saved.reason) == (0.81, 0, "nipple shadow")
    assert timedelta() <= datetime.now(UTC) - saved.created_at < timedelta(minutes=1)


def test_a_change_of_mind_is_a_newer_row(database, run_id):
    first = database.add_review(review())
    second = database.add_review(review(decision=ReviewDecision.UNSURE, reason_code=Reason.POOR_IMAGE))
    assert database.reviews("s-likely") == (second, first)
    assert database.case("s-likely").row.review is ReviewState.UNSURE


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"reviewer": "  "}, "names no reviewer"),
        ({"reviewer": "x" * 101}, "a reviewer of 101 characters"),
        ({"decision": ReviewDecision.REJECT}, "gives no reason for reject"),
        ({"reason_code": Reason.OTHER}, "gives 'other' as its reason and no text"),
        ({"reason": "x" * 2001}, "a reason of 2001 characters"),
        ({"corrected_label": 1}, "the corrected label 1"),
        (
            {"decision": ReviewDecision.CORRECTED, "corrected_label": 1, "reason_code": Reason.AGREES},
            "corrects no finding",
        ),
        (
            {"decision": ReviewDecision.CORRECTED, "finding": "effusion", "reason_code": Reason.FALSE_NEGATIVE},
            "the corrected label None",
        ),
    ],
)
def test_incomplete_reviews_are_refused(changes, message):
    with pytest.raises(ReviewError, match=message):
        review(**changes)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"study_id": "s-none"}, "the worklist has no study 's-none'"),
        ({"finding": "fracture"}, "has no answer for finding 'fracture'"),
        ({"study_id": "s-refused", "finding": "pneumonia"}, "has no answer for finding 'pneumonia'"),
    ],
)
def test_reviews_of_what_is_not_there_are_refused(database, run_id, changes, message):
    with pytest.raises(ReviewError, match=message):
        database.add_review(review(**changes))


def test_a_refused_study_can_be_reviewed_as_a_whole(database, run_id):
    database.add_review(review("s-refused"))
    assert database.case("s-refused").row.review is ReviewState.ACCEPT


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE review SET decision = 'reject'",
        "DELETE FROM review",
        "INSERT OR REPLACE INTO review SELECT * FROM review",
    ],
)
def test_sqlite_itself_refuses_to_change_a_review(database, run_id, path, statement):
    saved = database.add_review(review())
    with (
        closing(sqlite3.connect(path)) as other_program,
        pytest.raises(sqlite3.IntegrityError, match="reviews are append-only"),
    ):
        other_program.execute(statement)
    assert database.reviews("s-likely") == (saved,)


def test_reviews_of_eight_threads_are_all_kept(path, scores, manifest):
    each, threads = 12, 8
    with closing(ReviewDatabase.open(path)) as database:
        database.load_scores(scores, manifest)
        start = threading.Barrier(threads)
        failures = []

        def read(number):
            start.wait()
            try:
                # Half of the readers work in sessions of their own, as separate processes would.
                own = ReviewDatabase.open(path) if number % 2 else database
                for turn in range(each):
                    own.add_review(review(TRIAGE[turn % 6], reviewer=f"reader {number}", reason=str(turn)))
            except BaseException as error:  # noqa: BLE001 - a thread's error would otherwise vanish
                failures.append(error)

        readers = [threading.Thread(target=read, args=(number,)) for number in range(threads)]
        for reader in readers:
            reader.start()
        for reader in readers:
            reader.join()
        assert failures == []
        saved = [one for study_id in TRIAGE for one in database.reviews(study_id)]
        wanted = {(f"reader {number}", str(turn)) for number in range(threads) for turn in range(each)}
        assert {(one.reviewer, one.reason) for one in saved} == wanted
        assert len({one.id for one in saved}) == len(saved) == each * threads


def test_two_programs_may_make_the_database_at_once(path):
    start, opened, failures = threading.Barrier(4), [], []

    def make():
        start.wait()
        try:
            opened.append(ReviewDatabase.open(path))
        except BaseException as error:  # noqa: BLE001 - a thread's error would otherwise vanish
            failures.append(error)

    makers = [threading.Thread(target=make) for _ in range(4)]
    for maker in makers:
        maker.start()
    for maker in makers:
        maker.join()
    for database in opened:
        database.close()
    assert failures == []


def test_reviews_are_there_after_opening_again(path, scores, manifest):
    with closing(ReviewDatabase.open(path)) as database:
        database.load_scores(scores, manifest)
        saved = database.add_review(review())
    with closing(ReviewDatabase.open(path)) as database:
        assert database.reviews("s-likely") == (saved,)


def test_the_file_is_durable_and_its_owners_alone(database, path):
    with closing(sqlite3.connect(path)) as other_program:
        assert other_program.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    with database._engine.connect() as connection:
        assert connection.exec_driver_sql("PRAGMA synchronous").scalar_one() == 2
        assert connection.exec_driver_sql("PRAGMA foreign_keys").scalar_one() == 1
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_file_of_another_kind_is_refused_and_left_alone(tmp_path):
    text = tmp_path / "notes.txt"
    text.write_text("not a database, but long enough to have a header of its own\n" * 40)
    before = text.read_bytes()
    with pytest.raises(ReviewError, match="cannot be used as a review database"):
        ReviewDatabase.open(text)
    assert text.read_bytes() == before


def test_a_database_of_another_version_is_refused(path):
    with closing(sqlite3.connect(path)) as newer:
        newer.execute("PRAGMA user_version = 99")
    with pytest.raises(ReviewError, match=r"not a review database of version 1 \(it says 99\)"):
        ReviewDatabase.open(path)


def test_a_folder_that_does_not_exist_is_named(tmp_path):
    with pytest.raises(ReviewError, match="cannot be opened: No such file or directory"):
        ReviewDatabase.open(tmp_path / "nowhere" / "reviews.sqlite")


def test_the_database_holds_no_text_of_a_note(database, run_id, path):
    database.add_review(review())
    with closing(sqlite3.connect(path)) as other_program:
        content = "\n".join(other_program.iterdump())
    assert "s-likely" in content
    assert "Fever" not in content


def test_the_dashboard_is_started_on_loopback_without_telemetry(tmp_path):
    argv = dashboard.command(tmp_path / "scores", tmp_path / "reviews.sqlite", port=8600, headless=True)
    options, _, app_arguments = " ".join(argv).partition(" -- ")
    assert "--server.address 127.0.0.1 --server.port 8600 --server.headless true" in options
    assert "--server.showEmailPrompt false" in options  # a prompt would wait for an answer before the page is served
    assert "--browser.gatherUsageStats false" in options
    assert app_arguments == f"{tmp_path / 'scores'} --database {tmp_path / 'reviews.sqlite'}"


def test_a_missing_dashboard_names_the_remedy(tmp_path, monkeypatch):
    monkeypatch.setattr(dashboard.importlib.util, "find_spec", lambda _: None)
    with pytest.raises(ReviewError, match=r"pip install mediscan\[dashboard\]"):
        dashboard.command(tmp_path, tmp_path / "reviews.sqlite")


def test_a_port_out_of_range_is_refused(tmp_path):
    with pytest.raises(ConfigError, match="port 70000 is out of range"):
        dashboard.command(tmp_path, tmp_path / "reviews.sqlite", port=70000)
