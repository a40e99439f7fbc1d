"""The phantom's vocabulary: image patterns, contexts, places, and which pattern and context make which finding."""

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from enum import StrEnum
from types import MappingProxyType
from typing import NamedTuple

from mediscan.findings import FindingSet


class Pattern(StrEnum):
    """Something that is drawn."""

    FOCAL_OPACITY = "focal_opacity"
    BILATERAL_HAZE = "bilateral_haze"
    EFFUSION = "effusion"
    NODULE = "nodule"
    ENLARGED_HEART = "enlarged_heart"


class VolumePattern(StrEnum):
    """Something that is drawn in a CT volume."""

    CONSOLIDATION = "consolidation"
    EFFUSION = "effusion"
    NODULES = "nodules"
    EMBOLUS = "embolus"


class Context(StrEnum):
    """Something that the note states."""

    INFECTION = "infection"
    TRAUMA = "trauma"
    HEART_FAILURE = "heart_failure"
    CONSTITUTIONAL = "constitutional"


class Side(StrEnum):
    """The patient's side, not the viewer's."""

    RIGHT = "right"
    LEFT = "left"
    BOTH = "both"

    @property
    def sign(self) -> int:
        """Which way the side lies on a frontal image: -1 towards its left edge, 1 towards its right, 0 for both."""
        return {Side.RIGHT: -1, Side.LEFT: 1, Side.BOTH: 0}[self]


class Zone(StrEnum):
    """A third of the lung, by height."""

    UPPER = "upper"
    MIDDLE = "middle"
    LOWER = "lower"


class ViewPosition(StrEnum):
    """How the patient stands (DICOM PS3.3 C.8.1.1, attribute 0018,5101)."""

    PA = "PA"
    AP = "AP"
    LATERAL = "LL"


class Rule(NamedTuple):
    """A finding holds where its pattern is drawn and its context, if it needs one, is stated."""

    pattern: Pattern | VolumePattern
    context: Context | None

    def holds(self, patterns: AbstractSet[Pattern | VolumePattern], contexts: AbstractSet[Context]) -> bool:
        """Whether the finding is present."""
        return self.pattern in patterns and (self.context is None or self.context in contexts)


RULES: Mapping[str, Rule] = MappingProxyType(
    {
        "cardiomegaly": Rule(Pattern.ENLARGED_HEART, None),
        "congestive_effusion": Rule(Pattern.EFFUSION, Context.HEART_FAILURE),
        "contusion": Rule(Pattern.FOCAL_OPACITY, Context.TRAUMA),
        "edema": Rule(Pattern.BILATERAL_HAZE, Context.HEART_FAILURE),
        "hemothorax": Rule(Pattern.EFFUSION, Context.TRAUMA),
        "malignancy": Rule(Pattern.NODULE, Context.CONSTITUTIONAL),
        "pneumonia": Rule(Pattern.FOCAL_OPACITY, Context.INFECTION),
        "pneumonitis": Rule(Pattern.BILATERAL_HAZE, Context.INFECTION),
    }
)
"""Finding → what makes it. One finding needs no context, so that a reader of images only has something to win."""

FINDINGS = FindingSet(tuple(RULES))
"""The phantom's findings, in the order of its manifests."""

VOLUME_RULES: Mapping[str, Rule] = MappingProxyType(
    {
        "congestive_effusion": Rule(VolumePattern.EFFUSION, Context.HEART_FAILURE),
        "contusion": Rule(VolumePattern.CONSOLIDATION, Context.TRAUMA),
        "hemothorax": Rule(VolumePattern.EFFUSION, Context.TRAUMA),
        "metastases": Rule(VolumePattern.NODULES, Context.CONSTITUTIONAL),
        "pneumonia": Rule(VolumePattern.CONSOLIDATION, Context.INFECTION),
        "pulmonary_embolism": Rule(VolumePattern.EMBOLUS, None),
        "septic_emboli": Rule(VolumePattern.NODULES, Context.INFECTION),
    }
)
"""The same for CT volumes."""
