"""Studies as a source tells them, before their images are looked at."""

from dataclasses import dataclass

from mediscan.diagnosis import Refusal
from mediscan.study import Study

UNKNOWN_PATIENT = ""
"""The patient of a study whose source names none: that of its images, or else the study is refused."""


@dataclass(frozen=True, kw_only=True)
class SourceStudies:
    """What a table, a collection or a set of messages says.

    Args:
        studies: One study, or the reason there is none, per id, in the order of their first mention. Image paths are
            absolute; nothing was checked about the files.
        findings: The names of findings and of class groups' values.
        split_given: Whether the source says which split each study belongs to.
        named: The absolute paths of all images that the source names, those of refused studies too.
        notices: What a reader should know of how the source was read.
    """

    studies: tuple[Study | Refusal, ...]
    findings: tuple[str, ...] = ()
    split_given: bool = False
    named: frozenset[str] = frozenset()
    notices: tuple[str, ...] = ()
