from datetime import UTC, datetime

import pytest

from mediscan.data.image_facts import VIEWS, View, image_facts
from mediscan.study import ImageMeta, ImageRef, Study


def facts_of(*metas):
    images = tuple(ImageRef(path=f"/{number}", meta=meta) for number, meta in enumerate(metas))
    return image_facts(Study(study_id="S", patient_id="P", images=images))


@pytest.mark.parametrize(
    ("term", "view"),
    [
        ("PA", View.FRONTAL),
        ("ap", View.FRONTAL),
        ("LL", View.LATERAL),
        ("CC", View.CRANIOCAUDAL),
        ("MLO", View.MEDIOLATERAL_OBLIQUE),
        ("oblique", View.UNKNOWN),
        (None, View.UNKNOWN),
    ],
)
def test_views_are_told_apart_and_frontal_ones_are_not(term, view):
    (facts,) = facts_of(ImageMeta(view=term))
    assert facts.view is view
    assert VIEWS[facts.view_index] is view


def test_days_count_back_from_the_newest_image_and_an_unknown_time_is_current():
    found = facts_of(
        ImageMeta(acquired_at=datetime(2024, 5, 1, 12)),  # noqa: DTZ001 - as DICOM headers have it
        ImageMeta(acquired_at=datetime(2024, 5, 11, 12, tzinfo=UTC)),
        ImageMeta(),
    )
    assert [one.days_before for one in found] == [10.0, 0.0, 0.0]


def test_a_study_without_images_has_no_facts():
    assert facts_of() == ()
