"""All evidence for one finding of one study, as one object."""

import torch

from mediscan.data.examples import Example
from mediscan.diagnosis import Evidence
from mediscan.explain.saliency import image_heatmaps
from mediscan.explain.shares import modality_shares
from mediscan.explain.spans import note_spans
from mediscan.model.bundle import Bundle
from mediscan.model.inference import prepare


def explain_example(bundle: Bundle, example: Example, *, finding: str) -> Evidence:
    """Heatmaps, note spans and modality shares.

    Args:
        bundle: The model.
        example: The study as it was read.
        finding: The finding's name.

    Raises:
        ConfigError: The bundle has no such finding.
    """
    index = bundle.findings.index(finding)
    text_encoder, tokenizer = bundle.network.text_encoder, bundle.tokenizer
    with torch.no_grad():
        features = text_encoder.encode([tokenizer(example.note.text)], pad_id=tokenizer.pad_id)
    batch = prepare([example], features=features, width=text_encoder.width, config=bundle.config.data)
    weighed = modality_shares(bundle.network, batch, finding=index)
    return Evidence(
        study_id=example.study.study_id,
        finding=finding,
        heatmaps=image_heatmaps(bundle.network, batch, example, finding=index),
        spans=note_spans(bundle.network, batch, example.note, tokenizer=tokenizer, finding=index),
        shares=weighed.shares,
        logit=weighed.logit,
        baseline_logit=weighed.baseline_logit,
    )
