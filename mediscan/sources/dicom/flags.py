"""What a reader should know of a DICOM image that is used all the same."""

import pydicom

from mediscan.diagnosis import Flag
from mediscan.errors import Code
from mediscan.sources.dicom.elements import text, texts
from mediscan.sources.dicom.header import Header

_DISGUISES = (  # how other formats start, DICOM PS3.10 7.5
    (b"MZ", "a Windows program"),
    (b"\x7fELF", "a Unix program"),
    (b"\xfe\xed\xfa", "a macOS program"),
    (b"\xcf\xfa\xed\xfe", "a macOS program"),
    (b"\xce\xfa\xed\xfe", "a macOS program"),
    (b"\xca\xfe\xba\xbe", "a Java or macOS program"),
    (b"#!", "a script"),
    (b"PK\x03\x04", "a zip archive"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive"),
    (b"Rar!", "a RAR archive"),
    (b"%PDF", "a PDF document"),
    (b"<", "an HTML or XML document"),
    (b"GIF8", "a GIF picture"),
    (b"\x89PNG", "a PNG picture"),
    (b"\xff\xd8\xff", "a JPEG picture"),
    (b"II*\0", "a TIFF picture, as DICOM allows"),
    (b"MM\0*", "a TIFF picture, as DICOM allows"),
    (b"II+\0", "a BigTIFF picture, as DICOM allows"),
    (b"MM\0+", "a BigTIFF picture, as DICOM allows"),
)
_OFTEN_ANNOTATED = ("US", "IVUS", "SC", "OT", "XC", "ES")
_SCREEN = ("SCREEN SAVE", "SCREEN SNAPSHOT", "SCREENSHOT")


def header_flags(header: Header) -> tuple[Flag, ...]:
    """What is to be flagged by a header alone."""
    found = (_preamble_flag(header), _annotation_flag(header))
    return tuple(flag for flag in found if flag is not None)


def _preamble_flag(header: Header) -> Flag | None:
    """Whether the file is something else for a program that reads its first bytes."""
    preamble = header.parsed.preamble
    disguise = next((name for start, name in _DISGUISES if preamble.startswith(start)), None)
    if disguise is None:
        return None
    return Flag(
        code=Code.EXECUTABLE_PREAMBLE,
        message=f"{header.path} is {disguise} as well, by its preamble. Do not open or pass it on as it is.",
    )


def _annotation_flag(header: Header) -> Flag | None:
    """Whether text that names the patient may stand in the pixels.

    Source: DICOM PS3.3 C.7.6.1 (Burned In Annotation), C.8.6.1 (Conversion Type).
    """
    stated = (text(header.dataset, "BurnedInAnnotation") or "").upper()
    if stated == "NO" or (stated != "YES" and not _may_be_annotated(header.dataset)):
        return None
    why = "its header says so" if stated == "YES" else "images of its kind often are, and its header does not deny it"
    return Flag(
        code=Code.BURNED_IN_ANNOTATION,
        message=f"{header.path} may have text burned into its pixels: {why}. Look before you pass it on.",
    )


def _may_be_annotated(dataset: pydicom.Dataset) -> bool:
    kinds = [kind.upper() for kind in texts(dataset, "ImageType")]
    return (
        (text(dataset, "Modality") or "").upper() in _OFTEN_ANNOTATED
        or text(dataset, "ConversionType") is not None
        or any(kind.startswith(_SCREEN) for kind in kinds)
    )
