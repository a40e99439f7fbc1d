"""Commands that align image and note, and use what came of it."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mediscan.cli.app import app
from mediscan.cli.options import AsJson, ManifestPath, OutFolder, Workers
from mediscan.console import exit_for, report

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from mediscan.manifest import Manifest
    from mediscan.study import Study

AlignedPath = Annotated[Path, typer.Argument(metavar="DIR", help="The folder that pretrain wrote.")]
ModelPath = Annotated[Path, typer.Argument(metavar="MODEL", help="The folder that pretrain or train wrote.")]
Draws = Annotated[int, typer.Option(min=20, help="Bootstrap draws behind every interval.")]
Count = Annotated[int, typer.Option("--count", "-k", min=1, max=1000, help="How many studies to show.")]


class _Part(StrEnum):
    all = "all"
    train = "train"
    val = "val"
    test = "test"


class _Compare(StrEnum):
    image = "image"
    note = "note"
    both = "image+note"


class _Engine(StrEnum):
    numpy = "numpy"
    faiss = "faiss"


@app.command()
def pretrain(
    manifest: ManifestPath,
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="The folder to write.")],
    config: Annotated[Path | None, typer.Option(help="A TOML file with the run's configuration.")] = None,
    override: Annotated[
        list[str] | None, typer.Option("--set", metavar="section.key=value", help="Change one value.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Align image and note encoders on split train without labels; training starts from them by model.initial."""
    from mediscan.config import RunConfig
    from mediscan.manifest import Manifest
    from mediscan.progress import progress_bars

    settings = RunConfig.load(config, overrides=override or ())
    studies = Manifest.read(manifest)

    from mediscan.align.pretrain import pretrain as run

    with progress_bars() as progress:
        result = run(studies, settings, out, progress=progress)
    retrieval = result.metrics["retrieval"]
    report(
        {
            "folder": str(result.folder),
            "alignment_id": result.alignment_id,
            "validation": retrieval,
            "epochs": len(result.history),
            "refused": len(result.refused),
        },
        as_json=as_json,
        text=[f"aligned encoders {result.alignment_id} in {result.folder}", *_retrieval_lines(retrieval)],
    )
    exit_for(result.refused)


@app.command("zero-shot")
def zero_shot(
    folder: AlignedPath,
    manifest: ManifestPath,
    out: OutFolder,
    prompts: Annotated[
        Path | None, typer.Option(metavar="PROMPTS.toml", help="Prompts; by default plain ones for every finding.")
    ] = None,
    compare: Annotated[_Compare, typer.Option(help="What of a study is compared with the prompts.")] = _Compare.image,
    split: Annotated[_Part, typer.Option(help="The part to score.")] = _Part.test,
    workers: Workers = 2,
    as_json: AsJson = False,
) -> None:
    """Find findings by prompts: similarities.parquet, and metrics.json where labels are known. No probabilities."""
    from mediscan.align.folder import Aligned
    from mediscan.align.prompts import default_prompts, read_prompts
    from mediscan.align.zero_shot import Compared
    from mediscan.align.zero_shot import zero_shot as run
    from mediscan.errors import ConfigError
    from mediscan.manifest import Manifest
    from mediscan.progress import progress_bars

    studies = Manifest.read(manifest)
    wanted = read_prompts(prompts) if prompts else default_prompts(studies.findings)
    if not wanted:
        raise ConfigError("the manifest has no finding to make prompts of", remedy="Give --prompts.")
    with progress_bars() as progress:
        result = run(
            Aligned.load(folder),
            _studies(studies, split),
            wanted,
            out,
            compared=Compared(compare),
            split=split,
            workers=workers,
            progress=progress,
        )
    report(
        {"out": str(out), "scored": len(result.examples), "refused": len(result.refused), "metrics": result.metrics},
        as_json=as_json,
        text=[
            f"{len(result.examples)} compared, {len(result.refused)} refused; similarities are no probabilities",
            *([] if result.metrics is None else _area_lines(result.metrics)),
        ],
    )
    exit_for(result.refused)


@app.command()
def retrieve(
    folder: AlignedPath,
    manifest: ManifestPath,
    text_file: Annotated[
        Path | None, typer.Option("--text-file", metavar="FILE", help="Show the studies whose images fit this text.")
    ] = None,
    study: Annotated[
        str | None, typer.Option(metavar="ID", help="Show the studies whose notes fit this study's images.")
    ] = None,
    count: Count = 10,
    split: Annotated[_Part, typer.Option(help="The part to search in.")] = _Part.test,
    candidates: Annotated[int, typer.Option(min=2, help="Studies among which the right one is looked for.")] = 100,
    draws: Draws = 1000,
    workers: Workers = 2,
    as_json: AsJson = False,
) -> None:
    """Measure how well images find their notes and notes their images, or search by a text or a study."""
    from mediscan.align.folder import Aligned
    from mediscan.align.query import SearchableStudies
    from mediscan.errors import ConfigError
    from mediscan.manifest import Manifest
    from mediscan.progress import progress_bars

    if text_file and study:
        raise ConfigError("--text-file and --study are both given", remedy="Search by one of them.")
    text = _text(text_file) if text_file else None
    with progress_bars() as progress:
        searchable = SearchableStudies.read(
            Aligned.load(folder), _studies(Manifest.read(manifest), split), workers=workers, progress=progress
        )
    if text is None and study is None:
        measured = searchable.measure(candidates=candidates, draws=draws)
        report({"split": split, **measured}, as_json=as_json, text=_retrieval_lines(measured))
    else:
        hits = (
            searchable.images_for(text, count=count)
            if text is not None
            else searchable.notes_for(study or "", count=count)
        )
        report(
            {"hits": [{"study_id": hit.study_id, "similarity": hit.similarity} for hit in hits]},
            as_json=as_json,
            text=[f"{hit.similarity:+.3f}  {hit.study_id}" for hit in hits],
        )
    exit_for(searchable.pairs.refused)


@app.command()
def index(
    folder: ModelPath,
    manifest: ManifestPath,
    out: Annotated[Path, typer.Option("--out", metavar="INDEX.npz", help="The index to write.")],
    split: Annotated[_Part, typer.Option(help="The part to index.")] = _Part.all,
    workers: Workers = 2,
    as_json: AsJson = False,
) -> None:
    """Index studies for `similar`, with their known labels."""
    from mediscan.align.embedders import open_embedder
    from mediscan.align.index import build_index
    from mediscan.manifest import Manifest
    from mediscan.progress import progress_bars

    with progress_bars() as progress:
        built = build_index(
            open_embedder(folder), _studies(Manifest.read(manifest), split), workers=workers, progress=progress
        )
    out.parent.mkdir(parents=True, exist_ok=True)
    built.save(out)
    report(
        {"index": str(out), "model_id": built.model_id, "studies": len(built), "refused": len(built.refused)},
        as_json=as_json,
        text=[f"{len(built)} studies in {out}"],
    )
    exit_for(built.refused)


@app.command()
def similar(
    folder: ModelPath,
    manifest: ManifestPath,
    study: Annotated[str, typer.Option(metavar="ID", help="The study.")],
    count: Count = 5,
    index_file: Annotated[
        Path | None, typer.Option("--index", metavar="INDEX.npz", help="What index wrote; else it is made now.")
    ] = None,
    split: Annotated[_Part, typer.Option(help="The part to look in, where there is no --index.")] = _Part.all,
    engine: Annotated[_Engine, typer.Option(help="What searches.")] = _Engine.numpy,
    workers: Workers = 2,
    as_json: AsJson = False,
) -> None:
    """Show the studies of other patients that are most similar to a study, with what is known of them."""
    from mediscan.align.embedders import open_embedder
    from mediscan.align.index import CaseIndex, build_index
    from mediscan.align.search import Engine
    from mediscan.data.examples import read_example
    from mediscan.errors import BundleError
    from mediscan.manifest import Manifest
    from mediscan.progress import progress_bars

    embedder = open_embedder(folder)
    studies = Manifest.read(manifest)
    chosen = studies.study(study)
    embeddings = embedder.embed([read_example(chosen, embedder.data)])
    if index_file:
        cases = CaseIndex.load(index_file)
    else:
        with progress_bars() as progress:
            cases = build_index(embedder, _studies(studies, split), workers=workers, progress=progress)
    if cases.model_id != embedder.model_id:
        raise BundleError(
            f"index {index_file} was made with model {cases.model_id}, not {embedder.model_id}",
            remedy="Make it again with `mediscan index`.",
        )
    found = cases.similar(chosen, embeddings, count=count, engine=Engine(engine))
    report(
        {
            "study_id": study,
            "similar": [
                {"study_id": case.study_id, "similarity": case.similarity, "labels": dict(case.labels)}
                for case in found
            ],
        },
        as_json=as_json,
        text=[f"{case.similarity:+.3f}  {case.study_id}  {_known(case.labels)}" for case in found],
    )
    exit_for(cases.refused)


def _studies(manifest: Manifest, part: _Part) -> list[Study]:
    from mediscan.study import Split

    return manifest.studies(None if part is _Part.all else Split(part))


def _text(path: Path) -> str:
    from mediscan.errors import ConfigError
    from mediscan.sources.notes.encodings import MAX_NOTE_BYTES, decode_note

    try:
        with path.open("rb") as file:
            raw = file.read(MAX_NOTE_BYTES + 1)
    except OSError as error:
        raise ConfigError(f"cannot read {path}: {type(error).__name__}", remedy="Give a text file.") from error
    return decode_note(raw, what="the text to look for").text


def _known(labels: Mapping[str, int]) -> str:
    present = [name for name, value in labels.items() if value]
    return ", ".join(present) or ("no finding" if labels else "labels unknown")


def _retrieval_lines(measured: Mapping[str, Any]) -> Iterator[str]:
    yield f"{measured['n_studies']} studies, each looked for among {measured['candidates']}"
    for way in ("image_to_note", "note_to_image"):
        recalls = ", ".join(f"recall@{at} {_with_interval(measured[way], f'recall@{at}')}" for at in (1, 5, 10))
        yield f"{way.replace('_', ' ')}: {recalls}, median rank {measured[way]['median_rank']:.1f}"


def _area_lines(metrics: Mapping[str, Any]) -> Iterator[str]:
    for name, values in {"macro": metrics["macro"], **metrics["findings"]}.items():
        yield f"{name}: " + (
            "AUROC not measurable" if values["auroc"] is None else f"AUROC {_with_interval(values, 'auroc')}"
        )


def _with_interval(values: Mapping[str, Any], name: str) -> str:
    interval = values[f"{name}_ci"]
    bounds = f" ({interval[0]:.3f} to {interval[1]:.3f})" if interval else ""
    return f"{values[name]:.3f}{bounds}"
