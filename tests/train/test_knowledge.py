import numpy as np
import pytest

from mediscan.errors import ConfigError
from mediscan.findings import FindingSet
from mediscan.train.knowledge import read_knowledge

FINDINGS = FindingSet(("edema", "pneumonia", "etiology:trauma", "etiology:vascular"))


@pytest.fixture
def written(tmp_path):
    def write(text):
        path = tmp_path / "texts.toml"
        path.write_text(text, encoding="utf-8")
        return path

    return write


def test_a_table_of_a_class_groups_value_says_all_of_its_group_and_nothing_else(written):
    read = read_knowledge(written('[vascular]\nbrain = ["stroke", "aneurysm"]\n'), FINDINGS)

    assert read.texts == ("stroke", "aneurysm")
    assert np.array_equal(read.labels, [[np.nan, np.nan, 0, 1]] * 2, equal_nan=True)
    assert np.allclose(read.shares, [[0, 0, 0.5, 0.5]] * 2)


def test_a_table_of_a_finding_says_that_it_is_present_and_absent_says_that_none_is(written):
    read = read_knowledge(written('[edema]\nx = ["orthopnea"]\n[absent]\nx = ["well"]\n'), FINDINGS)

    assert np.array_equal(read.labels, [[1, np.nan, np.nan, np.nan], [0, 0, np.nan, np.nan]], equal_nan=True)


def test_tables_weigh_alike_however_many_texts_they_hold(written):
    text = 'weight = 1.5\n[vascular]\na = ["1", "2"]\nb = ["3"]\n["etiology:trauma"]\na = ["4"]\n'
    read = read_knowledge(written(text), FINDINGS)

    assert np.allclose(read.shares[:, 3], [0.25, 0.25, 0.25, 0.75])
    assert np.allclose(read.shares.sum(axis=0), [0, 0, 1.5, 1.5])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('[vasculr]\na = ["x"]', r"'vasculr' in the knowledge file .* is no finding .*Did you mean 'vascular'"),
        ("[edema]\nlungs = []", r"edema\.lungs in the knowledge file .* is no list of phrases"),
        ('[edema]\nlungs = "x"', r"edema\.lungs in the knowledge file .* is no list of phrases"),
        ('[edema]\nlungs = ["x", " "]', r"phrase 2 of edema\.lungs in the knowledge file .* is no text"),
        ("[edema]\nlungs = [3]", r"phrase 1 of edema\.lungs in the knowledge file .* is no text"),
        ('edema = ["x"]', r"'edema' in the knowledge file .* is no table of topics. Write \[edema\]"),
        ('weight = 0\n[edema]\na = ["x"]', r"weight in the knowledge file .* is no number above 0"),
        ('weight = "much"\n[edema]\na = ["x"]', r"weight in the knowledge file .* is no number above 0"),
        ('weight = true\n[edema]\na = ["x"]', r"weight in the knowledge file .* is no number above 0"),
        ('weight = inf\n[edema]\na = ["x"]', r"weight in the knowledge file .* is no number above 0"),
        ("weight = 1", r"the knowledge file .* holds no text"),
        ("[edema", r"the knowledge file .* is not TOML"),
    ],
)
def test_a_bad_knowledge_file_is_refused_by_the_name_of_its_key(written, text, message):
    with pytest.raises(ConfigError, match=message):
        read_knowledge(written(text), FINDINGS)


def test_a_value_of_two_class_groups_must_be_told_apart(written):
    findings = FindingSet(("cause:none", "cause:trauma", "urgency:none", "urgency:now"))
    with pytest.raises(ConfigError, match=r'several class groups. Write \["cause:none"\] or \["urgency:none"\]'):
        read_knowledge(written('[none]\na = ["x"]'), findings)


def test_absent_means_nothing_where_there_are_class_groups_alone(written):
    with pytest.raises(ConfigError, match=r"'absent' in the knowledge file .* is no finding"):
        read_knowledge(written('[absent]\na = ["x"]'), FindingSet(("cause:none", "cause:trauma")))


def test_a_missing_file_is_refused(tmp_path):
    with pytest.raises(ConfigError, match=r"cannot read the knowledge file .*: FileNotFoundError"):
        read_knowledge(tmp_path / "none.toml", FINDINGS)
