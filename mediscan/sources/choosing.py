"""Which images of each study are used: the rules choose among its series, and what makes no image gives way."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from mediscan import schema
from mediscan.diagnosis import Refusal
from mediscan.errors import Code, SourceError, UnsupportedImageError
from mediscan.progress import Progress
from mediscan.sources.describing import Described, describe_all
from mediscan.sources.outcome import Outcome
from mediscan.sources.selection import Candidate, SelectionRules, select
from mediscan.study import Study

_GIVES_WAY = frozenset({Code.MIXED_SERIES, Code.UNSUPPORTED_IMAGE})
"""What a sound series may be that is no image to diagnose from; any other error is damage, and refuses the study."""


def choose(
    entries: Sequence[Study | Refusal],
    candidates: Mapping[str, Candidate],
    rules: SelectionRules,
    *,
    progress: Progress,
) -> tuple[list[Outcome], Mapping[str, Described]]:
    """Each study with the images that the rules choose, and what the headers of these say.

    A series that turns out to make no image (several phases of one place, say) is left out with its reason, and the
    rules choose among the others. Where there are none, nor a note, it stays, and its error is the study's.

    Args:
        entries: The studies; refusals are passed on.
        candidates: The images among which is chosen, by path; all other images of a study are used.
        rules: What is wanted.
        progress: Told of images described.
    """
    known = dict(candidates)
    described: dict[str, Described] = {}
    while True:
        outcomes = [_selected(entry, known, rules) for entry in entries]
        paths = [path for path in _paths(outcomes) if path not in described]
        if not paths:
            return outcomes, described
        described |= describe_all(paths, progress=progress)
        for path in paths:
            error = described[path].outcome
            if path in known and isinstance(error, SourceError) and error.code in _GIVES_WAY:
                known[path] = replace(known[path], problem=error.what.removeprefix(path).strip())


def _selected(entry: Study | Refusal, candidates: Mapping[str, Candidate], rules: SelectionRules) -> Outcome:
    found = (
        [candidates[image.path] for image in entry.images if image.path in candidates]
        if isinstance(entry, Study)
        else []
    )
    if isinstance(entry, Refusal) or not found:
        return Outcome(entry=entry)
    selection = select(found, rules)
    out = {str(one.candidate.path) for one in selection.left_out}
    if not selection.chosen and not entry.written_sections:
        faulty = {str(one.path) for one in found if one.problem is not None}
        if not faulty:
            try:
                selection.require_any(entry.study_id)
            except UnsupportedImageError as error:
                return Outcome(entry=Refusal.of(entry.study_id, error))
        out -= faulty
    return Outcome(
        entry=replace(entry, images=tuple(image for image in entry.images if image.path not in out)),
        flags=selection.flags,
        remarks=(selection.summary,) if len(found) > 1 and not selection.left_out else (),
    )


def _paths(outcomes: Sequence[Outcome]) -> list[str]:
    paths = (image.path for one in outcomes if isinstance(one.entry, Study) for image in one.entry.images)
    return [path for path in dict.fromkeys(paths) if not schema.is_url(path)]
