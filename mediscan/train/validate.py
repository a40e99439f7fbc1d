"""What the network says of a whole split, each process answering for a share of the studies."""

from collections.abc import Sequence

import numpy as np

from mediscan.config import RunConfig
from mediscan.model.inference import FUSED, Inference, infer
from mediscan.model.network import DiagnosisNetwork
from mediscan.model.text import NoteTokenizer
from mediscan.study import Availability
from mediscan.train.processes import Processes
from mediscan.train.studies import StudySet


def infer_together(
    network: DiagnosisNetwork,
    studies: StudySet,
    *,
    tokenizer: NoteTokenizer,
    config: RunConfig,
    processes: Processes,
    patterns: Sequence[Availability] = (FUSED,),
) -> Inference:
    """Answer for all studies; every process must ask at once, and each is given all answers.

    Args:
        network: In evaluation mode, the same in every process.
        studies: The N studies, in the same order in every process.
        tokenizer: The network's.
        config: The run's.
        processes: Those that share the work.
        patterns: Which modalities to pretend.
    """
    every = list(range(len(studies.examples)))
    rows = processes.share(every)
    own = infer(
        network,
        [studies.examples[row] for row in rows],
        tokenizer=tokenizer,
        config=config.data,
        patterns=patterns,
        features=[studies.features[row] for row in rows] if studies.features else (),
    )
    answers = [(rows, inference) for rows, inference in processes.from_all((rows, own)) if rows]
    order = np.argsort(np.concatenate([rows for rows, _ in answers]))
    parts = [inference for _, inference in answers]
    return Inference(
        logits={
            pattern: np.concatenate([part.logits[pattern] for part in parts])[order] for pattern in parts[0].logits
        },
        summaries={
            modality: np.concatenate([part.summaries[modality] for part in parts])[order]
            for modality in parts[0].summaries
        },
        truncated=np.concatenate([part.truncated for part in parts])[order],
    )
