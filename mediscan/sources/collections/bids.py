"""A BIDS dataset: structural images per participant and session, with participants.tsv.

Source: Brain Imaging Data Structure 1.10, https://bids-specification.readthedocs.io (Gorgolewski et al., Sci Data 3,
160044, 2016): `sub-01/ses-02/anat/sub-01_ses-02_T1w.nii.gz` with a sidecar `.json` of the same name,
`sub-01/ses-02/sub-01_ses-02_scans.tsv` with times, and `participants.tsv`.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pandas as pd

from mediscan.diagnosis import Refusal
from mediscan.errors import Code, ManifestError
from mediscan.findings import GROUP_SEPARATOR
from mediscan.sources.collections import facts, labels
from mediscan.sources.collections.collection import Collection
from mediscan.sources.collections.files import find, header, read_json, read_table
from mediscan.sources.collections.nifti import is_segmentation, nifti_files
from mediscan.sources.folder import stem
from mediscan.sources.studies import SourceStudies
from mediscan.study import ImageMeta, ImageRef, Sex, Study

_STRUCTURAL = frozenset({"anat", "ct"})
_ABOUT = {"age": "age", "sex": "sex"}
_GROUPS = ("group", "diagnosis")
"""Columns of participants.tsv that are class groups."""
_MISSING = "n/a"


def read(root: Path) -> SourceStudies:
    """The studies of a BIDS dataset, one per participant and session; there are no notes or splits.

    Only structural images (`anat`, `ct`) are taken. `group` and `diagnosis` of participants.tsv become class groups.

    Raises:
        ManifestError: There is no participant's folder, or participants.tsv cannot be read.
    """
    folders = [folder for folder in sorted(root.absolute().glob("sub-*")) if folder.is_dir()]
    if not folders:
        raise ManifestError(
            f"folder {root} holds no participant (sub-*)", remedy="Name the top folder of the BIDS dataset."
        )
    people = _participants(root)
    members = _members(people)
    entries: list[Study | Refusal] = []
    left_out = 0
    for folder in folders:
        volumes = list(nifti_files(folder))
        images = [path for path in volumes if path.parent.name in _STRUCTURAL and not is_segmentation(path)]
        left_out += len(volumes) - len(images)
        entries.extend(_of_participant(folder.name, images, told=people.get(folder.name, {}), members=members))
    absent = [name for name in people if name not in {folder.name for folder in folders}]
    entries.extend(_without_image(name) for name in absent)
    return SourceStudies(
        studies=tuple(entries),
        findings=members,
        named=frozenset(image.path for entry in entries if isinstance(entry, Study) for image in entry.images),
        notices=(f"Volumes that are no structural images and were left out: {left_out}.",) if left_out else (),
    )


def _participants(root: Path) -> Mapping[str, Mapping[str, Any]]:
    path = find(root, "participants.tsv")
    if path is None:
        return {}
    optional = _ABOUT | {name: name for name in _GROUPS}
    frame = read_table(path, columns={"participant_id": "id"}, optional=optional)
    frame = frame.mask(frame.isin((_MISSING,)))
    frame["age"], frame["sex"] = facts.ages(frame["age"]), facts.sexes(frame["sex"])
    rows = frame.astype(object).where(frame.notna(), None).to_dict("records")
    return {str(row["id"]): {str(name): value for name, value in row.items()} for row in rows if row["id"]}


def _members(people: Mapping[str, Mapping[str, Any]]) -> tuple[str, ...]:
    found = {group: sorted({_member(group, told) for told in people.values()} - {""}) for group in _GROUPS}
    return tuple(name for names in found.values() if len(names) > 1 for name in names)


def _member(group: str, told: Mapping[str, Any]) -> str:
    value = labels.finding_name(str(told.get(group) or ""))
    return f"{group}{GROUP_SEPARATOR}{value}" if value else ""


def _of_participant(
    name: str, images: Sequence[Path], *, told: Mapping[str, Any], members: Sequence[str]
) -> Iterator[Study | Refusal]:
    sessions: dict[str, list[Path]] = {}
    for path in images:
        session = path.parent.parent.name
        sessions.setdefault(name if session == name else f"{name}_{session}", []).append(path)
    if not sessions:
        yield _without_image(name)
    held = {_member(group, told) for group in _GROUPS} - {""}
    known = {member.partition(GROUP_SEPARATOR)[0] for member in held}
    for study_id, paths in sessions.items():
        yield Study(
            study_id=study_id,
            patient_id=name,
            images=tuple(_image(path, times=_times(paths[0].parent.parent, study_id)) for path in paths),
            age_years=told.get("age"),
            sex=Sex(told["sex"]) if told.get("sex") else None,
            labels={member: int(member in held) for member in members if member.partition(GROUP_SEPARATOR)[0] in known},
        )


def _image(path: Path, *, times: Mapping[str, datetime]) -> ImageRef:
    meta = ImageMeta(modality="CT" if path.parent.name == "ct" else "MR")
    sidecar = path.with_name(f"{stem(path)}.json")
    if sidecar.is_file():
        told = read_json(sidecar)
        fields = told if isinstance(told, dict) else {}
        meta = replace(
            meta,
            modality=_word(fields.get("Modality")) or meta.modality,
            body_part=_word(fields.get("BodyPartExamined") or fields.get("BodyPart")),
        )
    return ImageRef(path=str(path), meta=replace(meta, acquired_at=times.get(f"{path.parent.name}/{path.name}")))


def _word(value: object) -> str | None:
    return value.strip().upper() or None if isinstance(value, str) else None


def _times(folder: Path, study_id: str) -> Mapping[str, datetime]:
    path = find(folder, f"{study_id}_scans.tsv")
    if path is None or "acq_time" not in header(path):
        return {}
    frame = read_table(path, columns={"filename": "file", "acq_time": "time"})
    moments = pd.to_datetime(frame["time"], format="ISO8601", errors="coerce").astype(object)
    return {
        str(file): moment.to_pydatetime()
        for file, moment in zip(frame["file"], moments, strict=True)
        if moment is not pd.NaT
    }


def _without_image(name: str) -> Refusal:
    error = ManifestError(
        f"participant {name} has no structural image",
        remedy="Download the participant's anat folder, or take the participant out of participants.tsv.",
        code=Code.NO_INPUT,
    )
    return Refusal.of(name, error)


def _recognises(root: Path) -> bool:
    return find(root, "sub-*/anat", "sub-*/ses-*/anat", "sub-*/ct", "sub-*/ses-*/ct") is not None


BIDS = Collection(name="bids", title="A BIDS dataset", recognises=_recognises, read=read)
