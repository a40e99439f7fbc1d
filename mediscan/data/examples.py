"""Read studies: decode their images, render their notes, and refuse, by name and reason, what cannot be used."""

import hashlib
import json
import multiprocessing
import time
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from functools import partial
from itertools import islice
from types import TracebackType
from typing import Self, TypeVar

import numpy as np
from numpy.typing import NDArray

from mediscan.config import DataConfig, Modalities
from mediscan.data.cache import CacheUse, PlaneCache
from mediscan.data.images import FittedPlane
from mediscan.data.notes import RenderedNote, render_note
from mediscan.data.planes import PlaneReader
from mediscan.data.redaction import Redaction
from mediscan.data.values import value_matrix
from mediscan.data.volumes import FittedVolume
from mediscan.diagnosis import Flag, Refusal
from mediscan.errors import Code, SourceError
from mediscan.sources.identity import check_identity
from mediscan.sources.reading import file_sha256
from mediscan.study import Availability, ImageRef, Study

_Kind = TypeVar("_Kind")
_SPAWN = multiprocessing.get_context("spawn")
_CHUNK = 64
"""Studies in flight per round of the pool: enough to keep it busy, few enough to bound memory."""


@dataclass(frozen=True, kw_only=True)
class SourcePlane:
    """A fitted plane and the position in `Study.images` of the image it comes from."""

    image: int
    fitted: FittedPlane


@dataclass(frozen=True, kw_only=True)
class SourceVolume:
    """A fitted volume and the position in `Study.images` of the image it comes from."""

    image: int
    fitted: FittedVolume


@dataclass(frozen=True, kw_only=True)
class Example:
    """A study that was read.

    `planes` and `volumes` are in an order that depends on their content alone, so that the order in which a study lists
    its images cannot matter. `input_sha256` covers everything that the network is given; `seconds` is what reading
    took.
    """

    study: Study
    planes: tuple[SourcePlane, ...]
    volumes: tuple[SourceVolume, ...] = ()
    note: RenderedNote
    flags: tuple[Flag, ...]
    input_sha256: str
    seconds: float

    @property
    def availability(self) -> Availability:
        """Which modalities were read."""
        return Availability.of(image=bool(self.planes or self.volumes), note=bool(self.note))

    @property
    def boxes(self) -> NDArray[np.float16]:
        """All volumes that are read whole: (V, depth, size, size) float16; V is 0 without any."""
        if not self.volumes:
            return np.zeros((0, 0, 0, 0), dtype=np.float16)
        return np.stack([volume.fitted.values for volume in self.volumes])

    @property
    def stack(self) -> NDArray[np.float16]:
        """All planes: (I, size, size) float16; I is 0 without images."""
        if not self.planes:
            return np.zeros((0, 0, 0), dtype=np.float16)
        return np.stack([plane.fitted.values for plane in self.planes])


def read_example(study: Study, config: DataConfig) -> Example:
    """Read one study.

    Args:
        study: The study; image paths absolute.
        config: Which note sections, how many images, which size.

    Raises:
        IdentityMismatchError: Note, record and images contradict each other on whose they are.
        SourceError: An image cannot be read, or nothing is left to base a diagnosis on.
    """
    return _read(study, config, PlaneReader(config=config))


def _read(study: Study, config: DataConfig, planes_of: PlaneReader) -> Example:
    started = time.perf_counter()
    images = study.images if config.modalities is not Modalities.NOTE else ()
    hashed = sorted(((_sha256(ref), index, ref) for index, ref in enumerate(images)), key=lambda entry: entry[:2])
    planes: list[SourcePlane] = []
    volumes: list[SourceVolume] = []
    for sha256, index, ref in hashed:
        found = planes_of.read(ref, sha256)
        if isinstance(found, FittedVolume):
            volumes.append(SourceVolume(image=index, fitted=found))
        else:
            planes += [SourcePlane(image=index, fitted=fitted) for fitted in found]
    check_identity(study, planes_of.described)
    sections = config.note_sections if config.modalities is not Modalities.IMAGE else ()
    redaction = Redaction(names=config.redact_names, tests=config.redact_tests)
    note = render_note(study, sections, cutoff=config.note_cutoff, redaction=redaction)
    if not planes and not volumes and not note:
        raise SourceError(
            f"study {study.study_id!r} has {_nothing(config)}",
            remedy="Give it what the model reads.",
            code=Code.NO_INPUT,
        )
    kept, kept_volumes = _thin(planes, config.max_images), _thin(volumes, config.max_volumes)
    flags = _flags(study, config, note=note, found=planes, kept=kept, found_volumes=volumes, kept_volumes=kept_volumes)
    return Example(
        study=study,
        planes=kept,
        volumes=kept_volumes,
        note=note,
        flags=tuple(flags),
        input_sha256=_input_sha256([sha256 for sha256, _, _ in hashed], note, value_matrix([study], config.values)),
        seconds=time.perf_counter() - started,
    )


def _nothing(config: DataConfig) -> str:
    text = f"text in the note sections {', '.join(config.note_sections)}"
    return {
        Modalities.ALL: f"neither an image nor {text}",
        Modalities.IMAGE: "no image, and the model reads nothing else",
        Modalities.NOTE: f"no {text}, and the model reads nothing else",
    }[config.modalities]


def _sha256(ref: ImageRef) -> str:
    return ref.meta.sha256 or file_sha256(ref.path)


def _thin(found: Sequence[_Kind], most: int) -> tuple[_Kind, ...]:
    if len(found) <= most:
        return tuple(found)
    return tuple(found[int((step + 0.5) * len(found) / most)] for step in range(most))


def _flags(
    study: Study,
    config: DataConfig,
    *,
    note: RenderedNote,
    found: Sequence[SourcePlane],
    kept: Sequence[SourcePlane],
    found_volumes: Sequence[SourceVolume],
    kept_volumes: Sequence[SourceVolume],
) -> Iterator[Flag]:
    if note.later:
        yield Flag(
            code=Code.NOTE_AFTER_IMAGE,
            message=f"study {study.study_id!r}: {', '.join(note.later)} of the note was written after the image was "
            "acquired and was not read. Set data.note_cutoff to none in training to read it.",
        )
    if not note and config.modalities is not Modalities.IMAGE:
        yield Flag(
            code=Code.EMPTY_NOTE,
            message=f"study {study.study_id!r} has no note text that the model reads; scored from its images alone. "
            f"Add text in one of the sections {', '.join(config.note_sections)} to use both.",
        )
    if not found and not found_volumes and config.modalities is not Modalities.NOTE:
        yield Flag(
            code=Code.NO_IMAGE,
            message=f"study {study.study_id!r} has no image; scored from its note alone. Add an image to use both.",
        )
    if len(kept) < len(found):
        yield Flag(
            code=Code.IMAGES_LEFT_OUT,
            message=f"study {study.study_id!r} has {len(found)} image planes, of which {len(kept)} were used. "
            "Raise data.max_images in training to use more.",
        )
    if len(kept_volumes) < len(found_volumes):
        yield Flag(
            code=Code.IMAGES_LEFT_OUT,
            message=f"study {study.study_id!r} has {len(found_volumes)} volumes, of which {len(kept_volumes)} were "
            "used. Raise data.max_volumes in training to use more.",
        )


def _input_sha256(images: Sequence[str], note: RenderedNote, values: NDArray[np.float32]) -> str:
    return hashlib.sha256(json.dumps([list(images), note.text, *values.tolist()]).encode()).hexdigest()


def _read_or_refuse(study: Study, config: DataConfig, cache: PlaneCache | None) -> tuple[Example | Refusal, CacheUse]:
    started = time.perf_counter()
    planes_of = PlaneReader(config=config, cache=cache)
    try:
        return _read(study, config, planes_of), planes_of.use
    except SourceError as error:
        # Images of the study that could be read are not cached: the study is not used.
        return Refusal.of(study.study_id, error, seconds=time.perf_counter() - started), CacheUse()


class ExampleReader:
    """Reads many studies, in processes of its own where asked for; a context manager.

    Args:
        config: As for `read_example`.
        workers: Decoding processes; 0 decodes in this one. Processes start afresh (never by fork, which is unsafe once
            torch runs threads), so a script that asks for them needs the usual `if __name__ == "__main__"` guard.
        cache: Where planes are looked up, by all processes, and kept, by this one.
    """

    def __init__(self, config: DataConfig, *, workers: int = 0, cache: PlaneCache | None = None) -> None:
        self._read = partial(_read_or_refuse, config=config, cache=cache)
        self._cache = cache
        self._workers = workers
        self._pool = self._open() if workers else None

    def _open(self) -> ProcessPoolExecutor:
        return ProcessPoolExecutor(self._workers, mp_context=_SPAWN)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)

    def read(self, studies: Iterable[Study]) -> Iterator[Example | Refusal]:
        """One example or refusal per study, in order."""
        remaining = iter(studies)
        while chunk := list(islice(remaining, _CHUNK)):
            use = CacheUse()
            outcomes = map(self._read, chunk) if self._pool is None else self._read_in(self._pool, chunk)
            try:
                for entry, its_use in outcomes:
                    use.add(its_use)
                    yield entry
            finally:  # also where the caller wants no more
                if self._cache is not None:
                    self._cache.record(use)

    def _read_in(self, pool: ProcessPoolExecutor, chunk: Sequence[Study]) -> list[tuple[Example | Refusal, CacheUse]]:
        try:
            return list(pool.map(self._read, chunk, chunksize=4))
        except BrokenProcessPool:
            # A file has brought a decoder down, and the pool with it. One study at a time tells which.
            pool.shutdown()
            self._pool = self._open()
            return [self._read_alone(study) for study in chunk]

    def _read_alone(self, study: Study) -> tuple[Example | Refusal, CacheUse]:
        with ProcessPoolExecutor(1, mp_context=_SPAWN) as alone:
            try:
                return alone.submit(self._read, study).result()
            except BrokenProcessPool:
                pass
        refusal = Refusal(
            study_id=study.study_id,
            code=Code.PIXEL_DATA,
            message=f"an image of study {study.study_id!r} brings its decoder down. Export the image again.",
        )
        return refusal, CacheUse()
