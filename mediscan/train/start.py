"""The network that a training starts from: fresh, or with weights and adapters that its configuration names."""

from pathlib import Path

import torch

from mediscan.config import RunConfig
from mediscan.findings import FindingSet
from mediscan.model.network import DiagnosisNetwork
from mediscan.model.text import build_text_encoder
from mediscan.model.transfer import load_image_weights, load_initial
from mediscan.progress import Progress


def start_network(config: RunConfig, *, findings: FindingSet, progress: Progress) -> DiagnosisNetwork:
    """Build the network; what its encoders are given is told to `progress`.

    Args:
        config: The run; its seed draws the fresh weights.
        findings: What the network will answer.
        progress: Told of weights that were loaded.

    Raises:
        ConfigError: An encoder or a checkpoint cannot be loaded, or does not fit.
        BundleError: `model.initial` names a folder that pretraining did not write, or that was altered.
    """
    torch.manual_seed(config.train.seed)
    network = DiagnosisNetwork(
        config.model, data=config.data, findings=findings, text_encoder=build_text_encoder(config.model)
    )
    if config.model.image_weights:
        report = load_image_weights(network.image_encoder, Path(config.model.image_weights))
        progress("load weights", 1, 1, detail=str(report))
    if config.model.initial:
        progress("load weights", 1, 1, detail=str(load_initial(network, Path(config.model.initial))))
    # After the weights, whose names know nothing of adapters.
    network.add_adapters(config.model)
    return network
