import importlib.metadata
import json
import subprocess
import sys

import pytest

from mediscan import doctor
from mediscan.doctor import examine
from mediscan.version import __version__


@pytest.fixture
def without(monkeypatch):
    """Make packages look as if they were not installed."""
    version = importlib.metadata.version

    def hide(*names):
        def lookup(name):
            if name in names:
                raise importlib.metadata.PackageNotFoundError(name)
            return version(name)

        monkeypatch.setattr(importlib.metadata, "version", lookup)

    return hide


def test_this_installation_is_ready():
    report = examine()
    assert report.healthy
    assert report.as_text[-1] == "ready"
    assert report.packages["torch"] == importlib.metadata.version("torch")


def test_every_required_package_is_a_declared_dependency():
    declared = {
        line.split(">")[0].split("=")[0].split("[")[0].strip() for line in importlib.metadata.requires("mediscan")
    }
    assert set(doctor._REQUIRED) <= declared


def test_an_extra_that_a_missing_package_is_advised_with_holds_that_package():
    required = importlib.metadata.requires("mediscan")
    for name, purpose in doctor._OPTIONAL.items():
        extra = purpose.partition("mediscan[")[2].partition("]")[0]
        assert any(line.startswith(name) and f"extra == '{extra}'" in line.replace('"', "'") for line in required), name


def test_a_missing_optional_package_is_named_with_its_purpose_and_does_no_harm(without):
    without("python-gdcm")
    report = examine()
    assert report.healthy
    assert "JPEG-compressed DICOM" in report.missing["python-gdcm"]
    assert any(line.startswith("missing python-gdcm: needed for JPEG") for line in report.as_text)


def test_a_missing_required_package_makes_the_installation_unhealthy(without):
    without("monai")
    report = examine()
    assert not report.healthy
    assert report.missing["monai"] == "everything"
    assert report.as_text[-1] == "not ready: pip install mediscan[all]"


def test_an_unwanted_package_is_named(monkeypatch):
    version = importlib.metadata.version
    monkeypatch.setattr(importlib.metadata, "version", lambda name: "0.99" if name == "torchvision" else version(name))
    (note,) = examine().notes
    assert note.startswith("found torchvision: mediscan does not need it")


def test_the_report_for_programs_is_json_and_says_the_same():
    report = examine()
    stored = json.loads(json.dumps(report.as_dict, allow_nan=False))
    assert stored["healthy"] is True
    assert stored["packages"] == report.packages
    assert stored["machine"]["cores"] >= 1
    assert stored["machine"]["memory_gib"] is None or stored["machine"]["memory_gib"] > 0


def test_the_first_line_says_which_version_this_is():
    assert examine().as_text[0].startswith(f"mediscan {__version__} on Python 3.")


def test_a_machine_that_tells_nothing_of_itself_is_no_failure(monkeypatch, tmp_path):
    monkeypatch.setattr(doctor, "Path", lambda path: tmp_path / path.strip("/"))
    facts = doctor._facts()
    assert facts["memory_gib"] is None
    assert facts["bfloat16"] is False
    assert facts["gpu"] is False


def test_examining_imports_nothing_heavy():
    program = (
        "import sys; from mediscan.doctor import examine; examine(); "
        "print(*{'torch', 'monai', 'transformers', 'streamlit', 'pandas', 'numpy'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""
