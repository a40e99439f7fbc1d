"""The pages over a real scored workspace, without a browser."""

import html
import re
import sqlite3
import sys
from contextlib import closing
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

import dashboards
from mediscan.review.database import ReviewDatabase
from mediscan.review.records import NewReview, Reason, ReviewDecision, ReviewState, WorklistFilter
from mediscan.review.scores import RunFile

APP = Path(dashboards.__file__).with_name("app.py")


@pytest.fixture
def database_path(tmp_path):
    return tmp_path / "reviews.sqlite"


@pytest.fixture
def app(scored_workspace, database_path, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["app.py", str(scored_workspace / "scores"), "--database", str(database_path)])
    return AppTest.from_file(str(APP), default_timeout=120)


@pytest.fixture
def database(app, database_path):
    app.run()
    with closing(ReviewDatabase.open(database_path)) as opened:
        yield opened


@pytest.fixture
def run_id(scored_workspace):
    return RunFile.read(scored_workspace / "scores").run_id


def shown(app):
    """All text of the page's own HTML, tags removed."""
    bodies = [element.proto.body for element in app.get("html")]
    return html.unescape(re.sub(r"<[^>]+>", " ", " ".join(bodies)))


def picture(app):
    """The address of the shown image, which holds its bytes."""
    bodies = "".join(element.proto.body for element in app.get("html"))
    return re.search(r'class="ms-image" src="([^"]+)"', bodies).group(1)


def open_first(app):
    app.button(key="read-next").click().run()
    assert not app.exception
    return app.query_params["study"]


def test_worklist_shows_every_study_in_the_databases_order(app, database, run_id):
    page = database.worklist(WorklistFilter(run_id=run_id))
    assert not app.exception
    assert app.dataframe[0].value["Study"].tolist() == [row.study_id for row in page.rows]


def test_search_leaves_the_one_study(app, database, run_id):
    wanted = database.worklist(WorklistFilter(run_id=run_id)).rows[-1]
    app.text_input(key="filter-text").input(wanted.study_id).run()
    assert wanted.study_id in app.dataframe[0].value["Study"].tolist()
    app.text_input(key="filter-text").input("no study has this").run()
    assert [info.value for info in app.info] == ["No study fits these filters."]


def test_reading_starts_with_the_first_unreviewed_case(app, database, run_id):
    assert open_first(app) == database.worklist(WorklistFilter(run_id=run_id)).rows[0].study_id


def test_case_page_shows_every_finding_with_word_and_number(app, database):
    case = database.case(open_first(app))
    text = shown(app)
    for answer in case.predictions:
        assert app.button(key=f"finding-{answer.finding}")
    assert f"Study {case.row.study_id}" in re.sub(r"\s+", " ", text)
    assert "Not a medical device" in text
    assert case.row.bundle_id in text


def test_case_page_explains_the_chosen_finding(app, database):
    case = database.case(open_first(app))
    other = case.predictions[-1].finding
    app.button(key=f"finding-{other}").click().run()
    assert not app.exception
    assert f"Why “{other.replace(':', ': ').replace('_', ' ')}”" in shown(app)
    assert not app.warning


def with_image(database, run_id):
    rows = database.worklist(WorklistFilter(run_id=run_id, refused=False)).rows
    return next(row.study_id for row in rows if "image" in row.modalities)


def open_case(app, database, study_id):
    """Walk to a case by the page's own buttons."""
    open_first(app)
    for _ in range(500):
        if app.query_params["study"] == study_id:
            return
        app.button(key="next").click().run()
    pytest.fail(f"{study_id} was not reached")


@pytest.mark.parametrize("change", ["opacity", "heatmap", "window", "invert"])
def test_each_control_changes_the_picture(app, database, run_id, change):
    study_id = with_image(database, run_id)
    open_case(app, database, study_id)
    before = picture(app)
    if change == "opacity":
        app.slider(key="opacity").set_value(1.0).run()
    elif change == "heatmap":
        app.toggle(key="heatmap").set_value(False).run()
    elif change == "window":
        app.selectbox(key=f"preset-{study_id}-0").select_index(1).run()
    else:
        app.toggle(key=f"invert-{study_id}-0").set_value(True).run()
    assert not app.exception
    assert picture(app) != before


def fill(app, *, decision=None, reviewer="Dr Reader", reason=None, remark=""):
    form = {element.key.partition("-")[0]: element for element in (*app.text_input, *app.text_area, *app.selectbox)}
    form["reviewer"].input(reviewer)
    form["remark"].input(remark)
    if reason:
        form["reason"].select(reason)
    if decision:
        next(group for group in app.button_group if group.key.startswith("decision-")).set_value(decision)
    next(button for button in app.button if button.key.startswith("save-")).click()
    app.run()


def test_a_saved_decision_is_in_the_database_and_on_the_page(app, database):
    study_id = open_first(app)
    fill(app, decision=ReviewDecision.ACCEPT, remark="clear case")
    assert not app.exception
    (saved,) = database.reviews(study_id)
    assert (saved.decision, saved.reviewer, saved.reason) == (ReviewDecision.ACCEPT, "Dr Reader", "clear case")
    assert "clear case" in shown(app)
    assert "Accepted" in shown(app)


def test_the_form_is_empty_after_saving_but_knows_the_reviewer(app, database):
    open_first(app)
    fill(app, decision=ReviewDecision.ACCEPT, remark="clear case")
    remark = next(area for area in app.text_area if area.key.startswith("remark-"))
    reviewer = next(field for field in app.text_input if field.key.startswith("reviewer-"))
    assert (remark.value, reviewer.value) == ("", "Dr Reader")


@pytest.mark.parametrize(
    ("entries", "message"),
    [
        ({}, "Choose accept, reject or unsure"),
        ({"decision": ReviewDecision.ACCEPT, "reviewer": ""}, "names no reviewer"),
        ({"decision": ReviewDecision.REJECT}, "gives no reason for reject"),
    ],
)
def test_an_incomplete_decision_is_refused_with_its_reason(app, database, entries, message):
    study_id = open_first(app)
    fill(app, **entries)
    assert message in app.error[0].value
    assert database.reviews(study_id) == ()


def test_next_unread_passes_over_what_was_reviewed_elsewhere(app, database, run_id):
    first, second, third = (row for row in database.worklist(WorklistFilter(run_id=run_id), limit=3).rows)
    database.add_review(
        NewReview(
            study_id=second.study_id, decision=ReviewDecision.ACCEPT, reviewer="Other", bundle_id=second.bundle_id
        )
    )
    assert open_first(app) == first.study_id
    app.button(key="next-unread").click().run()
    assert app.query_params["study"] == third.study_id


def test_filters_are_still_set_after_a_visit_to_a_case(app, database):
    app.text_input(key="filter-text").input("a").run()
    open_first(app)
    app.button(key="back").click().run()
    assert app.text_input(key="filter-text").value == "a"


def test_scores_that_are_not_there_are_said_so(app, tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["app.py", str(tmp_path), "--database", str(tmp_path / "r.sqlite")])
    app.run()
    assert not app.exception
    assert "holds no run" in app.error[0].value


def test_filters_narrow_the_table_as_the_database_does(app, database, run_id):
    row = database.worklist(WorklistFilter(run_id=run_id)).rows[0]
    database.add_review(
        NewReview(study_id=row.study_id, decision=ReviewDecision.ACCEPT, reviewer="Other", bundle_id=row.bundle_id)
    )
    app.selectbox(key="filter-review").select(ReviewState.ACCEPT).run()
    assert not app.exception
    accepted = database.worklist(WorklistFilter(run_id=run_id, review=ReviewState.ACCEPT)).rows
    assert app.dataframe[0].value["Study"].tolist() == [row.study_id for row in accepted]
    assert app.dataframe[0].value["Review"].tolist() == ["Accepted · Other"]


def test_a_finding_can_be_decided_by_itself(app, database):
    study_id = open_first(app)
    answer = database.case(study_id).predictions[0]
    next(box for box in app.selectbox if box.key.startswith("about-")).select(answer.finding)
    fill(app, decision=ReviewDecision.UNSURE, reason=Reason.POOR_IMAGE)
    assert not app.exception
    (saved,) = database.reviews(study_id)
    assert (saved.finding, saved.probability) == (answer.finding, answer.probability)
    assert "Partly reviewed" in shown(app)


def test_an_answer_that_no_longer_holds_is_said_so(app, database, database_path, run_id):
    study_id = database.worklist(WorklistFilter(run_id=run_id)).rows[0].study_id
    with closing(sqlite3.connect(database_path)) as other_program:
        other_program.execute("UPDATE prediction SET probability = 0.123 WHERE study_id = ?", (study_id,))
        other_program.commit()
    assert open_first(app) == study_id
    assert "have changed since scoring" in shown(app)
