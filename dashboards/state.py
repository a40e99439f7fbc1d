"""What the pages share: the command line, the opened workspace, and what is computed once and kept."""

import argparse
import sys
from dataclasses import dataclass, replace
from pathlib import Path

import streamlit as st

import mediscan
from mediscan.diagnosis import Diagnosis, Evidence
from mediscan.errors import BundleError
from mediscan.manifest import Manifest
from mediscan.predict import Diagnoser
from mediscan.review.database import ReviewDatabase
from mediscan.review.records import WorklistFilter
from mediscan.review.scores import RunFile
from mediscan.sources import read_image
from mediscan.sources.pixels import Pixels
from mediscan.study import ImageRef

_STUDY = "study"
_EXPLAINED = "explained"
_FILTERS = "worklist-filters"


@dataclass(frozen=True, kw_only=True)
class Workspace:
    """One scores folder, opened for reading."""

    run: RunFile
    manifest: Manifest
    database: ReviewDatabase


def workspace() -> Workspace:
    """The workspace that the command line names.

    Raises:
        MediscanError: The scores, the manifest or the database cannot be used.
    """
    parser = argparse.ArgumentParser(prog="mediscan dashboard")
    parser.add_argument("scores", type=Path)
    parser.add_argument("--database", type=Path, required=True)
    wanted = parser.parse_args(sys.argv[1:])
    return _open(wanted.scores, wanted.database, run_id=RunFile.read(wanted.scores).run_id)


@st.cache_resource(show_spinner="Opening the worklist …")
def _open(scores: Path, database: Path, *, run_id: str) -> Workspace:  # noqa: ARG001 - a part of the cache's key: what was scored again is opened again
    run = RunFile.read(scores)
    manifest = Manifest.read(run.manifest)
    opened = ReviewDatabase.open(database)
    opened.load_scores(scores, manifest)
    return Workspace(run=run, manifest=manifest, database=opened)


@st.cache_resource(show_spinner=False)
def _diagnoser(bundle: Path, bundle_id: str) -> Diagnoser:
    diagnoser = mediscan.load(bundle)
    if diagnoser.bundle_id != bundle_id:
        raise BundleError(
            f"the model in {bundle} is {diagnoser.bundle_id}, but {bundle_id} made these scores",
            remedy="Bring that bundle back, or score again with this one.",
        )
    return diagnoser


def diagnosis(opened: Workspace, study_id: str) -> Diagnosis:
    """The model's answer now, for its thresholds and flags, and to check that the stored one still holds.

    Raises:
        MediscanError: The model or the study cannot be read.
    """
    return _diagnosis(opened.run.run_id, opened.run.bundle_id, study_id, _opened=opened)


@st.cache_data(show_spinner=False, max_entries=1024)
def _diagnosis(run_id: str, bundle_id: str, study_id: str, *, _opened: Workspace) -> Diagnosis:  # noqa: ARG001 - as above
    return _diagnoser(_opened.run.bundle, bundle_id).predict(_opened.manifest.study(study_id))


def evidence(opened: Workspace, study_id: str, *, finding: str) -> Evidence:
    """Why the model says what it says of one finding; computed when first asked for.

    Raises:
        MediscanError: The model or the study cannot be read.
    """
    why = _evidence(opened.run.run_id, opened.run.bundle_id, study_id, finding=finding, _opened=opened)
    st.session_state.setdefault(_EXPLAINED, set()).add((opened.run.run_id, study_id, finding))
    return why


def explained_before(opened: Workspace, study_id: str, *, finding: str) -> bool:
    """Whether this session has asked for this evidence already, so that it is at hand at once."""
    return (opened.run.run_id, study_id, finding) in st.session_state.get(_EXPLAINED, set())


@st.cache_data(show_spinner=False, max_entries=256)
def _evidence(run_id: str, bundle_id: str, study_id: str, *, finding: str, _opened: Workspace) -> Evidence:  # noqa: ARG001 - as above
    found = _diagnoser(_opened.run.bundle, bundle_id).explain(_opened.manifest.study(study_id), finding)
    # The cache keeps a pickle, and a read-only view of a dictionary has none.
    return replace(found, shares=dict(found.shares))


@st.cache_resource(show_spinner=False, max_entries=8)
def pixels(image: ImageRef) -> Pixels:
    """An image's values; shared between sessions, so never to be written to.

    Raises:
        SourceError: The image cannot be read, or is not the one that the manifest names.
    """
    read = read_image(image.path, expected_sha256=image.meta.sha256)
    # Fixed for the whole image once, so that every plane of a volume is seen through the same window.
    return replace(read, voi=read.voi or read.default_window())


def open_case(study_id: str) -> None:
    """Go to a case's page; its address holds the study, so that a reload stays there."""
    st.switch_page(st.session_state["case-page"], query_params={_STUDY: study_id})


def open_worklist() -> None:
    """Go to the worklist."""
    st.switch_page(st.session_state["worklist-page"])


def study_in_address() -> str | None:
    """The study that the page's address names."""
    return st.query_params.get(_STUDY)


def filters(opened: Workspace) -> WorklistFilter:
    """What the reader last chose to see in the worklist."""
    kept = st.session_state.get(_FILTERS)
    if isinstance(kept, WorklistFilter) and kept.run_id == opened.run.run_id:
        return kept
    return WorklistFilter(run_id=opened.run.run_id)


def keep_filters(chosen: WorklistFilter) -> None:
    """Remember what the reader chose to see."""
    st.session_state[_FILTERS] = chosen
