"""Prompts: what a note says where a finding is there, and where it is not."""

import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from mediscan.errors import ConfigError
from mediscan.findings import GROUP_SEPARATOR, FindingSet

_Texts = Annotated[tuple[Annotated[str, Field(min_length=1, max_length=2000)], ...], Field(max_length=200)]
_PRESENT = ("{}.", "There is {}.", "Evidence of {}.")
_ABSENT = ("No {}.", "There is no {}.", "No evidence of {}.")


class Prompts(BaseModel):
    """The prompts of one finding; the vectors of several are averaged.

    Attributes:
        positive: Said where the finding is present; compared with images.
        negative: Said where it is absent; compared with images.
        note_positive: What a note says where the finding is present; empty where `positive` serves.
        note_negative: What a note says where the finding is absent; empty where `negative` serves.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    positive: Annotated[_Texts, Field(min_length=1)]
    negative: Annotated[_Texts, Field(min_length=1)]
    note_positive: _Texts = ()
    note_negative: _Texts = ()

    @classmethod
    def of(cls, finding: str) -> Self:
        """Plain prompts from a finding's own name; the name of a class group's member is its value."""
        words = finding.rpartition(GROUP_SEPARATOR)[2].replace("_", " ").strip()
        return cls(
            positive=tuple(form.format(words) for form in _PRESENT),
            negative=tuple(form.format(words) for form in _ABSENT),
        )


def default_prompts(findings: Iterable[str]) -> dict[str, Prompts]:
    """Plain prompts for each of these findings."""
    return {finding: Prompts.of(finding) for finding in findings}


def read_prompts(path: Path) -> dict[str, Prompts]:
    """Finding → prompts, from a TOML file with one table for each finding.

    Raises:
        ConfigError: The file cannot be read, names no finding, or a table has other keys than those of `Prompts`.
    """
    try:
        content: Mapping[str, object] = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"cannot read prompts {path}: {type(error).__name__}", remedy="Give a TOML file.") from error
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"prompts {path} are not TOML: {error}", remedy="Mend that line.") from error
    if not content:
        raise ConfigError(f"prompts {path} name no finding", remedy="Write a table such as [pneumonia].")
    FindingSet(tuple(content))  # refuses a class group of one
    return {finding: _checked(finding, table) for finding, table in content.items()}


def _checked(finding: str, table: object) -> Prompts:
    try:
        return Prompts.model_validate(table)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"]) or "it"
        raise ConfigError(
            f"prompts of {finding!r}: {place}: {first['msg']}",
            remedy="Give lists of texts: positive and negative, and if wanted note_positive and note_negative.",
        ) from None
