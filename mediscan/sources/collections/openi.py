"""Open-i, the Indiana University collection: 7,470 chest radiographs with 3,955 reports in sections.

Source: https://openi.nlm.nih.gov/faq (Demner-Fushman et al., JAMIA 23, 2016). The original has one XML file a report
in `ecgen-radiology/` and images `CXR1_1_IM-0001-3001.png`; the release on Kaggle
(https://www.kaggle.com/datasets/raddar/chest-xrays-indiana-university) has `indiana_reports.csv`,
`indiana_projections.csv` and `images/images_normalized/1_IM-0001-3001.dcm.png`.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree as ET

from mediscan.diagnosis import Refusal
from mediscan.errors import ManifestError, SourceError
from mediscan.sources.collections import facts
from mediscan.sources.collections.collection import Collection
from mediscan.sources.collections.files import by_name, find, read_table, require
from mediscan.sources.collections.image_rows import RADIOGRAPH
from mediscan.sources.studies import SourceStudies
from mediscan.study import ImageMeta, ImageRef, NoteSection, Study

_DOWNLOAD = "NLMCXR_reports.tgz and NLMCXR_png.tgz from https://openi.nlm.nih.gov/faq"
_KAGGLE = "https://www.kaggle.com/datasets/raddar/chest-xrays-indiana-university"
_SECTIONS = ("indication", "comparison", "findings", "impression")
_REPORTS, _PROJECTIONS = "indiana_reports.csv", "indiana_projections.csv"
_XML_FOLDERS = ("ecgen-radiology", "NLMCXR_reports/ecgen-radiology", "NLMCXR_reports", "reports")
_IMAGE_FOLDERS = ("NLMCXR_png", "images/images_normalized", "images", "png", ".")
_MAX_XML_BYTES = 1 << 20
_UNINDEXED = frozenset({"no indexing", "technical quality of image unsatisfactory"})
"""Headings of reports that were not coded, so that nothing is known to be absent."""

_BORDERLINE = "borderline"
_FINDINGS: Mapping[str, tuple[str, ...]] = {
    "normal": ("normal",),
    "airspace_disease": ("airspace disease",),
    "atelectasis": ("pulmonary atelectasis",),
    "atherosclerosis": ("atherosclerosis",),
    "calcified_granuloma": ("calcified granuloma",),
    "cardiomegaly": ("cardiomegaly",),
    "cicatrix": ("cicatrix",),
    "consolidation": ("consolidation",),
    "copd": ("pulmonary disease, chronic obstructive",),
    "emphysema": ("emphysema", "pulmonary emphysema", "bullous emphysema"),
    "fracture": ("fractures, bone",),
    "granuloma": ("granuloma", "calcified granuloma", "granulomatous disease"),
    "hiatal_hernia": ("hernia, hiatal",),
    "infiltrate": ("infiltrate",),
    "interstitial_lung_disease": ("lung diseases, interstitial",),
    "mass": ("mass",),
    "nodule": ("nodule",),
    "opacity": ("opacity",),
    "pleural_effusion": ("pleural effusion", "hydropneumothorax"),
    "pneumonia": ("pneumonia",),
    "pneumothorax": ("pneumothorax", "hydropneumothorax"),
    "pulmonary_congestion": ("pulmonary congestion",),
    "pulmonary_edema": ("pulmonary edema",),
    "pulmonary_fibrosis": ("pulmonary fibrosis",),
    "scoliosis": ("scoliosis",),
    "support_devices": ("catheters, indwelling", "implanted medical device", "medical device", "tube, inserted"),
}
"""Findings and the MeSH headings, or headings that Open-i added, that stand for them.

Headings that are places ("Lung", "Aorta") are left out: what they mean stands in their qualifiers.
"""

_CODED = (
    "Labels are MeSH headings that were coded from the findings and impression of the same reports: a model that is "
    "fed these sections reads its answer. The leakage-safe section is indication."
)


@dataclass(frozen=True, kw_only=True)
class _Report:
    uid: str
    sections: Mapping[str, str]
    headings: Sequence[str]
    images: Sequence[ImageRef]

    def study(self) -> Study:
        return Study(
            study_id=self.uid,
            patient_id=self.uid,
            images=tuple(self.images),
            note=tuple(
                NoteSection(name=name, text=self.sections[name]) for name in _SECTIONS if self.sections.get(name)
            ),
            labels=_labels(self.headings),
        )


def read(root: Path) -> SourceStudies:
    """The studies of Open-i, one a report, which the collection takes for a patient; it has no official split.

    Raises:
        ManifestError: The reports are missing, or a table has not its original columns.
    """
    told = list(_of_tables(root) if find(root, _REPORTS) is not None else _of_xml(root))
    reports = [entry for entry in told if isinstance(entry, _Report)]
    return SourceStudies(
        studies=tuple(entry.study() if isinstance(entry, _Report) else entry for entry in told),
        findings=tuple(_FINDINGS),
        named=frozenset(image.path for report in reports for image in report.images),
        notices=(_CODED,),
    )


def _of_xml(root: Path) -> Iterator[_Report | Refusal]:
    patterns = [f"{folder}/*.xml" for folder in _XML_FOLDERS]
    folder = require(root, *patterns, download=_DOWNLOAD).parent
    places = _places(root)
    for path in sorted(folder.glob("*.xml"), key=lambda path: (len(path.stem), path.stem)):
        try:
            tree = _tree(path)
        except SourceError as error:
            yield Refusal.of(path.stem, error)
            continue
        uid = tree.find(".//uId")
        # A name with a folder in it would lead out of the collection's own.
        images = [f"{Path(node.get('id', '')).name}.png" for node in tree.iter("parentImage")]
        yield _Report(
            uid=(uid.get("id") if uid is not None else None) or f"CXR{path.stem}",
            sections={
                str(node.get("Label", "")).lower(): (node.text or "").strip() for node in tree.iter("AbstractText")
            },
            headings=[node.text or "" for node in tree.iterfind(".//MeSH/major")],
            images=[_image(name, view=None, places=places, root=root) for name in dict.fromkeys(images)],
        )


def _tree(path: Path) -> ET.Element:
    remedy = "Download the reports again."
    content = path.read_bytes() if path.stat().st_size <= _MAX_XML_BYTES else b""
    if not content or b"<!DOCTYPE" in content or b"<!ENTITY" in content:
        raise SourceError(f"report {path.name} is larger than any report, empty, or defines entities", remedy=remedy)
    try:
        return ET.fromstring(content)  # noqa: S314 - entities, by which XML attacks, were refused above
    except ET.ParseError:
        raise SourceError(f"report {path.name} is not XML", remedy=remedy) from None


def _of_tables(root: Path) -> Iterator[_Report | Refusal]:
    columns = {"uid": "uid", "MeSH": "headings"} | {name: name for name in _SECTIONS}
    reports = read_table(require(root, _REPORTS, download=_KAGGLE), columns=columns)
    table = require(root, _PROJECTIONS, download=_KAGGLE)
    projections = read_table(table, columns={"uid": "uid", "filename": "file", "projection": "view"})
    places = _places(root)
    images: dict[str, dict[str, ImageRef]] = {}
    views = facts.views(projections["view"]).astype(object).where(projections["view"].notna(), None)
    for uid, file, view in zip(projections["uid"], projections["file"], views, strict=True):
        name = Path(str(file)).name  # one with a folder in it would lead out of the collection's own
        images.setdefault(str(uid), {})[name] = _image(name, view=view, places=places, root=root)
    for number, row in enumerate(reports.astype(object).where(reports.notna(), None).to_dict("records"), start=1):
        uid = row["uid"]
        if uid is None:
            error = ManifestError(f"report {number} of {_REPORTS} has no uid", remedy=f"Download it again: {_KAGGLE}.")
            yield Refusal.of(f"row {number}", error)
            continue
        yield _Report(
            uid=f"CXR{uid}",
            sections={name: row[name] or "" for name in _SECTIONS},
            headings=(row["headings"] or "").split(";"),
            images=list(images.pop(uid, {}).values()),
        )
    for uid, unreported in images.items():
        yield _Report(uid=f"CXR{uid}", sections={}, headings=(), images=list(unreported.values()))


def _places(root: Path) -> Mapping[str, str]:
    return by_name(folder for name in _IMAGE_FOLDERS if (folder := root / name).is_dir())


def _image(name: str, *, view: str | None, places: Mapping[str, str], root: Path) -> ImageRef:
    meta = ImageMeta(modality=RADIOGRAPH, body_part="CHEST", view=view)
    return ImageRef(path=places.get(name, str(root.absolute() / "images" / name)), meta=meta)


def _labels(headings: Sequence[str]) -> Mapping[str, int]:
    coded = [[part.strip().lower() for part in heading.split("/")] for heading in headings if heading.strip()]
    firm = {parts[0] for parts in coded if _BORDERLINE not in parts}
    borderline = {parts[0] for parts in coded if _BORDERLINE in parts}
    return {
        name: int(bool(firm & set(terms)))
        for name, terms in _FINDINGS.items()
        if firm & set(terms) or (coded and not firm & _UNINDEXED and not borderline & set(terms))
    }


def _recognises(root: Path) -> bool:
    return find(root, _REPORTS, *(f"{folder}/*.xml" for folder in _XML_FOLDERS)) is not None


OPENI = Collection(name="openi", title="Open-i (Indiana University)", recognises=_recognises, read=read)
