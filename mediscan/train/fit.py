"""The loop over epochs and steps, and all that it moves: weights, optimiser, average, checkpoints."""

import copy
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, nullcontext

import torch
from torch import nn

from mediscan.config import TrainConfig
from mediscan.errors import ConfigError
from mediscan.model.network import DiagnosisNetwork
from mediscan.progress import Progress
from mediscan.train.average import Average, learned
from mediscan.train.batch_norm import synchronise
from mediscan.train.batches import Batches
from mediscan.train.checkpoint import Checkpoints, TrainingState, pack, unpack
from mediscan.train.layers import image_encoders, pretrained_encoders, recomputing, resting
from mediscan.train.losses import DiagnosisLoss
from mediscan.train.optimize import autocast_for, build_optimizer, schedule, set_rates
from mediscan.train.parallel import Parallel
from mediscan.train.processes import Processes
from mediscan.train.sharding import shard, whole
from mediscan.train.step import TrainingStep, seed_torch
from mediscan.train.tracking import Record


class Fit:
    """A network in training.

    Args:
        network: Moved to the processes' device; with FSDP its weights are sharded in place.
        batches: What it learns from.
        loss: How its answers are judged.
        settings: How it is trained.
        processes: Those that train it together.
        parallel: What each of them holds.

    Attributes:
        kept: The network whose weights are scored and kept: the one in training, or a whole one with its average.

    Raises:
        ConfigError: The batch cannot be shared, or there is nobody to share weights with.
    """

    def __init__(
        self,
        network: DiagnosisNetwork,
        *,
        batches: Batches,
        loss: DiagnosisLoss,
        settings: TrainConfig,
        processes: Processes,
        parallel: Parallel = Parallel.DDP,
    ) -> None:
        _require_shares(settings, processes, parallel)
        self._network = network.to(processes.device)
        self._batches, self._loss, self._settings, self._processes = batches, loss, settings, processes
        self._autocast = autocast_for(settings.precision, device=processes.device.type)
        self._rate_at = schedule(settings, steps=batches.steps * settings.epochs)
        is_apart = settings.average_decay > 0 or parallel is Parallel.FSDP
        self.kept = copy.deepcopy(network) if is_apart else network
        group = processes.group()
        if group is not None:
            synchronise(network, group)
        self._step = self._together(parallel)
        # Only now are the parameters those that stay.
        self._optimizer = build_optimizer(network, settings)
        self._average = Average(network, decay=settings.average_decay) if settings.average_decay else None

    @property
    def steps(self) -> int:
        """Steps of an epoch."""
        return self._batches.steps

    def _together(self, parallel: Parallel) -> nn.Module:
        """The step that all processes take together."""
        step = TrainingStep(
            self._network,
            loss=self._loss,
            single_modality_weight=self._settings.single_modality_weight,
            pad_id=self._batches.pad_id,
            processes=self._processes.count,
        )
        if parallel is Parallel.FSDP:
            units = image_encoders(self._network)
            if not any(parameter.requires_grad for parameter in self._network.text_encoder.parameters()):
                units.append(self._network.text_encoder)  # its features are cached: never brought together at all
            shard(step, units=units, processes=self._processes.count, device=self._processes.device)
            return step
        return self._processes.replicated(step)

    def run(
        self,
        state: TrainingState,
        *,
        checkpoints: Checkpoints,
        validate: Callable[[DiagnosisNetwork], float],
        record: Record,
        progress: Progress,
    ) -> None:
        """Train until the last epoch, or until patience is over; the state is moved on.

        Args:
            state: Where to begin.
            checkpoints: Where to keep states.
            validate: Gives the validation score of the kept network; the same in every process.
            record: Told of every step and epoch.
            progress: Told of every step and epoch.
        """
        steps, total = self._batches.steps, self._settings.epochs * self._batches.steps
        while state.epoch < self._settings.epochs and state.epoch - state.best_epoch < self._settings.patience:
            seen = self._train_epoch(state, checkpoints=checkpoints, record=record, progress=progress)
            self._put_kept_weights()
            self.kept.eval()
            with self._autocast():
                score = validate(self.kept)
            loss = state.loss / seen
            state.epoch, state.step, state.loss = state.epoch + 1, 0, 0.0
            state.history.append({"loss": loss, "val_auroc": score})
            improved = score > state.best_score
            if improved:
                state.best_score, state.best_epoch = score, state.epoch
            self._save(state, checkpoints, improved=improved)
            record({"epoch/loss": loss, "epoch/val_auroc": score}, state.epoch)
            progress(
                "train",
                state.epoch * steps,
                total,
                detail=f"epoch {state.epoch} loss {loss:.3f} val AUROC {score:.3f} "
                f"(best {state.best_score:.3f} at {state.best_epoch})",
            )

    def resume(self, checkpoints: Checkpoints, state: TrainingState) -> TrainingState:
        """Go back to where a former run was; the given state where there was none.

        Raises:
            ConfigError: The checkpoint belongs to another run.
        """
        saved, tensors = checkpoints.resume(state)
        if tensors:
            unpack(tensors, network=self._network, optimizer=self._optimizer, average=self._average)
        return saved

    def finish(self, state: TrainingState, checkpoints: Checkpoints) -> DiagnosisNetwork:
        """The whole network with the best weights, in evaluation mode.

        Raises:
            ConfigError: No epoch had a score.
        """
        if not state.best_epoch:
            raise ConfigError(
                f"training diverged: after {state.epoch} epochs no validation score is a number",
                remedy="Lower train.learning_rate, and start again without --resume.",
            )
        self._processes.wait()  # until they are written
        self.kept.load_state_dict(checkpoints.best(state), strict=False)
        self.kept.eval()
        return self.kept

    def _train_epoch(
        self, state: TrainingState, *, checkpoints: Checkpoints, record: Record, progress: Progress
    ) -> int:
        """Take the steps of an epoch that are left. Returns how many studies all of its steps have."""
        rows_of = self._batches.rows(state.epoch)
        done, every = state.epoch * len(rows_of), self._settings.checkpoint_steps
        self._step.train()
        with self._mode(state.epoch):
            for rows in rows_of[state.step :]:
                rate = self._rate_at(done + state.step)
                loss = self._take_step(rows, state, rate=rate)
                state.step += 1
                state.loss += loss * len(rows)
                record({"step/loss": loss, "step/rate": rate * self._settings.learning_rate}, done + state.step)
                if every and (done + state.step) % every == 0 and state.step < len(rows_of):
                    self._save(state, checkpoints, improved=False)
                progress("train", done + state.step, self._settings.epochs * len(rows_of))
        return sum(map(len, rows_of))

    @contextmanager
    def _mode(self, epoch: int) -> Iterator[None]:
        """Which encoders rest, and which compute their activations twice."""
        with ExitStack() as stack:
            if self._settings.recompute:
                stack.enter_context(recomputing([*image_encoders(self._network), self._network.text_encoder]))
            stack.enter_context(resting(self._resting(epoch)))
            yield

    def _resting(self, epoch: int) -> list[nn.Module]:
        return pretrained_encoders(self._network) if epoch < self._settings.frozen_epochs else []

    def _take_step(self, rows: list[int], state: TrainingState, *, rate: float) -> float:
        """Learn from one batch. Returns its mean loss over all processes."""
        processes, parts = self._processes, self._settings.accumulate
        seed_torch(self._settings.seed, epoch=state.epoch, step=state.step, rank=processes.rank)
        batch = self._batches.draw(rows, epoch=state.epoch)
        counts = batch.counts(self._loss)
        self._optimizer.zero_grad(set_to_none=True)
        total = torch.zeros((), device=processes.device)
        for index in range(parts):
            part = batch.part(index * processes.count + processes.rank, of=parts * processes.count)
            is_last = index == parts - 1
            with nullcontext() if is_last else processes.without_averaging(self._step):
                with self._autocast():
                    loss = self._step(part.to(processes.device), counts)
                # Gradients of processes are averaged, and these are to be added up.
                torch.autograd.backward(loss * processes.count)
            total += loss.detach()
        for encoder in self._resting(state.epoch):
            encoder.zero_grad(set_to_none=True)  # a gradient of zero would still let weights decay
        set_rates(self._optimizer, rate)
        nn.utils.clip_grad_norm_(self._network.parameters(), 1.0)
        self._optimizer.step()
        if self._average:
            self._average.update(state.epoch * self._batches.steps + state.step)
        return float(processes.total(total))

    def _put_kept_weights(self) -> None:
        """Bring the kept network up to date, where it is another than the one in training."""
        if self.kept is not self._network:
            self.kept.load_state_dict(self._kept_weights(), strict=False)

    def _kept_weights(self) -> dict[str, torch.Tensor]:
        return whole(self._average.weights if self._average else learned(self._network))

    def _save(self, state: TrainingState, checkpoints: Checkpoints, *, improved: bool) -> None:
        last = pack(self._network, self._optimizer, self._average)
        best = self._kept_weights() if improved else None
        if self._processes.is_first:
            checkpoints.save(state, last=last, best=best)


def _require_shares(settings: TrainConfig, processes: Processes, parallel: Parallel) -> None:
    parts = settings.accumulate * processes.count
    if settings.batch_size < parts:
        raise ConfigError(
            f"train.batch_size = {settings.batch_size} studies cannot be shared by {processes.count} processes "
            f"that compute them in {settings.accumulate} parts",
            remedy=f"Set train.batch_size to {parts} or more.",
        )
    if parallel is Parallel.FSDP and processes.count == 1:
        raise ConfigError(
            "weights can be sharded over several processes only, and this is one",
            remedy="Start it with torchrun --nproc-per-node N -m mediscan train …, or leave out --parallel fsdp.",
        )
