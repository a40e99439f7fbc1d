from dataclasses import replace
from pathlib import Path

import pytest

from mediscan.errors import Code, ConfigError, UnsupportedImageError
from mediscan.sources.dicom.role import Role
from mediscan.sources.pixels import Intent
from mediscan.sources.selection import Candidate, Preference, SelectionRules, select

CT = Candidate(
    path=Path("ct"),
    number=2,
    modality="CT",
    body_part="CHEST",
    slice_thickness_mm=1.5,
    rows=512,
    columns=512,
    slices=200,
)
LOCALIZER = replace(CT, path=Path("scout"), number=1, role=Role.LOCALIZER, slices=2)
DERIVED = replace(CT, path=Path("mip"), number=3, role=Role.DERIVED, slices=20)
THICK = replace(CT, path=Path("thick"), number=4, slice_thickness_mm=5.0, slices=60)
RADIOGRAPH = Candidate(path=Path("dx"), number=1, modality="DX", view="PA", rows=2000, columns=2500)


def paths(selection):
    return [one.path.name for one in selection.chosen]


def test_default_leaves_out_localizers_and_derived_pictures_and_nothing_else():
    selection = select([THICK, DERIVED, CT, LOCALIZER], SelectionRules())
    assert paths(selection) == ["ct", "thick"]
    assert selection.summary == (
        "2 of 4 series used; series 1 of 4 (CT) left out: localizer; series 3 of 4 (CT) left out: derived image."
    )
    (flag,) = selection.flags
    assert (flag.code, flag.message) == (Code.SERIES_LEFT_OUT, selection.summary)


def test_nothing_left_out_is_no_flag():
    selection = select([CT, THICK], SelectionRules())
    assert selection.flags == ()
    assert selection.summary == "2 of 2 series used."


@pytest.mark.parametrize(
    ("rules", "reason"),
    [
        ({"modalities": ("MR", "PT")}, "modality is not MR or PT"),
        ({"body_parts": ("HEAD",)}, "body part is not HEAD"),
        ({"views": ("PA",)}, "view unknown"),
        ({"max_slice_thickness_mm": 1}, "slices of 1.5 mm, thicker than 1"),
        ({"min_slice_thickness_mm": 2}, "slices of 1.5 mm, thinner than 2"),
        ({"min_matrix": (512, 513)}, "matrix of 512 x 512, smaller than 512 x 513"),
        ({"min_slices": 201}, "200 of at least 201 slices"),
    ],
)
def test_each_rule_leaves_out_with_its_reason_and_keeps_what_fits(rules, reason):
    (left_out,) = select([CT], SelectionRules(**rules)).left_out
    assert left_out.reason == reason
    fitting = {
        "modalities": ("ct",),
        "body_parts": ("chest",),
        "views": (),
        "max_slice_thickness_mm": 1.5,
        "min_slice_thickness_mm": 1.5,
        "min_matrix": (512, 512),
        "min_slices": 200,
    }
    assert select([CT], SelectionRules(**{name: fitting[name] for name in rules})).left_out == ()


def test_rule_on_something_unknown_leaves_out():
    unknown = replace(CT, slice_thickness_mm=None)
    (left_out,) = select([unknown], SelectionRules(max_slice_thickness_mm=3)).left_out
    assert left_out.reason == "slice thickness unknown"


def test_fewest_slices_do_not_concern_radiographs():
    assert select([RADIOGRAPH], SelectionRules(min_slices=10)).left_out == ()


@pytest.mark.parametrize(
    ("prefer", "chosen"),
    [
        (Preference.THINNEST_SLICES, "ct"),
        (Preference.MOST_SLICES, "ct"),
        (Preference.LARGEST_MATRIX, "large"),
        (Preference.LOWEST_NUMBER, "ct"),
    ],
)
def test_preferred_series_is_kept_where_more_fit_than_wanted(prefer, chosen):
    large = replace(THICK, path=Path("large"), number=9, rows=1024)
    selection = select([THICK, large, CT], SelectionRules(prefer=(prefer,), max_series=1))
    assert paths(selection) == [chosen]
    assert all(f"not among the 1 preferred ({prefer})" in one.reason for one in selection.left_out)


def test_second_preference_decides_between_equals():
    short = replace(CT, path=Path("short"), number=1, slices=20)
    rules = SelectionRules(prefer=("thinnest_slices", "most_slices"), max_series=1)
    assert paths(select([short, CT], rules)) == ["ct"]


def test_image_for_processing_gives_way_to_one_for_presentation_and_is_used_alone():
    shown = replace(RADIOGRAPH, path=Path("shown"), intent=Intent.PRESENTATION)
    raw = replace(RADIOGRAPH, path=Path("raw"), intent=Intent.PROCESSING)
    assert paths(select([raw, shown], SelectionRules())) == ["shown"]
    assert paths(select([raw], SelectionRules())) == ["raw"]
    assert paths(select([raw, shown], SelectionRules(prefer_presentation=False))) == ["raw", "shown"]
    # One that is itself left out does not count.
    assert paths(select([raw, replace(shown, view="LL")], SelectionRules(views=("PA",)))) == ["raw"]


def test_image_for_processing_gives_way_to_its_own_view_and_side_alone():
    shown = replace(RADIOGRAPH, path=Path("shown"), view="CC", laterality="L", intent=Intent.PRESENTATION)
    raw = [
        replace(shown, path=Path(f"{view}-{side}"), view=view, laterality=side, intent=Intent.PROCESSING)
        for view in ("CC", "MLO", None)
        for side in ("L", "R")
    ]
    assert paths(select([shown, *raw], SelectionRules())) == ["shown", "CC-R", "MLO-L", "MLO-R", "None-R"]


def test_what_makes_no_image_is_left_out_for_its_own_reason_and_the_next_is_preferred():
    mixed = replace(CT, problem="holds several images of the same place")
    selection = select([mixed, THICK], SelectionRules(max_series=1))
    assert paths(selection) == ["thick"]
    assert "series 1 of 2 (CT) left out: holds several images of the same place." in selection.summary


def test_study_without_a_fitting_series_is_refused_with_the_reasons():
    selection = select([LOCALIZER], SelectionRules())
    with pytest.raises(UnsupportedImageError, match=r"study 'S1' has no series that fits.*localizer") as refused:
        selection.require_any("S1")
    assert refused.value.code is Code.NO_SUITABLE_SERIES
    assert select([CT], SelectionRules()).require_any("S1").chosen == (CT,)


def test_modality_that_is_none_is_not_repeated():
    odd = replace(LOCALIZER, modality="DOE^JANE", body_part="DOE^JANE", view="DOE^JANE")
    for rules in (SelectionRules(), SelectionRules(modalities=("CT",), exclude_localizers=False)):
        assert "DOE" not in select([odd], rules).summary


def test_long_reasons_are_cut():
    summary = select([LOCALIZER] * 30, SelectionRules()).summary
    assert summary.endswith("22 more left out.")


def test_rules_are_read_from_toml(tmp_path):
    path = tmp_path / "rules.toml"
    path.write_text('modalities = ["CT"]\nmin_matrix = [256, 256]\nprefer = ["most_slices"]\nmax_series = 1\n')
    rules = SelectionRules.from_toml(path)
    assert rules == SelectionRules(
        modalities=("CT",), min_matrix=(256, 256), prefer=(Preference.MOST_SLICES,), max_series=1
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("modality = 'CT'", "modality: Extra inputs.*The rules are modalities, body_parts"),
        ("max_series = 0", "max_series: Input should be greater"),
        ("prefer = ['best']", "prefer.0: Input should be 'thinnest_slices'"),
        ("min_slice_thickness_mm = 3\nmax_slice_thickness_mm = 1", "min_slice_thickness_mm is above"),
        ("max_series = ", "cannot be read"),
    ],
)
def test_rules_that_are_none_are_refused_by_name(tmp_path, text, message):
    (tmp_path / "rules.toml").write_text(text)
    with pytest.raises(ConfigError, match=message):
        SelectionRules.from_toml(tmp_path / "rules.toml")


def test_missing_rules_are_refused(tmp_path):
    with pytest.raises(ConfigError, match="cannot be read"):
        SelectionRules.from_toml(tmp_path / "none.toml")
