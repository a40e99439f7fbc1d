import pytest

from mediscan.compare.grid import variants
from mediscan.config import FusionKind
from mediscan.errors import ConfigError


def test_all_combinations_are_compared_the_first_of_each_first():
    found = variants(
        None, overrides=["train.epochs=2"], vary=["model.fusion=cross-attention,late", "model.width=32,64"]
    )

    assert [variant.name for variant in found] == [
        "fusion cross-attention, width 32",
        "fusion cross-attention, width 64",
        "fusion late, width 32",
        "fusion late, width 64",
    ]
    assert [(variant.config.model.fusion, variant.config.model.width) for variant in found[1:3]] == [
        (FusionKind.CROSS_ATTENTION, 64),
        (FusionKind.LATE, 32),
    ]
    assert {variant.config.train.epochs for variant in found} == {2}


def test_values_that_hold_commas_are_written_as_a_list():
    found = variants(None, overrides=[], vary=['data.note_sections=[["history"], ["history", "exam"]]'])
    assert [variant.config.data.note_sections for variant in found] == [("history",), ("history", "exam")]


@pytest.mark.parametrize("vary", ["model.fusion", "model.fusion=late", "model.fusion=late,late", "=a,b", "a=[1,"])
def test_what_varies_nothing_is_refused(vary):
    with pytest.raises(ConfigError, match=r"--vary .* is not of the form"):
        variants(None, overrides=[], vary=[vary])


def test_nothing_to_compare_is_refused():
    with pytest.raises(ConfigError, match="0 configurations"):
        variants(None, overrides=[], vary=[])


def test_a_wrong_value_is_refused_before_anything_is_trained():
    with pytest.raises(ConfigError, match=r"model\.fusion = 'sideways'"):
        variants(None, overrides=[], vary=["model.fusion=late,sideways"])
