"""An index of studies: their vectors and what is known of them, and the ones most similar to another."""

import json
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

import numpy as np

from mediscan.align.embedders import Embedder
from mediscan.align.embeddings import Embeddings, Vectors
from mediscan.align.search import Engine, open_search
from mediscan.data.examples import Example, ExampleReader
from mediscan.diagnosis import Refusal
from mediscan.errors import BundleError
from mediscan.progress import Progress, silent
from mediscan.study import Study

_FORMAT = "case-index-1"
_AT_ONCE = 64
_AGAIN = "Make it again with `mediscan index`."


@dataclass(frozen=True, kw_only=True)
class Similar:
    """A study of the index. `similarity` is a mean cosine over image and note, at most 1; it is no probability."""

    study_id: str
    similarity: float
    labels: Mapping[str, int]


@dataclass(frozen=True, kw_only=True)
class CaseIndex:
    """N studies.

    Attributes:
        model_id: What made the vectors; those of another model are not comparable.
        study_ids: The studies.
        patients: Their patients.
        labels: Their known labels.
        image: (N, E) float32 unit vectors, zeros where a study has no image.
        note: (N, E') float32 unit vectors, zeros where a study has no note.
        refused: Studies that could not be read; not saved.
    """

    model_id: str
    study_ids: Sequence[str]
    patients: Sequence[str]
    labels: Sequence[Mapping[str, int]]
    image: Vectors
    note: Vectors
    refused: tuple[Refusal, ...] = field(default=())

    def __len__(self) -> int:
        return len(self.study_ids)

    @property
    def joined(self) -> Vectors:
        """(N, E + E') both sides, such that an inner product is the mean cosine over them."""
        return _join(self.image, self.note)

    def similar(
        self, study: Study, embeddings: Embeddings, *, count: int, engine: Engine = Engine.NUMPY
    ) -> list[Similar]:
        """The studies of other patients that are most similar, the nearest first.

        Args:
            study: The one to compare with.
            embeddings: Its own, (1, E) either side.
            count: How many.
            engine: Which program searches.

        Raises:
            ConfigError: The engine is not installed.
        """
        own = {row for row, patient in enumerate(self.patients) if patient == study.patient_id}
        query = _join(embeddings.image, embeddings.note)[0]
        wanted = min(count + len(own), len(self))
        scores, rows = open_search(self.joined, engine)(query, wanted)
        pairs = [(float(s), r) for s, r in zip(scores, rows.tolist(), strict=True) if r not in own]
        return [
            Similar(study_id=self.study_ids[row], similarity=score, labels=self.labels[row])
            for score, row in pairs[:count]
        ]

    def save(self, path: Path) -> None:
        """Write as npz without pickles; the file appears whole or not at all."""
        part = path.with_name(f"{path.name}.part")
        known = {
            "format": _FORMAT,
            "model_id": self.model_id,
            "studies": list(self.study_ids),
            "patients": list(self.patients),
            "labels": [dict(labels) for labels in self.labels],
        }
        text = np.frombuffer(json.dumps(known).encode(), dtype=np.uint8)
        with part.open("wb") as file:
            np.savez(file, known=text, image=self.image, note=self.note)
        part.replace(path)

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read what `save` wrote.

        Raises:
            BundleError: It is no such index, or is damaged.
        """
        try:
            return cls._read(path)
        except (OSError, ValueError, KeyError, TypeError, AttributeError, EOFError, zipfile.BadZipFile) as error:
            raise BundleError(f"{path} is no index of studies: {type(error).__name__}", remedy=_AGAIN) from error

    @classmethod
    def _read(cls, path: Path) -> Self:
        _require_stored(path)
        with np.load(path, allow_pickle=False) as arrays:
            known = json.loads(arrays["known"].tobytes())
            image, note = arrays["image"], arrays["note"]
        if known["format"] != _FORMAT:
            raise ValueError(known["format"])
        index = cls(
            model_id=str(known["model_id"]),
            study_ids=[str(study) for study in known["studies"]],
            patients=[str(patient) for patient in known["patients"]],
            labels=[{str(name): int(value) for name, value in labels.items()} for labels in known["labels"]],
            image=image,
            note=note,
        )
        index._require_whole()
        return index

    def _require_whole(self) -> None:
        for vectors in (self.image, self.note):
            if vectors.dtype != np.float32 or vectors.ndim != 2 or not np.isfinite(vectors).all():
                raise ValueError("vectors")
        if {len(self.patients), len(self.labels), len(self.image), len(self.note)} != {len(self)}:
            raise ValueError("length")


def build_index(
    embedder: Embedder, studies: Sequence[Study], *, workers: int = 0, progress: Progress = silent
) -> CaseIndex:
    """Index studies.

    Args:
        embedder: Makes the vectors.
        studies: The studies; those that cannot be read are named in `refused`.
        workers: Processes that decode images.
        progress: Told of every study.
    """
    refused: list[Refusal] = []
    indexed: list[Study] = []
    parts: list[Embeddings] = []
    waiting: list[Example] = []

    def embed() -> None:
        if waiting:
            parts.append(embedder.embed(waiting))
            indexed.extend(example.study for example in waiting)
            waiting.clear()

    with ExampleReader(embedder.data, workers=workers) as reader:
        for done, entry in enumerate(reader.read(studies), start=1):
            if isinstance(entry, Refusal):
                refused.append(entry)
            else:
                waiting.append(entry)
            if len(waiting) == _AT_ONCE:
                embed()
            progress("index", done, len(studies))
    embed()
    return CaseIndex(
        model_id=embedder.model_id,
        study_ids=[study.study_id for study in indexed],
        patients=[study.patient_id for study in indexed],
        labels=[dict(study.labels) for study in indexed],
        image=_stack(part.image for part in parts),
        note=_stack(part.note for part in parts),
        refused=tuple(refused),
    )


def _stack(parts: Iterable[Vectors]) -> Vectors:
    listed = list(parts)
    return np.concatenate(listed) if listed else np.zeros((0, 0), dtype=np.float32)


def _join(image: Vectors, note: Vectors) -> Vectors:
    joined: Vectors = np.concatenate([image, note], axis=1) / np.sqrt(np.float32(2))
    return joined


def _require_stored(path: Path) -> None:
    """Our indexes are not compressed; one that is could unpack to anything."""
    with zipfile.ZipFile(path) as archive:
        if any(entry.compress_type != zipfile.ZIP_STORED for entry in archive.infolist()):
            raise ValueError("compressed")
