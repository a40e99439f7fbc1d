"""The boundary between files from outside and the rest of mediscan: size caps, silence, and one kind of error."""

import logging
import threading
import warnings
from collections.abc import Iterator
from contextlib import ContextDecorator, ExitStack, contextmanager
from pathlib import Path

from mediscan.errors import Code, MediscanError, PixelDataError, SourceError

MAX_DECODED_BYTES = 1 << 30
"""No image may decode to more than this many bytes of float32 samples (1 GiB: a 512 x 512 x 1024 CT)."""
MAX_RATIO = 100
"""Nothing may unpack to more than this many times its length; deflate reaches 1,032, images rarely 20."""
FREE_BYTES = 64 << 20
"""The ratio is not looked at up to this size: a blank image compresses well."""

_PARSER_LOGGERS = ("pydicom", "imagecodecs", "openjpeg", "pylibjpeg", "nibabel", "nibabel.global", "PIL")


class _Silence(ContextDecorator):
    """Keeps the warnings and logs of file parsers to itself while any thread is inside `quiet`.

    The parsers quote raw values of the file, and so patients' names. Python 3.11's `catch_warnings` must not overlap
    between threads, hence the count: the first to enter changes the filters and the last to leave restores them.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._depth = 0
        self._undo = ExitStack()

    def __enter__(self) -> None:
        with self._lock:
            if self._depth == 0:
                self._undo.enter_context(warnings.catch_warnings())
                warnings.simplefilter("ignore")
                for name in _PARSER_LOGGERS:
                    # Not by level: each change of one empties the caches of all loggers, which costs milliseconds.
                    logger = logging.getLogger(name)
                    self._undo.callback(setattr, logger, "handlers", logger.handlers)
                    self._undo.callback(setattr, logger, "propagate", logger.propagate)
                    logger.handlers = [logging.NullHandler()]
                    logger.propagate = False
            self._depth += 1

    def __exit__(self, *_raised: object) -> None:
        with self._lock:
            self._depth -= 1
            if self._depth == 0:
                self._undo.close()


_SILENCE = _Silence()


def quiet() -> _Silence:
    """Nothing that a parser of files warns or logs inside this block, or function, reaches stderr, a log or the caller.

    A block inside another costs next to nothing.
    """
    return _SILENCE


@contextmanager
def refusing(path: Path, problem: str, *, kind: type[SourceError] = PixelDataError, remedy: str) -> Iterator[None]:
    """Whatever fails inside this block becomes a `SourceError` that names the file; parsers are silenced.

    Args:
        path: The file being read.
        problem: What is then wrong with it ("cannot be decoded").
        kind: The error to raise.
        remedy: What the user can do about it.

    Raises:
        SourceError: Anything but a `MediscanError` was raised inside; the original text is not repeated, because
            parsers quote raw values of the file.
    """
    with quiet():
        try:
            yield
        except MediscanError:
            raise
        except MemoryError:
            raise too_large(path, "does not fit into memory") from None
        except OSError as error:
            if error.errno is None:  # raised by a decoder about the content, not by the operating system
                raise kind(f"{path} {problem} ({type(error).__name__})", remedy=remedy) from None
            raise SourceError(
                f"{path} cannot be read ({type(error).__name__}, errno {error.errno})",
                remedy="Check the file's permissions and the disk.",
            ) from None
        except Exception as error:  # noqa: BLE001 - a broken file makes parsers and decoders raise anything at all
            raise kind(f"{path} {problem} ({type(error).__name__})", remedy=remedy) from None


def too_large(path: Path, why: str) -> SourceError:
    """The error for a file that would take too much memory."""
    return SourceError(
        f"{path} {why}",
        remedy=f"Send fewer or smaller planes; the limit is {MAX_DECODED_BYTES >> 20} MiB decoded.",
        code=Code.FILE_TOO_LARGE,
    )


def require_decoded_size(path: Path, *, samples: int) -> None:
    """Refuse an image before decoding it, by what its header promises.

    Args:
        path: The file, for the message.
        samples: Number of samples (planes x rows x columns x colours); each becomes 4 bytes of float32.

    Raises:
        SourceError: The image has no samples, or (FILE_TOO_LARGE) more than the cap.
    """
    if samples <= 0:
        raise PixelDataError(f"{path} has a side of no pixels", remedy="Export the image again from its origin.")
    if samples * 4 > MAX_DECODED_BYTES:
        raise too_large(path, f"would decode to {samples * 4 >> 20} MiB")


def require_ratio(path: Path, *, unpacked: int, most: int = MAX_RATIO) -> None:
    """Refuse a compressed file before decoding it, where so short a file does not hold so large an image.

    Args:
        path: The file.
        unpacked: Bytes that its header promises.
        most: How many times its length they may be, beyond `FREE_BYTES`.

    Raises:
        SourceError: FILE_TOO_LARGE.
    """
    if unpacked > max(FREE_BYTES, most * path.stat().st_size):
        raise too_large(path, f"promises {unpacked >> 20} MiB, more than {most} times its length")


def require_file_size(path: Path) -> None:
    """Refuse a file that is larger than anything it may decode to.

    Raises:
        SourceError: FILE_TOO_LARGE.
    """
    if path.stat().st_size > MAX_DECODED_BYTES:
        raise too_large(path, f"is {path.stat().st_size >> 20} MiB long")
