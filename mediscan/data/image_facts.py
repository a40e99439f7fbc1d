"""What is known of a study's images beside their pixels: which view each is, and how long before the newest."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from mediscan.study import Study

_SECONDS_PER_DAY = 86_400.0


class View(StrEnum):
    """How a projection was taken, as far as a network should tell views apart.

    PA and AP are one view: which of them was taken says more about how ill a patient was thought to be than about what
    the image shows.
    """

    UNKNOWN = "unknown"
    FRONTAL = "frontal"
    LATERAL = "lateral"
    CRANIOCAUDAL = "craniocaudal"
    MEDIOLATERAL_OBLIQUE = "mediolateral oblique"


VIEWS = tuple(View)

_TERMS: Mapping[str, View] = {  # DICOM PS3.3 C.8.1.1 and C.8.11.7 (View Position), and how collections write them
    **dict.fromkeys(("PA", "AP", "AP SUPINE", "AP ERECT", "FRONTAL"), View.FRONTAL),
    **dict.fromkeys(("LL", "RL", "LAT", "L", "LATERAL"), View.LATERAL),
    "CC": View.CRANIOCAUDAL,
    "MLO": View.MEDIOLATERAL_OBLIQUE,
}


@dataclass(frozen=True, kw_only=True)
class ImageFacts:
    """Of one image: its view, and how many days before the study's newest image it was acquired (0: with it)."""

    view: View = View.UNKNOWN
    days_before: float = 0.0

    @property
    def view_index(self) -> int:
        """The view's place in `VIEWS`."""
        return VIEWS.index(self.view)


def image_facts(study: Study) -> tuple[ImageFacts, ...]:
    """The facts of each image of a study, in order. An image without a time counts as current."""
    # Times with and without a zone cannot be compared; what is needed is a difference of days.
    times = [ref.meta.acquired_at.replace(tzinfo=None) if ref.meta.acquired_at else None for ref in study.images]
    newest = max((time for time in times if time), default=None)
    return tuple(
        ImageFacts(
            view=_TERMS.get((ref.meta.view or "").upper(), View.UNKNOWN),
            days_before=(newest - time).total_seconds() / _SECONDS_PER_DAY if newest and time else 0.0,
        )
        for ref, time in zip(study.images, times, strict=True)
    )
