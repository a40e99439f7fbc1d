"""report.json: what was done, in counts, and never a value that was removed."""

import json
from collections import Counter
from pathlib import Path

from mediscan.deidentify.dicom import Counts
from mediscan.deidentify.profile import TABLES
from mediscan.errors import ConfigError
from mediscan.version import __version__


class Report:
    """Begun with what the run is, so that another one does not mix its copies in, and finished with counts.

    Args:
        path: The file.
        identity: What secret and options a folder belongs to, in a code that tells neither.

    Raises:
        ConfigError: The file is of another identity.
    """

    def __init__(self, path: Path, *, identity: str) -> None:
        self._path = path
        self._head = {"mediscan": __version__, "tables": f"DICOM PS3.15 {TABLES} Annex E", "identity": identity}
        try:
            found = json.loads(path.read_text(encoding="utf-8")).get("identity") if path.exists() else identity
        except (OSError, ValueError, AttributeError):
            found = None
        if found != identity:
            raise ConfigError(
                "the output folder holds copies made with another secret or other options",
                remedy="Choose an empty folder, or go back to those.",
            )

    def begin(self) -> None:
        """Claim the folder."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        if not self._path.exists():
            self._write({**self._head, "finished": False})

    def finish(self, *, records: int, deidentified: int, codes: Counter[str], counts: Counts) -> None:
        """Say what was done."""
        attributes: dict[str, dict[str, int]] = {}
        for (action, keyword), number in sorted(counts.items()):
            attributes.setdefault(action, {})[keyword] = number
        self._write(
            {
                **self._head,
                "finished": True,
                "records": records,
                "deidentified": deidentified,
                "refused": records - deidentified,
                "codes": dict(sorted(codes.items())),
                "actions": by_action(counts),
                "attributes": attributes,
            }
        )

    def _write(self, content: dict[str, object]) -> None:
        part = self._path.with_name(f"{self._path.name}.part")
        part.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
        part.replace(self._path)


def by_action(counts: Counts) -> dict[str, int]:
    """How many attributes each action was taken on."""
    actions = Counter[str]()
    for (action, _), number in counts.items():
        actions[action] += number
    return dict(sorted(actions.items()))
