"""Ask a space of images and notes: which studies does a text describe, which notes fit a study's images?"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from mediscan.align.embedders import AlignedEmbedder
from mediscan.align.embeddings import Embeddings, Vectors, embed_texts
from mediscan.align.folder import Aligned
from mediscan.align.pairs import Pairs, read_pairs, reading, same_notes
from mediscan.align.retrieval import CANDIDATES, measure_retrieval
from mediscan.data.examples import ExampleReader
from mediscan.errors import ManifestError
from mediscan.progress import Progress, silent
from mediscan.study import Study


@dataclass(frozen=True, kw_only=True)
class Hit:
    """A study that was found. `similarity` is a cosine; it is no probability."""

    study_id: str
    similarity: float


@dataclass(frozen=True, kw_only=True)
class SearchableStudies:
    """Studies with image and note, in the common space."""

    aligned: Aligned
    pairs: Pairs
    embeddings: Embeddings

    @classmethod
    def read(cls, aligned: Aligned, studies: Sequence[Study], *, workers: int = 0, progress: Progress = silent) -> Self:
        """Read and embed studies; those that lack a side are left out.

        Args:
            aligned: The encoders.
            studies: The studies.
            workers: Processes that decode images.
            progress: Told of every study.
        """
        with ExampleReader(reading(aligned.config), workers=workers) as reader:
            pairs = read_pairs(studies, reader=reader, tokenizer=aligned.tokenizer, progress=progress, stage="read")
        return cls(aligned=aligned, pairs=pairs, embeddings=AlignedEmbedder(aligned).embed(pairs.examples))

    def measure(self, *, candidates: int = CANDIDATES, draws: int = 1000) -> dict[str, Any]:
        """Recall at 1, 5 and 10 and median rank, both ways; see `measure_retrieval`.

        Raises:
            ManifestError: Fewer than two studies have both sides.
        """
        return measure_retrieval(
            self.embeddings.image @ self.embeddings.note.T,
            same_notes(self.pairs.texts).numpy(),
            patients=self.pairs.patients,
            candidates=candidates,
            draws=draws,
        )

    def images_for(self, text: str, *, count: int) -> list[Hit]:
        """The studies whose images fit a text best.

        Raises:
            ManifestError: No study has both sides, or the text is blank.
        """
        if not text.strip():
            raise ManifestError("the text to look for is blank", remedy="Write what the image should show.")
        (query,) = embed_texts(self.aligned.network, [text], tokenizer=self.aligned.tokenizer)
        return self._nearest(self.embeddings.image, query, count)

    def notes_for(self, study_id: str, *, count: int) -> list[Hit]:
        """The studies whose notes fit a study's images best; its own is among them.

        Raises:
            ManifestError: The study is not there, or lacks a side.
        """
        ids = [example.study.study_id for example in self.pairs.examples]
        if study_id not in ids:
            raise ManifestError(
                f"study {study_id!r} is not among the {len(ids)} studies with image and note",
                remedy="Choose one that has both, and the --split that it is in.",
            )
        return self._nearest(self.embeddings.note, self.embeddings.image[ids.index(study_id)], count)

    def _nearest(self, vectors: Vectors, query: Vectors, count: int) -> list[Hit]:
        scores = vectors @ query  # (N,)
        rows = np.argsort(-scores, kind="stable")[:count].tolist()
        return [Hit(study_id=self.pairs.examples[row].study.study_id, similarity=float(scores[row])) for row in rows]
