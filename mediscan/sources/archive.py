"""Zip archives from outside, unpacked under caps and under names of our own."""

import hashlib
import shutil
import stat
import tempfile
import zipfile
from pathlib import Path
from typing import IO

from mediscan.errors import Code, SourceError, UnsupportedImageError
from mediscan.sources.boundary import FREE_BYTES, MAX_RATIO, refusing

MAX_MEMBERS = 100_000
MAX_UNPACKED_BYTES = 16 << 30
"""No archive may unpack to more than this (16 GiB)."""

_KNOWN_SUFFIXES = (
    *(".dcm", ".dicom", ".ima", ".nii.gz", ".nii", ".png", ".jpg", ".jpeg", ".tif", ".tiff"),
    *(".txt", ".json", ".jsonl", ".ndjson", ".csv", ".tsv", ".parquet", ".hl7", ".xml", ".pdf"),
)
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)  # the others inflate without a bound on a single step
_ZIP_STARTS = (b"PK\x03\x04", b"PK\x05\x06")
_ENCRYPTED = 0x1
_CHUNK = 1 << 20
_REMEDY = "Unpack it yourself if you trust it, and name the folder."


def is_zip(path: Path) -> bool:
    """Whether a file starts as a zip archive does."""
    try:
        with path.open("rb") as file:
            return file.read(4) in _ZIP_STARTS
    except OSError:
        return False


def unpack(archive: Path, into: Path) -> Path:
    """Unpack a zip archive into a new folder below `into`, or find it there from the last time.

    The folder is named by the archive's SHA-256. Each file is named by that of its content and keeps its ending where
    it is one that mediscan knows, so that no name from the archive reaches the disk, and equal files are one. DICOMDIR
    is left out: it lists names that are no more. An archive that breaks a rule leaves nothing behind.

    Args:
        archive: The zip file.
        into: The folder that receives it; made if it does not exist.

    Returns:
        The folder with the files.

    Raises:
        UnsupportedImageError: A member is encrypted, compressed in another way than deflate, or an archive itself.
        SourceError: The archive is damaged, too many or too large files come out of it (FILE_TOO_LARGE), or a member is
            a link or has a name that leads outside.
    """
    with refusing(archive, "is a damaged zip archive", kind=SourceError, remedy="Transfer the archive again."):
        into.mkdir(parents=True, exist_ok=True)
        with archive.open("rb") as file:
            folder = into / hashlib.file_digest(file, "sha256").hexdigest()[:32]
            if folder.is_dir():
                return folder
            partial = Path(tempfile.mkdtemp(prefix=".unpacking-", dir=into))
            try:
                with zipfile.ZipFile(file) as opened:
                    _unpack_members(archive, opened, partial)
                _publish(partial, folder)
            finally:
                shutil.rmtree(partial, ignore_errors=True)
        return folder


def _publish(partial: Path, folder: Path) -> None:
    try:
        partial.rename(folder)
    except OSError:
        if not folder.is_dir():  # another process was faster with the same content
            raise


def _unpack_members(archive: Path, opened: zipfile.ZipFile, folder: Path) -> None:
    members = [member for member in opened.infolist() if not member.is_dir()]
    if len(members) > MAX_MEMBERS:
        raise _too_large(archive, f"holds {len(members)} files where {MAX_MEMBERS} are allowed")
    for number, member in enumerate(members, start=1):
        _require_plain(f"{archive}: file {number} of {len(members)}", member)
    allowed = min(MAX_UNPACKED_BYTES, max(FREE_BYTES, MAX_RATIO * archive.stat().st_size))
    for number, member in enumerate(members, start=1):
        if Path(member.filename).name.upper() == "DICOMDIR":
            continue
        with opened.open(member) as content:
            allowed -= _write(archive, content, folder, number=number, suffix=_suffix(member), allowed=allowed)


def _require_plain(name: str, member: zipfile.ZipInfo) -> None:
    """Refuse what no honest archive of images holds. Members are told by number: their names may hold patients'."""
    if member.flag_bits & _ENCRYPTED:
        raise UnsupportedImageError(f"{name} is encrypted", remedy="Unpack it with its password, and name the folder.")
    if member.compress_type not in _METHODS:
        raise UnsupportedImageError(f"{name} is not stored or deflated", remedy="Pack it again with deflate.")
    path = member.filename.replace("\\", "/")
    if path.startswith("/") or ".." in path.split("/") or path[1:2] == ":":
        raise SourceError(f"{name} has a name that leads outside the archive", remedy=_REMEDY)
    kind = stat.S_IFMT(member.external_attr >> 16)
    if kind not in (0, stat.S_IFREG):
        raise SourceError(f"{name} is a link or a device", remedy=_REMEDY)


def _write(archive: Path, content: IO[bytes], folder: Path, *, number: int, suffix: str, allowed: int) -> int:
    """Write a member under the hash of its content; returns its length in bytes, counted while it inflates."""
    digest, written = hashlib.sha256(), 0
    partial = folder / ".member"
    with partial.open("wb") as file:
        while chunk := content.read(_CHUNK):
            if written == 0 and chunk.startswith(_ZIP_STARTS):
                raise UnsupportedImageError(f"{archive}: file {number} is an archive itself", remedy=_REMEDY)
            written += len(chunk)
            if written > allowed:
                raise _too_large(archive, "unpacks to more than an archive of its length may")
            digest.update(chunk)
            file.write(chunk)
    partial.replace(folder / f"{digest.hexdigest()[:32]}{suffix}")
    return written


def _suffix(member: zipfile.ZipInfo) -> str:
    return next((suffix for suffix in _KNOWN_SUFFIXES if member.filename.lower().endswith(suffix)), "")


def _too_large(archive: Path, why: str) -> SourceError:
    return SourceError(f"{archive} {why}", remedy=_REMEDY, code=Code.FILE_TOO_LARGE)
