"""The dashboard as a reader meets it: the real server, a real browser, a real scored workspace."""

import os
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.request
from contextlib import closing
from pathlib import Path

import pytest

import dashboards
from mediscan.review.dashboard import command
from mediscan.review.database import ReviewDatabase
from mediscan.review.records import ReviewDecision, WorklistFilter
from mediscan.review.scores import RunFile

pytestmark = pytest.mark.browser

_ARGUMENTS = (
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
)
_START_SECONDS = 60
_HEADER_PIXELS, _ROW_PIXELS = 36, 35
_PATIENCE_MS = 120_000


@pytest.fixture(scope="module")
def chromium():
    found = shutil.which("chromium")
    if found is None and os.environ.get("CI") == "true":
        pytest.fail("chromium is not installed: install it, the browser tests must run here")
    if found is None:
        pytest.skip("chromium is not installed")
    return found


@pytest.fixture
def database_path(tmp_path):
    return tmp_path / "reviews.sqlite"


@pytest.fixture
def address(scored_workspace, database_path, tmp_path):
    """Where the server answers."""
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    argv = command(scored_workspace / "scores", database_path, port=port, headless=True)
    with (tmp_path / "server.log").open("w") as log:
        server = subprocess.Popen(
            argv,
            stdout=log,
            stderr=subprocess.STDOUT,
            cwd=Path(dashboards.__file__).parents[1],
            env={**os.environ, "OMP_NUM_THREADS": "1"},
        )
    try:
        wait_for(f"http://127.0.0.1:{port}/_stcore/health", server)
        yield f"http://127.0.0.1:{port}"
    finally:
        server.terminate()
        server.wait(timeout=30)


def wait_for(url, server):
    end = time.monotonic() + _START_SECONDS
    while time.monotonic() < end:
        assert server.poll() is None, "the server ended by itself"
        try:
            with urllib.request.urlopen(url, timeout=5):  # noqa: S310 - a loopback address made above
                return
        except urllib.error.URLError:
            time.sleep(0.2)
    pytest.fail(f"no answer from {url} within {_START_SECONDS} s")


@pytest.fixture
def page(chromium, tmp_path):
    from playwright.sync_api import sync_playwright  # noqa: PLC0415 - not needed where the browser tests are left out

    with sync_playwright() as playwright:
        context = playwright.chromium.launch_persistent_context(
            tmp_path / "profile",
            executable_path=chromium,
            args=list(_ARGUMENTS),
            viewport={"width": 1440, "height": 900},
        )
        context.set_default_timeout(_PATIENCE_MS)
        yield context.pages[0]
        context.close()


def open_case(page, address, database_path, scored_workspace):
    """Pick the first case with an image from the table, as a reader does, and return its id."""
    page.goto(address)
    table = page.get_by_test_id("stDataFrame")
    table.wait_for()
    page.wait_for_timeout(1000)  # the table paints its rows on a canvas, which nothing in the page announces
    run_id = RunFile.read(scored_workspace / "scores").run_id
    with closing(ReviewDatabase.open(database_path)) as database:
        rows = database.worklist(WorklistFilter(run_id=run_id)).rows
    number = next(n for n, row in enumerate(rows) if "image" in row.modalities and not row.refused)
    table.click(position={"x": 16, "y": _HEADER_PIXELS + _ROW_PIXELS * number + _ROW_PIXELS // 2})
    page.wait_for_url("**/case?study=*")
    page.locator(".ms-banner").get_by_text(rows[number].study_id, exact=True).wait_for()
    return rows[number].study_id


def picture(page):
    return page.locator("img.ms-image").get_attribute("src")


def test_a_case_is_read_decided_and_still_decided_after_a_reload(page, address, database_path, scored_workspace):
    study_id = open_case(page, address, database_path, scored_workspace)
    page.locator(".ms-legend").wait_for()  # the heatmap is there
    explained = picture(page)
    assert explained.startswith("data:image/png;base64,")

    opacity = page.get_by_role("slider", name="Heatmap opacity")
    opacity.focus()
    for _ in range(6):
        opacity.press("ArrowRight")
    changed = "before => { const shown = document.querySelector('img.ms-image'); return shown && shown.src !== before }"
    page.wait_for_function(changed, arg=explained)

    page.get_by_text("Accept", exact=True).click()
    page.get_by_label("Remark").fill("seen <b>in</b> the browser")
    page.get_by_label("Reviewer").fill("Dr Reader")
    page.get_by_role("button", name="Save").click()
    history = page.locator(".ms-history")
    history.wait_for()

    page.reload()
    history.wait_for()
    assert "seen <b>in</b> the browser" in history.inner_text()
    assert "Dr Reader" in history.inner_text()
    page.locator(".ms-mark").get_by_text("Accepted").wait_for()
    with closing(ReviewDatabase.open(database_path)) as database:
        (saved,) = database.reviews(study_id)
    assert (saved.decision, saved.reviewer) == (ReviewDecision.ACCEPT, "Dr Reader")


def test_image_findings_and_decision_are_seen_without_scrolling(page, address, database_path, scored_workspace):
    open_case(page, address, database_path, scored_workspace)
    page.locator("img.ms-image").wait_for()
    for shown in (
        page.locator(".ms-frame"),
        page.locator(".ms-finding").first,
        page.get_by_role("button", name="Save"),
        page.get_by_text("Not a medical device"),
    ):
        shown.wait_for()
        box = shown.bounding_box()
        assert box["y"] >= 0
        assert box["y"] + box["height"] <= 900
        assert box["x"] + box["width"] <= 1440


def test_the_page_asks_no_other_host(page, address, database_path, scored_workspace):
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    open_case(page, address, database_path, scored_workspace)
    page.locator(".ms-legend").wait_for()
    assert [url for url in asked if not url.startswith((address, "data:", "blob:"))] == []
