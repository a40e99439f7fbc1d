"""What an ImagingStudy says of its series."""

from dataclasses import dataclass

from mediscan.study import ImageMeta


@dataclass(frozen=True, kw_only=True)
class SeriesDescription:
    """A series as an ImagingStudy tells it; its files are found by `uid` or by the study's id.

    Args:
        uid: SeriesInstanceUID.
        meta: Modality, body part, laterality and time.
        number: SeriesNumber.
        instances: How many images it is said to have.
        path: Where its files lie, where an Endpoint names a folder beside the message.
    """

    uid: str
    meta: ImageMeta
    number: int | None = None
    instances: int | None = None
    path: str | None = None
