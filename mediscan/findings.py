"""Findings and class groups: what can be present, absent or unknown, and in which order a model answers."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

from mediscan.errors import ConfigError

GROUP_SEPARATOR = ":"
"""A class group's members are findings named `group:value`."""


@dataclass(frozen=True)
class FindingSet:
    """The ordered findings of a task; the order is the order of a model's logits.

    Args:
        names: Finding names, unique. Names of the form `group:value` make up class groups, of whose members exactly
            one holds.

    Raises:
        ConfigError: A name stands twice, or a class group has a single member.
    """

    names: tuple[str, ...]

    def __post_init__(self) -> None:
        doubled = sorted({name for name in self.names if self.names.count(name) > 1})
        if doubled:
            raise ConfigError(f"finding {doubled[0]!r} is named twice", remedy="Give each finding one name.")
        for group, members in self.groups.items():
            if len(members) == 1:
                raise ConfigError(
                    f"class group {group!r} has the single value {self.names[members[0]]!r}",
                    remedy="A class group needs two values or more; a finding of its own must not contain ':'.",
                )

    def __len__(self) -> int:
        return len(self.names)

    @cached_property
    def groups(self) -> Mapping[str, tuple[int, ...]]:
        """Class group name → positions of its members."""
        groups: dict[str, list[int]] = {}
        for index, name in enumerate(self.names):
            group, separator, _ = name.partition(GROUP_SEPARATOR)
            if separator:
                groups.setdefault(group, []).append(index)
        return {group: tuple(members) for group, members in groups.items()}

    @cached_property
    def independent(self) -> tuple[int, ...]:
        """Positions of the findings that belong to no class group."""
        return tuple(index for index, name in enumerate(self.names) if GROUP_SEPARATOR not in name)

    def __iter__(self) -> Iterator[str]:
        return iter(self.names)

    def index(self, name: str) -> int:
        """Position of a finding.

        Raises:
            ConfigError: There is no such finding.
        """
        try:
            return self.names.index(name)
        except ValueError:
            raise ConfigError(
                f"there is no finding {name!r}", remedy=f"Choose one of: {', '.join(self.names)}."
            ) from None

    def members(self, index: int) -> tuple[int, ...]:
        """Positions of all members of the class group that a position belongs to; the position alone if to none."""
        group, separator, _ = self.names[index].partition(GROUP_SEPARATOR)
        return self.groups[group] if separator else (index,)


def natural_order(names: Iterable[str]) -> tuple[str, ...]:
    """Finding names in a stable order: single findings first, then class groups, each alphabetical."""
    return tuple(sorted(names, key=lambda name: (GROUP_SEPARATOR in name, name)))
