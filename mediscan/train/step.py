"""One forward pass in training: a part of a batch in, its share of the batch's loss out."""

from dataclasses import replace

import numpy as np
import torch
from torch import Tensor, nn
from torch.distributed.fsdp import FSDPModule
from torch.distributed.tensor import DTensor

from mediscan.data.batch import StudyBatch
from mediscan.model.network import DiagnosisNetwork
from mediscan.train.batch_norm import SynchronisedBatchNorm
from mediscan.train.batches import Counts, Part
from mediscan.train.losses import DiagnosisLoss


class TrainingStep(nn.Module):
    """The network with its loss, as one module that can be replicated or sharded.

    Args:
        network: What is trained.
        loss: What it is trained by.
        single_modality_weight: Weight of the losses of images alone and note alone beside the fused one.
        pad_id: The tokenizer's.
        processes: How many processes train.
    """

    def __init__(
        self,
        network: DiagnosisNetwork,
        *,
        loss: DiagnosisLoss,
        single_modality_weight: float,
        pad_id: int,
        processes: int,
    ) -> None:
        super().__init__()
        self.network = network
        self._loss = loss
        self._weight = single_modality_weight
        self._pad_id = pad_id
        self._processes = processes

    def forward(self, part: Part, counts: Counts) -> Tensor:
        """The part's terms of the mean loss of the whole batch; the sum over all parts is that mean."""
        batch = replace(part.batch, text=self._encode(part)) if part.notes else part.batch
        output = self.network(batch)
        single = self._mean(output.image_logits, part.targets.image, counts.image)
        single = single + self._mean(output.text_logits, part.targets.note, counts.note)
        loss = self._mean(output.logits, part.targets.fused, counts.fused) + self._weight * single
        return loss if self._processes == 1 else loss + self._attendance(batch)

    def _mean(self, logits: Tensor, labels: Tensor, count: int) -> Tensor:
        return self._loss.total(logits, labels) / max(count, 1)

    def _encode(self, part: Part) -> Tensor:
        """(B, T, H): features of the notes, padded as the batch is."""
        features = self.network.text_encoder.encode(part.notes, pad_id=self._pad_id)
        text = part.batch.text.clone()
        for row, tokens in enumerate(features):
            text[row, : len(tokens)] = tokens.to(text.dtype)
        return text

    def _attendance(self, batch: StudyBatch) -> Tensor:
        """Zero, by way of whatever this part has nothing for and others may have.

        Where encoders are synchronised or sharded, other processes wait in each layer until all have come.
        """
        total = batch.images.new_zeros(())
        if isinstance(self, FSDPModule):
            # Gradients of shards are summed up in one piece, which must have the same weights in it everywhere. Those
            # of encoders are in the processes' hands only while these compute.
            held = (p for p in self.network.parameters() if p.requires_grad and not isinstance(p, DTensor))
            total = total + sum((parameter.sum() for parameter in held), start=total) * 0.0
        for encoder, images, mask in self._encoders(batch):
            if not mask.any():
                is_synchronised = any(isinstance(module, SynchronisedBatchNorm) for module in encoder.modules())
                # Without planes the statistics stay those of the others; encoders that have none refuse emptiness.
                planes = images.new_zeros(0 if is_synchronised else 1, *images.shape[2:])
                total = total + encoder(planes).grid.float().sum() * 0.0
        return total

    def _encoders(self, batch: StudyBatch) -> list[tuple[nn.Module, Tensor, Tensor]]:
        """Each encoder with its images (B, I, 1, …) and their mask (B, I)."""
        encoders: list[tuple[nn.Module, Tensor, Tensor]] = [
            (self.network.image_encoder, batch.images, batch.image_mask)
        ]
        if self.network.volume_encoder is not None:
            encoders.append((self.network.volume_encoder, batch.volumes, batch.volume_mask))
        return encoders


def seed_torch(seed: int, *, epoch: int, step: int, rank: int) -> None:
    """Let every draw of PyTorch in a step follow from these numbers, so that a resume within an epoch repeats them.

    Dropout is the only one that is drawn so, and every process drops out on its own.
    """
    mixed = np.random.SeedSequence((seed, epoch, step, rank)).generate_state(1, np.uint64)
    torch.manual_seed(int(mixed[0]))
