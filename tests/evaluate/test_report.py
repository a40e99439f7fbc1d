import re
from html.parser import HTMLParser

import matplotlib as mpl
import numpy as np
import pytest

from mediscan.errors import ExportError
from mediscan.evaluate.metrics import EvaluationData, measure
from mediscan.evaluate.report import MAX_PANELS, write_report
from mediscan.findings import FindingSet
from mediscan.study import Availability

ATTACK = "<script>alert(1)</script>"


class Page(HTMLParser):
    """Tags, ids and text of a page."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.ids, self.words = [], [], []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.ids += [value for name, value in attrs if name == "id"]

    def handle_data(self, data):
        self.words.append(data)


def make_data(names=("edema", "pneumonia"), *, studies=80, available=Availability.BOTH):
    rng = np.random.default_rng(0)
    labels = (rng.random((studies, len(names))) < 0.4).astype(np.float32)
    image, note = (labels + rng.normal(size=labels.shape) for _ in range(2))
    return EvaluationData(
        findings=FindingSet(names),
        study_ids=[f"study-{index}" for index in range(studies)],
        patients=[f"patient-{index}" for index in range(studies)],
        labels=labels,
        probabilities={
            Availability.IMAGE: 1 / (1 + np.exp(-image)),
            Availability.NOTE: 1 / (1 + np.exp(-note)),
            Availability.BOTH: 1 / (1 + np.exp(-image - note)),
        },
        available=[available] * studies,
        thresholds=np.full(len(names), 0.5),
    )


def write(folder, data, *, split="test", **changes):
    metrics = measure(data, split=split, draws=40, leakage=changes.pop("leakage", None))
    path = folder / "report.html"
    write_report(path, metrics=metrics, data=data, **{"title": "A title", "bundle_card": {"bundle": "b-1"}} | changes)
    return path.read_text(encoding="utf-8"), metrics


def test_report_shows_the_headline_numbers_and_the_warning(tmp_path):
    text, metrics = write(tmp_path, make_data())
    low, high = metrics["macro"]["auroc_ci"]
    assert f"{metrics['macro']['auroc']:.3f}" in text
    assert f"{low:.3f} to {high:.3f}" in text
    assert f"{metrics['fusion_gain']['auroc']:+.3f}" in text
    assert "Not a medical device" in text
    assert "b-1" in text


@pytest.mark.parametrize(("split", "warned"), [("test", False), ("val", True), ("train", True)])
def test_numbers_from_studies_that_made_the_model_carry_a_warning(tmp_path, split, warned):
    text, _ = write(tmp_path, make_data(), split=split)
    assert ("these numbers flatter it" in text) is warned


def test_every_string_from_outside_is_escaped(tmp_path):
    data = make_data((ATTACK, "edema"))
    text, _ = write(tmp_path, data, title=ATTACK, bundle_card={ATTACK: ATTACK}, leakage={ATTACK: {ATTACK: ATTACK}})
    assert "script" not in Page(text).tags
    # Title twice, table, two figures, provenance twice, leakage three times.
    assert text.count("&lt;script&gt;alert(1)&lt;/script&gt;") == 10


def test_dollar_signs_in_a_finding_are_not_a_formula(tmp_path):
    text, _ = write(tmp_path, make_data((r"$\frac{1}$ risk", "edema")))
    assert text.count(r"$\frac{1}$ risk") == 3


def test_report_fetches_nothing_and_runs_nothing(tmp_path):
    text, _ = write(tmp_path, make_data())
    without_namespaces = re.sub(r'xmlns(:\w+)?="[^"]*"', "", text)
    assert not re.search(r"https?://|\bsrc=|@import|<link|<script|<iframe|\bon\w+=", without_namespaces)
    assert all(target.startswith("#") for target in re.findall(r'href="([^"]*)"', text))


def test_ids_are_unique_and_every_reference_finds_its_target(tmp_path):
    text, _ = write(tmp_path, make_data())
    ids = Page(text).ids
    assert len(ids) == len(set(ids))
    used = set(re.findall(r'(?:url\(#|href="#)([^")]+)', text))
    assert used
    assert used <= set(ids)


def test_report_names_no_study_and_no_patient(tmp_path):
    text, _ = write(tmp_path, make_data())
    assert "study-" not in text
    assert "patient-1" not in text


def test_same_metrics_give_the_same_file_and_leave_matplotlib_settings_alone(tmp_path):
    before = dict(mpl.rcParams)
    first, _ = write(tmp_path, make_data())
    assert write(tmp_path, make_data())[0] == first
    assert dict(mpl.rcParams) == before


def test_report_without_a_comparison_says_so(tmp_path):
    text, _ = write(tmp_path, make_data(available=Availability.IMAGE))
    assert "This cannot be said" in text
    assert text.count("<svg") == 2


def test_report_is_written_when_nothing_can_be_measured(tmp_path):
    data = make_data()
    data.labels[:] = np.nan
    text, _ = write(tmp_path, data)
    assert "<svg" not in text
    assert "n/a" in text
    assert "nan" not in " ".join(Page(text).words).lower().split()


def test_many_findings_get_a_bounded_number_of_panels_and_a_full_table(tmp_path):
    names = tuple(f"finding_{index:02}" for index in range(MAX_PANELS + 3))
    text, _ = write(tmp_path, make_data(names))
    assert text.count("ECE 0.") == MAX_PANELS
    assert all(f"<td>finding {index:02}</td>" in text for index in range(MAX_PANELS + 3))
    assert f"the {MAX_PANELS} findings with most positive studies" in text


def test_a_folder_that_does_not_exist_is_an_export_error(tmp_path):
    data = make_data(studies=20)
    metrics = measure(data, split="test", draws=5)
    with pytest.raises(ExportError, match="cannot be written: No such file"):
        write_report(tmp_path / "none" / "r.html", metrics=metrics, data=data, title="t", bundle_card={})
