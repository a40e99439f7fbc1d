"""What every network is to the rest of mediscan: calibration, bundles and explanations ask for no more."""

from collections.abc import Iterable
from typing import Any, Protocol

from torch import nn

from mediscan.data.batch import StudyBatch
from mediscan.findings import FindingSet
from mediscan.model.image import ImageEncoder
from mediscan.model.network import DiagnosisOutput, ImageTokens
from mediscan.model.text import TextEncoder


class Network(Protocol):
    """A network that answers for studies: `DiagnosisNetwork`, or `KernelNetwork` for few cases.

    Attributes:
        findings: What it answers, in the order of the logits.
        text_encoder: Whose token features a batch holds.
        image_encoder: What a bundle keeps the configuration of.
    """

    findings: FindingSet
    text_encoder: TextEncoder
    image_encoder: ImageEncoder

    def encode_images(self, batch: StudyBatch) -> ImageTokens:
        """The costly part, which does not depend on the note."""

    def answer(self, batch: StudyBatch, *, images: ImageTokens) -> DiagnosisOutput:
        """The rest; differentiable with respect to the tokens."""

    def parameters(self) -> Iterable[nn.Parameter]:
        """What training may change."""

    def state_dict(self) -> dict[str, Any]:
        """All weights."""
