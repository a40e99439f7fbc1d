"""MedPix 2.0: 2,050 CT and MR slices of 671 teaching cases, with history, examination and diagnosis.

Source: https://github.com/CHILab1/MedPix-2.0 (Siragusa et al., arXiv 2407.02994, 2025). `Case_topic.json` lists the
cases, `Descriptions.json` the images; `splitted_dataset/uid_list.json` is the split; images are `images/NAME.png`.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from mediscan.diagnosis import Refusal
from mediscan.errors import ManifestError
from mediscan.findings import GROUP_SEPARATOR
from mediscan.sources.collections import labels
from mediscan.sources.collections.collection import Collection
from mediscan.sources.collections.files import find, read_json, require
from mediscan.sources.studies import SourceStudies
from mediscan.study import ImageMeta, ImageRef, NoteSection, Sex, Split, Study

_DOWNLOAD = "the folder MedPix-2-0 of https://github.com/CHILab1/MedPix-2.0"
_SPLITS = {"train": Split.TRAIN, "dev": Split.VAL, "test": Split.TEST}
_SECTIONS = {
    "History": "history",
    "Exam": "exam",
    "Findings": "findings",
    "Differential Diagnosis": "differential_diagnosis",
}
_NOTHING = frozenset({"", "n/a", "na", "none", "unsure", "null"})
_GROUP = "category"
_BODY_PARTS = {"head": "HEAD", "thorax": "CHEST", "abdomen": "ABDOMEN"}
_SEXES = {"male": Sex.MALE, "female": Sex.FEMALE}
_HINDSIGHT = (
    "Findings and differential diagnosis were written by authors who knew the diagnosis, from which the category "
    "follows: feed history and exam only."
)

_Entry = Mapping[str, object]


def read(root: Path) -> SourceStudies:
    """The cases of MedPix 2.0; `dev` is val. The topic's category is the class group `category`.

    Raises:
        ManifestError: A file is missing or is not the list it should be.
    """
    cases = _entries(require(root, "Case_topic.json", download=_DOWNLOAD))
    described = _entries(require(root, "Descriptions.json", "Description.json", download=_DOWNLOAD))
    split_file = find(root, "splitted_dataset/uid_list.json")
    images = {str(entry.get("image")): entry for entry in described}
    splits = _splits(split_file) if split_file is not None else {}
    studies = tuple(_study(case, images=images, splits=splits, root=root) for case in cases)
    members = sorted({name for study in studies if isinstance(study, Study) for name in study.labels})
    # A class group needs two values; only a part of the collection can have fewer.
    findings = tuple(members) if len(members) > 1 else ()
    return SourceStudies(
        studies=tuple(_one_hot(study, findings) if isinstance(study, Study) else study for study in studies),
        findings=findings,
        split_given=split_file is not None,
        named=frozenset(str(_path(root, name)) for case in cases for name in _image_names(case)),
        notices=(_HINDSIGHT,),
    )


def _entries(path: Path) -> Sequence[_Entry]:
    value = read_json(path)
    if not isinstance(value, list) or not all(isinstance(entry, dict) for entry in value):
        raise ManifestError(f"file {path.name} is not a list of objects", remedy=f"Download it again: {_DOWNLOAD}.")
    return value


def _splits(path: Path) -> Mapping[str, Split]:
    value = read_json(path)
    lists = value if isinstance(value, dict) else {}
    return {str(case): split for name, split in _SPLITS.items() for case in lists.get(name) or ()}


def _study(entry: _Entry, *, images: Mapping[str, _Entry], splits: Mapping[str, Split], root: Path) -> Study | Refusal:
    case_id = _text(entry.get("U_id"))
    case, topic = entry.get("Case"), entry.get("Topic")
    if case_id is None or not isinstance(case, dict):
        error = ManifestError("a case of Case_topic.json has no id or no text", remedy=f"Download it: {_DOWNLOAD}.")
        return Refusal.of(case_id or "case without an id", error)
    names = _image_names(entry)
    if any("/" in name for name in names):
        error = ManifestError(f"case {case_id} names an image outside images/", remedy=f"Download it: {_DOWNLOAD}.")
        return Refusal.of(case_id, error)
    about = [images.get(name, {}) for name in names]
    category = _text(topic.get("Category")) if isinstance(topic, dict) else None
    written = ((name, _text(case.get(field))) for field, name in _SECTIONS.items())
    return Study(
        study_id=case_id,
        patient_id=case_id,
        images=tuple(
            ImageRef(path=str(_path(root, name)), meta=_meta(entry)) for name, entry in zip(names, about, strict=True)
        ),
        note=tuple(NoteSection(name=name, text=text) for name, text in written if text is not None),
        split=splits.get(case_id),
        age_years=_agreed(_age(entry) for entry in about),
        sex=_agreed(_SEXES.get(str(_part(entry, "Sex")).lower()) for entry in about),
        labels={f"{_GROUP}{GROUP_SEPARATOR}{labels.finding_name(category)}": 1} if category is not None else {},
    )


def _one_hot(study: Study, findings: Sequence[str]) -> Study:
    held = next(iter(study.labels), None)
    one_hot = {name: int(name == held) for name in findings} if held is not None else {}
    return replace(study, labels=one_hot)


def _image_names(case: _Entry) -> Sequence[str]:
    listed = [names for modality in ("TAC", "MRI") if isinstance(names := case.get(modality), list)]
    return list(dict.fromkeys(str(name) for names in listed for name in names))


def _path(root: Path, name: str) -> Path:
    return root.absolute() / "images" / f"{name}.png"


def _meta(entry: _Entry) -> ImageMeta:
    modality, place = _text(entry.get("Type")), _text(entry.get("Location Category"))
    plane = _text(_part(entry, "Plane"))
    return ImageMeta(
        modality={"CT": "CT", "MR": "MR", "MRI": "MR", "TAC": "CT"}.get(modality or ""),
        body_part=_BODY_PARTS.get(place.lower()) if place is not None else None,
        view=plane.upper() if plane is not None else None,
    )


def _part(entry: _Entry, name: str) -> object:
    description = entry.get("Description")
    return description.get(name) if isinstance(description, dict) else None


def _age(entry: _Entry) -> float | None:
    written = _text(_part(entry, "Age"))
    return float(written) if written is not None and written.isdecimal() and int(written) <= 130 else None


def _agreed(values: Iterable[Any]) -> Any:  # noqa: ANN401 - whatever the values are
    known = {value for value in values if value is not None}
    return known.pop() if len(known) == 1 else None


def _text(value: object) -> str | None:
    text = value.strip() if isinstance(value, str) else ""
    return None if text.lower() in _NOTHING else text


def _recognises(root: Path) -> bool:
    return find(root, "Case_topic.json") is not None


MEDPIX = Collection(name="medpix2", title="MedPix 2.0", recognises=_recognises, read=read)
