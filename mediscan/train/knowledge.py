"""Knowledge files: texts about findings, which training learns from like notes whose answer is known.

A TOML file with a table per finding, of topics, each a list of phrases:

    weight = 1.0                     # all texts together, in units of all studies; 1 where left out

    [vascular]                       # a finding, a value of a class group, or "group:value"
    brain = ["ischemic stroke", "cerebral aneurysm"]
    presentation = ["sudden severe headache, worst of life"]

    [absent]                         # none of the findings that belong to no class group
    presentation = ["routine check before a visa, no complaint"]
"""

import difflib
import hashlib
import math
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mediscan.errors import ConfigError
from mediscan.findings import GROUP_SEPARATOR, FindingSet

ABSENT = "absent"
"""The table of texts in which no single finding is present."""

_WEIGHT = "weight"
_FORMAT = "docs/few_cases.md shows the format."


@dataclass(frozen=True, kw_only=True)
class Knowledge:
    """The Q texts of a file.

    Attributes:
        texts: As they stand in the file.
        labels: (Q, F) float32: 1, 0, or NaN where a text says nothing of a finding.
        shares: (Q, F) float64: what a text weighs for a finding, in units of all studies; 0 where its label is unknown.
            Each table of a finding or class group has an equal part of the file's weight.
        sha256: Of the file, for provenance.
    """

    texts: tuple[str, ...]
    labels: NDArray[np.float32]
    shares: NDArray[np.float64]
    sha256: str

    @classmethod
    def none(cls, findings: FindingSet) -> "Knowledge":
        """No texts at all."""
        empty = np.zeros((0, len(findings)))
        return cls(texts=(), labels=empty.astype(np.float32), shares=empty, sha256="")

    def __len__(self) -> int:
        return len(self.texts)


def read_knowledge(path: Path, findings: FindingSet) -> Knowledge:
    """Read and check a knowledge file.

    Args:
        path: The file.
        findings: What the model answers; every table must be about one of them.

    Raises:
        ConfigError: It cannot be read, or a key or value is not what it should be; the message names the key.
    """
    try:
        content = path.read_bytes()
        tables = tomllib.loads(content.decode("utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(
            f"cannot read the knowledge file {path}: {type(error).__name__}",
            remedy="Give a readable TOML file in train.knowledge.",
        ) from error
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"the knowledge file {path} is not TOML: {error}", remedy="Mend that line.") from error
    weight = _weight(tables.pop(_WEIGHT, 1.0), path)
    texts: list[str] = []
    rows: list[NDArray[np.float32]] = []
    table_of: list[int] = []
    for number, (name, table) in enumerate(tables.items()):
        labels = _labels(name, findings, path)
        phrases = list(_phrases(name, table, path))
        texts += phrases
        rows += [labels] * len(phrases)
        table_of += [number] * len(phrases)
    if not texts:
        raise ConfigError(f"the knowledge file {path} holds no text", remedy=_FORMAT)
    labels = np.stack(rows)  # (Q, F)
    return Knowledge(
        texts=tuple(texts),
        labels=labels,
        shares=weight * _shares(labels, np.array(table_of)),
        sha256=hashlib.sha256(content).hexdigest(),
    )


def _weight(value: object, path: Path) -> float:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if not is_number or not math.isfinite(weight := float(str(value))) or weight <= 0:
        raise ConfigError(
            f"{_WEIGHT} in the knowledge file {path} is no number above 0",
            remedy="1 lets all texts together weigh as much as all studies.",
        )
    return weight


def _labels(name: str, findings: FindingSet, path: Path) -> NDArray[np.float32]:
    """What the texts of a table say of each finding: (F,)."""
    labels = np.full(len(findings), np.nan, dtype=np.float32)
    places = [place for place, finding in enumerate(findings.names) if name in {finding, _value(finding)}]
    if len(places) > 1:
        raise ConfigError(
            f"table [{name}] of the knowledge file {path} is a value of several class groups",
            remedy=f'Write {" or ".join(f"""["{findings.names[place]}"]""" for place in places)}.',
        )
    if places:
        labels[list(findings.members(places[0]))] = 0
        labels[places[0]] = 1
    elif name == ABSENT and findings.independent:
        labels[list(findings.independent)] = 0
    else:
        known = [*findings.names, *map(_value, findings.names), ABSENT]
        near = difflib.get_close_matches(name, known, n=1)
        hint = f"Did you mean {near[0]!r}? " if near else ""
        raise ConfigError(
            f"{name!r} in the knowledge file {path} is no finding of the model",
            remedy=f"{hint}It has: {', '.join(findings)}.",
        )
    return labels


def _value(finding: str) -> str:
    """The value of a class group that a finding stands for; of a single finding its name."""
    return finding.rpartition(GROUP_SEPARATOR)[2]


def _phrases(name: str, table: object, path: Path) -> Iterator[str]:
    if not isinstance(table, Mapping):
        raise ConfigError(
            f"{name!r} in the knowledge file {path} is no table of topics", remedy=f"Write [{name}]. {_FORMAT}"
        )
    topics: Mapping[str, Any] = table
    for topic, phrases in topics.items():
        if not isinstance(phrases, list) or not phrases:
            raise ConfigError(f"{name}.{topic} in the knowledge file {path} is no list of phrases", remedy=_FORMAT)
        for place, phrase in enumerate(phrases, start=1):
            if not isinstance(phrase, str) or not phrase.strip():
                raise ConfigError(
                    f"phrase {place} of {name}.{topic} in the knowledge file {path} is no text",
                    remedy="Write it in quotes, or leave it out.",
                )
            yield phrase


def _shares(labels: NDArray[np.float32], table_of: NDArray[np.intp]) -> NDArray[np.float64]:
    """(Q, F): per finding, tables that speak of it weigh the same, as do the texts of a table; they sum to 1."""
    shares = np.zeros(labels.shape)
    for finding in range(labels.shape[1]):
        known = np.flatnonzero(~np.isnan(labels[:, finding]))
        if len(known):
            _, table, sizes = np.unique(table_of[known], return_inverse=True, return_counts=True)
            shares[known, finding] = 1 / len(sizes) / sizes[table]
    return shares
