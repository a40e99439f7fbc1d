"""Any JSON result as Markdown: single values as a list, what is alike as tables."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

_ASIDE = frozenset({"command", "machine", "title"})


def facts(result: Mapping[str, Any]) -> Iterator[str]:
    """The blocks of a result, in its order; nested results come under their names."""
    shown = {name: value for name, value in result.items() if name not in _ASIDE}
    single = {name: value for name, value in shown.items() if not isinstance(value, Mapping) and not _is_table(value)}
    if single:
        yield "\n".join(f"- {_words(name)}: {_cell(value)}" for name, value in single.items())
    for name, value in shown.items():
        if name in single:
            continue
        if name != "rows":
            yield f"**{_words(name)}**"
        if isinstance(value, Mapping):
            yield from _mapping(value)
        else:
            yield _table([dict(row) for row in value])


def _mapping(value: Mapping[str, Any]) -> Iterator[str]:
    if value and all(isinstance(entry, Mapping) and _is_flat(entry) for entry in value.values()):
        yield _table([{"": name, **entry} for name, entry in value.items()])
    elif _is_flat(value):
        yield _table([{"": _words(name), "value": entry} for name, entry in value.items()])
    else:
        yield from facts(value)


def _is_flat(value: Mapping[str, Any]) -> bool:
    return not any(isinstance(entry, Mapping) or _is_table(entry) for entry in value.values())


def _is_table(value: object) -> bool:
    return isinstance(value, Sequence) and bool(value) and all(isinstance(row, Mapping) for row in value)


def _table(rows: Sequence[Mapping[str, Any]]) -> str:
    columns = list(dict.fromkeys(name for row in rows for name in row))
    lines = [
        f"| {' | '.join(_words(name) for name in columns)} |",
        f"|{'---|' * len(columns)}",
        *(f"| {' | '.join(_cell(row.get(name, '')) for name in columns)} |" for row in rows),
    ]
    return "\n".join(lines)


def _cell(value: object) -> str:
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, list):
        return ", ".join(map(_cell, value)) or "none"
    return str(value).replace("|", "\\|")


def _words(name: str) -> str:
    return name.replace("_", " ")
