"""Every way mediscan refuses, as one tree of exceptions and one closed list of codes.

A message says what is wrong, in which record, and what to do. It never holds a patient's name or a note's text.
"""

from enum import StrEnum


class Code(StrEnum):
    """Why a record was refused, or what was flagged about a record that was accepted.

    The list is closed: ledgers, exports and the dashboard rely on it, and `docs/ledger-codes.md` explains each.
    """

    OK = "ok"
    # Flags: the record is used, and the reader is told.
    EMPTY_NOTE = "empty_note"
    NO_IMAGE = "no_image"
    NOTE_TRUNCATED = "note_truncated"
    NOTE_AFTER_IMAGE = "note_after_image"
    IMAGES_LEFT_OUT = "images_left_out"
    SERIES_LEFT_OUT = "series_left_out"
    MISSING_SLICES = "missing_slices"
    DUPLICATE_SLICES = "duplicate_slices"
    BURNED_IN_ANNOTATION = "burned_in_annotation"
    EXECUTABLE_PREAMBLE = "executable_preamble"
    PATIENT_IN_TWO_SPLITS = "patient_in_two_splits"
    OUT_OF_DISTRIBUTION = "out_of_distribution"
    # Refusals: the record is not used.
    NO_INPUT = "no_input"
    DUPLICATE_STUDY_ID = "duplicate_study_id"
    INVALID_ROW = "invalid_row"
    FILE_NOT_FOUND = "file_not_found"
    FILE_UNREADABLE = "file_unreadable"
    FILE_TOO_LARGE = "file_too_large"
    HASH_MISMATCH = "hash_mismatch"
    NOT_DICOM = "not_dicom"
    NO_PIXELS = "no_pixels"
    UNSUPPORTED_IMAGE = "unsupported_image"
    PIXEL_DATA = "pixel_data"
    CONSTANT_IMAGE = "constant_image"
    MIXED_SERIES = "mixed_series"
    NO_SUITABLE_SERIES = "no_suitable_series"
    IDENTITY_MISMATCH = "identity_mismatch"
    NOT_DEIDENTIFIED = "not_deidentified"
    UNCALIBRATED = "uncalibrated"
    INTERNAL = "internal"

    @property
    def is_flag(self) -> bool:
        """Whether a record with this code is still used."""
        return self in _FLAGS


_FLAGS = frozenset(
    {
        Code.OK,
        Code.EMPTY_NOTE,
        Code.NO_IMAGE,
        Code.NOTE_TRUNCATED,
        Code.NOTE_AFTER_IMAGE,
        Code.IMAGES_LEFT_OUT,
        Code.SERIES_LEFT_OUT,
        Code.MISSING_SLICES,
        Code.DUPLICATE_SLICES,
        Code.BURNED_IN_ANNOTATION,
        Code.EXECUTABLE_PREAMBLE,
        Code.PATIENT_IN_TWO_SPLITS,
        Code.OUT_OF_DISTRIBUTION,
    }
)


class MediscanError(Exception):
    """Base of all errors raised on purpose.

    Args:
        what: What is wrong, and with which value.
        remedy: What the user can do about it.
        code: The ledger code; each class has its own default.
    """

    default_code: Code = Code.INTERNAL

    def __init__(self, what: str, *, remedy: str, code: Code | None = None) -> None:
        self.what = what
        self.remedy = remedy
        self.code = code or self.default_code
        super().__init__(f"{what.rstrip('.')}. {remedy}".rstrip())

    def __reduce__(self) -> tuple[object, ...]:
        # Worker processes hand errors back by pickle, which would otherwise call __init__ with the joined message.
        return (_rebuild, (type(self), self.what, self.remedy, self.code))


def _rebuild(kind: type[MediscanError], what: str, remedy: str, code: Code) -> MediscanError:
    return kind(what, remedy=remedy, code=code)


class ConfigError(MediscanError):
    """A configuration value is unknown, out of range, or contradicts another."""


class ManifestError(MediscanError):
    """A manifest cannot be used as it is."""

    default_code = Code.INVALID_ROW


class SourceError(MediscanError):
    """An input file cannot be used."""

    default_code = Code.FILE_UNREADABLE


class NotDicomError(SourceError):
    """A file named as DICOM is not DICOM."""

    default_code = Code.NOT_DICOM


class UnsupportedImageError(SourceError):
    """The file is what it says, but holds no image that a diagnosis can be based on."""

    default_code = Code.UNSUPPORTED_IMAGE


class PixelDataError(SourceError):
    """The pixel data are truncated, corrupt, or do not fit the header."""

    default_code = Code.PIXEL_DATA


class IdentityMismatchError(SourceError):
    """Note and image do not belong to the same patient."""

    default_code = Code.IDENTITY_MISMATCH


class BundleError(MediscanError):
    """A bundle is incomplete, altered, or made by an incompatible version."""


class ReviewError(MediscanError):
    """A review cannot be saved."""


class ExportError(MediscanError):
    """A result cannot be written in the wanted form."""
