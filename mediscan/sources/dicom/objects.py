"""Which DICOM objects are no images of a patient, although some of them hold pixels."""

from dataclasses import dataclass

from pydicom.uid import UID, UID_dictionary

_STORAGE = "1.2.840.10008.5.1.4.1.1."
_RT_IMAGES = ("481.1", "481.23", "481.24")  # the radiotherapy objects that are pictures
_SEND_IMAGES = "Send image objects; leave out reports, documents and directory files."


@dataclass(frozen=True, kw_only=True)
class OtherObject:
    """A family of SOP classes: those whose UIDs, after the storage root, are `root` or continue it.

    `name` says what such an object is, and `remedy` what to send instead.
    """

    root: str
    name: str
    remedy: str = _SEND_IMAGES


# Source: DICOM PS3.4 B.5. A longer root stands before the one that it continues.
_OTHER_OBJECTS = (
    OtherObject(root="88.59", name="a key object selection"),
    OtherObject(
        root="88", name="a structured report", remedy="Its text can be read as a note; send the images beside it."
    ),
    OtherObject(root="104", name="an encapsulated document", remedy="Extract the document; send the images beside it."),
    OtherObject(root="9", name="a waveform"),
    OtherObject(root="11", name="a presentation state", remedy="Send the images that it presents."),
    OtherObject(root="481.2", name="a radiotherapy dose", remedy="Send the images that it was planned on."),
    OtherObject(root="481", name="a radiotherapy object", remedy="Send the images that it was planned on."),
    OtherObject(root="66.4", name="a segmentation", remedy="Send the images that it segments."),
    OtherObject(root="66.5", name="a surface segmentation", remedy="Send the images that it segments."),
    OtherObject(root="66.7", name="a label map segmentation", remedy="Send the images that it segments."),
    OtherObject(root="66", name="raw or spatial data"),
    OtherObject(root="67", name="a real-world value mapping"),
    OtherObject(root="30", name="a parametric map", remedy="Send the images that it was computed from."),
    OtherObject(root="4.2", name="a spectrum"),
)


def other_object(sop_class: str) -> OtherObject | None:
    """What an object of this SOP class is, if it is known to be something else than an image."""
    suffix = sop_class.removeprefix(_STORAGE)
    if suffix == sop_class or suffix in _RT_IMAGES:
        return None
    return next((one for one in _OTHER_OBJECTS if f"{suffix}.".startswith(f"{one.root}.")), None)


def registered_name(uid: str) -> str | None:
    """The standard's name of a UID; None where it has none, for what stands there may then be anything."""
    return UID(uid).name if uid in UID_dictionary else None
