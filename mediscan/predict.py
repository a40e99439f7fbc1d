"""The `Diagnoser`: studies in, diagnoses and evidence out."""

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Self

from mediscan.data.examples import Example, ExampleReader, read_example
from mediscan.diagnosis import Diagnosis, Evidence, FindingResult, Flag, Refusal
from mediscan.errors import BundleError, Code
from mediscan.explain.evidence import explain_example
from mediscan.findings import FindingSet
from mediscan.model.bundle import Bundle
from mediscan.model.calibration import Probabilities, availability_rows
from mediscan.model.inference import FUSED, Inference, infer
from mediscan.study import Availability, Study

_BATCH = 32


class Diagnoser:
    """A trained model, ready to use. Predictions are made in fp32 and do not depend on how studies are batched.

    Args:
        bundle: The model.
    """

    def __init__(self, bundle: Bundle) -> None:
        self.bundle = bundle

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Open a bundle.

        Raises:
            BundleError: The folder is no bundle, is altered, or was made by an incompatible version.
        """
        return cls(Bundle.load(Path(path)))

    @property
    def bundle_id(self) -> str:
        """The bundle's id, as it stands in every result."""
        return self.bundle.bundle_id

    @property
    def findings(self) -> FindingSet:
        """What it answers, in order."""
        return self.bundle.findings

    @property
    def card(self) -> Mapping[str, str]:
        """The model in a few words: its id, its encoders, and what it was trained on."""
        model = self.bundle.config.model
        return {
            "bundle": self.bundle_id,
            "image encoder": model.image_encoder,
            "text encoder": model.text_encoder,
            **{name.replace("_", " "): str(value) for name, value in self.bundle.provenance.items()},
        }

    def predict(self, study: Study) -> Diagnosis:
        """Diagnose one study.

        Raises:
            SourceError: It cannot be read, or holds nothing that the model reads.
            BundleError: The model is not calibrated for what the study has.
        """
        example = read_example(study, self.bundle.config.data)
        self.bundle.calibration.require(example.availability)
        (diagnosis,) = self.diagnose([example])
        return diagnosis

    def predict_many(self, studies: Iterable[Study], *, workers: int = 0) -> Iterator[Diagnosis | Refusal]:
        """Diagnose many studies; each is answered or refused, in order, and only a batch is in memory at a time.

        Args:
            studies: The studies.
            workers: Processes that decode images; see `ExampleReader`.
        """
        with ExampleReader(self.bundle.config.data, workers=workers) as reader:
            yield from self.answer(studies, reader)

    def answer(self, studies: Iterable[Study], reader: ExampleReader) -> Iterator[Diagnosis | Refusal]:
        """As `predict_many`, with a reader that is already open; batches begin with the first study."""
        read = map(self.refuse_uncalibrated, reader.read(studies))
        while chunk := list(islice(read, _BATCH)):
            answers = iter(self.diagnose([entry for entry in chunk if isinstance(entry, Example)]))
            yield from (entry if isinstance(entry, Refusal) else next(answers) for entry in chunk)

    def explain(self, study: Study, finding: str) -> Evidence:
        """Why the model says what it says of one finding: heatmaps in source pixels, note spans, modality shares.

        Raises:
            SourceError: The study cannot be read.
            ConfigError: The model has no such finding.
        """
        return explain_example(self.bundle, read_example(study, self.bundle.config.data), finding=finding)

    def infer(self, examples: Sequence[Example], *, patterns: Sequence[Availability] = (FUSED,)) -> Inference:
        """Logits of examples, as if each had only the modalities of a pattern."""
        return infer(
            self.bundle.network,
            examples,
            tokenizer=self.bundle.tokenizer,
            config=self.bundle.config.data,
            patterns=patterns,
        )

    def refuse_uncalibrated(self, entry: Example | Refusal) -> Example | Refusal:
        """The entry, or its refusal where the model is not calibrated for the modalities it has."""
        if isinstance(entry, Refusal):
            return entry
        try:
            self.bundle.calibration.require(entry.availability)
        except BundleError as error:
            return Refusal.of(entry.study.study_id, error)
        return entry

    def diagnose(self, examples: Sequence[Example], *, inference: Inference | None = None) -> list[Diagnosis]:
        """Diagnose studies that were read, all of which the model is calibrated for.

        Args:
            examples: The studies.
            inference: What the network says of them, where that is known already.
        """
        if not examples:
            return []
        started = time.perf_counter()
        inference = inference or self.infer(examples)
        share = (time.perf_counter() - started) / len(examples)
        strange = self.bundle.reference.strange(inference.summaries)
        answers: dict[int, Diagnosis] = {}
        for pattern, rows in availability_rows([example.availability for example in examples]).items():
            probabilities = self.bundle.calibration.apply(inference.logits[FUSED][rows], pattern)
            for place, row in enumerate(rows.tolist()):
                flags = [*examples[row].flags]
                flags += _strange(examples[row], [name for name, outside in strange.items() if outside[row]])
                if inference.truncated[row]:
                    flags.append(_truncated(examples[row], self.bundle.config.data.max_note_tokens))
                results = [self._result(index, probabilities, place) for index in range(len(self.findings))]
                answers[row] = self._diagnosis(examples[row], results=results, flags=flags, share=share)
        return [answers[row] for row in range(len(examples))]

    def _diagnosis(
        self, example: Example, *, results: Sequence[FindingResult], flags: Sequence[Flag], share: float
    ) -> Diagnosis:
        return Diagnosis(
            study_id=example.study.study_id,
            patient_id=example.study.patient_id,
            findings=tuple(results),
            modalities=example.availability,
            out_of_distribution=any(flag.code is Code.OUT_OF_DISTRIBUTION for flag in flags),
            flags=tuple(flags),
            bundle_id=self.bundle_id,
            input_sha256=example.input_sha256,
            seconds=example.seconds + share,
        )

    def _result(self, index: int, probabilities: Probabilities, place: int) -> FindingResult:
        calibration = self.bundle.calibration
        value, lower, upper = (
            float(bound[place, index]) for bound in (probabilities.value, probabilities.lower, probabilities.upper)
        )
        return FindingResult(
            finding=self.findings.names[index],
            probability=value,
            lower=lower,
            upper=upper,
            threshold=float(calibration.thresholds[index]),
            decision=calibration.decide(index, probability=value, lower=lower, upper=upper),
        )


def _strange(example: Example, outside: Sequence[str]) -> list[Flag]:
    present = {"image": example.availability.image, "note": example.availability.note}
    return [
        Flag(
            code=Code.OUT_OF_DISTRIBUTION,
            message=f"the {modality} of study {example.study.study_id!r} is unlike those the model was trained on; "
            "do not rely on this result.",
        )
        for modality in outside
        if present[modality]
    ]


def _truncated(example: Example, most: int) -> Flag:
    return Flag(
        code=Code.NOTE_TRUNCATED,
        message=f"the note of study {example.study.study_id!r} has more than {most} tokens; its end was not read. "
        "Raise data.max_note_tokens in training to read more.",
    )
