"""Reports: what they say is drawn, where they say it, and enough of it to tell images apart."""

import re
from dataclasses import replace

import numpy as np
import pytest

from mediscan.config import DataConfig, PretrainConfig
from mediscan.manifest import Manifest
from mediscan.phantom import FINDINGS, Pattern, PhantomOptions, Target, make_cases, write_studies
from mediscan.phantom.report import REPORT_SECTIONS
from mediscan.phantom.rules import Side, Zone
from mediscan.phantom.variants import DeviceKind

OPTIONS = PhantomOptions(size=128, with_reports=True)
NAMED = {
    Pattern.FOCAL_OPACITY: r"opacity|consolidation",
    Pattern.NODULE: r"nodule",
    Pattern.EFFUSION: r"effusion",
    Pattern.BILATERAL_HAZE: r"haz[ey]",
    Pattern.ENLARGED_HEART: r"enlarge",
}


@pytest.fixture(scope="module")
def cases():
    return make_cases(600, seed=23, options=OPTIONS)


def sides(text):
    return {Side(word) for word in re.findall(r"\b(left|right)\b", text.lower())}


def zones(text):
    return {Zone(word) for word in re.findall(r"\b(upper|middle|lower)\b", text.lower())}


def test_the_same_seed_gives_the_same_reports():
    ours, theirs = (make_cases(20, seed=4, options=OPTIONS) for _ in range(2))
    assert [case.report for case in ours] == [case.report for case in theirs]


def test_a_report_changes_neither_the_note_nor_the_lesions_nor_the_label_of_a_study():
    for bare, told in zip(
        make_cases(60, seed=4, options=replace(OPTIONS, with_reports=False)),
        make_cases(60, seed=4, options=OPTIONS),
        strict=True,
    ):
        assert bare.report is None
        assert (bare.note, bare.lesions, bare.shots, bare.labels) == (told.note, told.lesions, told.shots, told.labels)


def test_every_lesion_is_told_of_with_its_side_and_zone_and_no_other(cases):
    for case in cases:
        told = {s.pattern: s for s in case.report.statements if s.pattern and s.present}
        assert set(told) == case.patterns
        for lesion in case.lesions:
            text = told[lesion.pattern].text
            assert re.search(NAMED[lesion.pattern], text, re.IGNORECASE), text
            assert sides(text) == ({lesion.side} - {Side.BOTH})
            assert zones(text) == ({lesion.zone} - {None})


def test_what_is_not_drawn_is_denied_or_of_normal_size(cases):
    for case in cases:
        denied = {s.pattern: s.text for s in case.report.statements if s.pattern and not s.present}
        assert set(denied) == set(Pattern) - case.patterns
        for pattern, text in denied.items():
            if pattern is Pattern.ENLARGED_HEART:
                assert "enlarged" not in text
            else:
                assert re.search(r"\b(no|not|clear)\b", text, re.IGNORECASE)


def test_the_impression_names_the_lesions_on_their_sides_and_nothing_else(cases):
    for case in cases:
        parts = [part for part in case.report.sections["impression"].split(".") if part.strip()]
        if not case.lesions:
            assert len(parts) == 1
            continue
        for lesion in case.lesions:
            (part,) = (part for part in parts if re.search(NAMED[lesion.pattern], part, re.IGNORECASE))
            assert sides(part) == ({lesion.side} - {Side.BOTH})
            assert zones(part) == ({lesion.zone} - {None})
        assert len(parts) == len(case.lesions)


def test_the_cardiothoracic_ratio_told_is_the_one_drawn(cases):
    seen = 0
    for case in cases:
        heart = next((lesion for lesion in case.lesions if lesion.pattern is Pattern.ENLARGED_HEART), None)
        drawn = heart.size if heart else case.anatomy.ctr
        found = re.search(r"(?:CTR|ratio) (0\.\d\d)", case.report.sections["findings"])
        if found:
            seen += 1
            assert float(found[1]) == pytest.approx(drawn, abs=0.0051)
    assert seen > 200


def test_devices_are_told_of_where_they_are_drawn_and_brighten_that_side(cases):
    seen = 0
    for case in cases[:60]:
        text = case.report.sections["findings"].lower()
        named = re.search(r"pacemaker|cardiac device|port\b", text)
        assert bool(named) == (case.device is not None)
        if case.device is None:
            continue
        seen += 1
        assert ("port" in named[0]) == (case.device.kind is DeviceKind.PORT)
        shot = case.shots[0]
        change = case.draw(shot).pixels.astype(int) - replace(case, device=None).draw(shot).pixels
        middle = 128 / 2
        right, left = change[:, : int(middle)].sum(), change[:, int(middle) :].sum()
        assert (left > right) == (case.device.side is Side.LEFT)
    assert seen > 10


def test_a_spine_said_to_bend_to_a_side_does_so_at_mid_chest(cases):
    bent = [case for case in cases if re.search(r"convex", case.report.sections["findings"])]
    assert 0.2 < len(bent) / len(cases) < 0.45
    for case in bent[:6]:
        (sentence,) = re.findall(r"[^.]*convex[^.]*\.", case.report.sections["findings"])
        (side,) = sides(sentence)
        straight = replace(case, anatomy=replace(case.anatomy, scoliosis=0.0), lesions=(), device=None)
        curved = replace(straight, anatomy=case.anatomy)
        shot = replace(case.shots[0], pose=replace(case.shots[0].pose, rotation_deg=0, shift_u=0, shift_v=0))
        added = curved.draw(shot).pixels.astype(float) - straight.draw(shot).pixels
        strip = np.clip(added[58:70, 48:80], 0, None).sum(axis=0)  # mid-chest, about the midline
        place = float(strip @ (np.arange(48, 80) - 63.5))
        assert (place > 0) == (side is Side.LEFT)


def test_a_raised_diaphragm_is_told_of_with_its_side_and_never_hides_a_lesion(cases):
    raised = 0
    for case in cases:
        found = re.search(
            r"(right|left) hemidiaphragm raised|elevated (right|left)", case.report.sections["findings"], re.IGNORECASE
        )
        if not found:
            continue
        raised += 1
        side = Side((found[1] or found[2]).lower())
        other = Side.LEFT if side is Side.RIGHT else Side.RIGHT
        assert case.anatomy.base[side] < case.anatomy.base[other] - 0.07
        assert not [lesion for lesion in case.lesions if lesion.side is side and lesion.zone is Zone.LOWER]
    assert raised > 40


def test_reports_tell_studies_apart(cases):
    """Of a hundred studies no two say the same, numbers left out; nor do more than ten share their coarse facts."""
    facts = []
    for case in cases[:100]:
        text = " ".join(sorted(s.text for s in case.report.statements))
        facts.append(re.sub(r"[\d.,]+", "", text))
    assert len(set(facts)) == 100
    coarse = {
        (
            tuple(sorted((lesion.pattern, lesion.side, lesion.zone or "") for lesion in case.lesions)),
            case.device,
            abs(case.anatomy.scoliosis) > 0.03,
            case.shots[0].position,
            len(case.shots),
            case.anatomy.sex,
            case.shots[0].exposure.marker,
        )
        for case in cases[:100]
    }
    assert len(coarse) > 90


def test_no_report_names_a_diagnosis_which_would_need_the_note(cases):
    for case in cases:
        text = " ".join(case.report.sections.values()).lower()
        for name in ("pneumoni", "contusion", "edema", "oedema", "hemothorax", "malignan", "fever", "trauma"):
            assert name not in text


def test_reports_are_in_the_manifest_written_after_the_images_and_not_read_by_default(tmp_path):
    cases = make_cases(30, seed=2, options=replace(OPTIONS, size=64, missing_image_rate=0.2, missing_note_rate=0.2))
    manifest = Manifest.read(write_studies(cases, tmp_path, workers=1))
    assert not set(REPORT_SECTIONS) & set(DataConfig().note_sections)
    assert set(REPORT_SECTIONS) < set(PretrainConfig().note_sections)
    for study, case in zip(manifest.studies(), cases, strict=True):
        written = {section.name: section for section in study.note if section.name in REPORT_SECTIONS}
        # Who sees no image writes no report.
        assert {n: s.text for n, s in written.items()} == (case.report.sections if case.has_image else {})
        assert all(section.at > case.acquired_at for section in written.values())


def test_labels_can_be_what_is_drawn(tmp_path):
    cases = make_cases(12, seed=2, options=replace(OPTIONS, size=64, target=Target.PATTERNS))
    for case in cases:
        assert case.labels == {pattern.value: int(pattern in case.patterns) for pattern in Pattern}
    manifest = Manifest.read(write_studies(cases, tmp_path, workers=1))
    assert manifest.findings.names == tuple(pattern.value for pattern in Pattern)
    assert manifest.findings != FINDINGS
