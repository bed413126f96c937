"""A whole training run: from cases to the best weights, and on from a checkpoint."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from numpy.typing import NDArray

from models import backend
from models.cases.case import Case
from models.errors import NotFinite
from models.spec import ModelSpec
from models.training import checkpoint, events, records
from models.training.checkpoint import Checkpoint, Progress
from models.training.errors import LossNotFinite, TrainingError
from models.training.initial import initial_tensors
from models.training.parts import frozen_layers
from models.training.pictures import PictureStore, Read
from models.training.rate import Plateau, rate_at
from models.training.recipe import Recipe
from models.training.samples import Samples, Training, ahead
from models.weights_writer import write_weights

if TYPE_CHECKING:
    import numpy as np

    from models.training.trainee import Losses, Trainee


class Listener(Protocol):
    """Whoever wants to know how a run goes on."""

    def prepared(self, done: int, total: int) -> None:
        """Hear that an image was decoded."""

    def stepped(self, epoch: int, step: int, steps: int, losses: Losses) -> None:
        """Hear of a step; epoch and step count from 1, the losses are its mean so far."""

    def validated(self, row: Mapping[str, float], *, best: bool) -> None:
        """Hear of the end of an epoch; the row has the columns of the log."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What to train on what.

    Parameters
    ----------
    training, validation : sequence of Case
        They share no patient.
    folder : Path
        Of the run: checkpoint, best weights, logs. A run that is there goes on.
    pictures : Path
        Folder of the decoded images; runs may share it.
    initial : mapping
        Numbers to start with; what is not among them is drawn.
    about : mapping
        Further facts for run.json: the manifest's checksum, versions, where from.
    tensorboard : bool
        Whether to write an event file beside log.csv.
    """

    spec: ModelSpec
    recipe: Recipe
    training: Sequence[Case]
    validation: Sequence[Case]
    folder: Path
    pictures: Path
    initial: Mapping[str, NDArray[np.float32]] = field(default_factory=dict)
    about: Mapping[str, Any] = field(default_factory=dict)
    tensorboard: bool = False


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a run gave: the best weights, and the figures of every epoch."""

    weights: Path
    best_epoch: int
    rows: tuple[dict[str, float], ...]

    @property
    def best(self) -> dict[str, float]:
        """The figures of the epoch whose weights these are."""
        return self.rows[self.best_epoch - 1]


def train(plan: Plan, read: Read, listener: Listener) -> Outcome:
    """Train, or go on with the run in ``plan.folder``.

    Raises
    ------
    WrongRecipe, UnreadableImages, AnotherRun, DamagedCheckpoint
        It cannot begin; every problem of a kind is told at once.
    LossNotFinite, OutOfMemory
        It cannot go on; the last checkpoint stays.
    """
    frozen_layers(plan.spec, plan.recipe.freeze)
    _check_cases(plan)
    store = PictureStore(plan.pictures, plan.spec, read)
    samples = Samples(store, plan.spec, plan.recipe)
    every = (*plan.training, *plan.validation)
    for done, _ in enumerate(store.fill(every, workers=plan.recipe.workers), start=1):
        listener.prepared(done, len(every))
    return _Run(plan, samples, listener).to_the_end()


def _check_cases(plan: Plan) -> None:
    if not plan.training or not plan.validation:
        raise TrainingError(
            f"{len(plan.training)} cases to train on and {len(plan.validation)} to validate with: "
            "there must be some of each"
        )
    if not any(case.is_malignant for case in plan.training):
        raise TrainingError("no training case has a malignant finding: there is nothing to learn")
    both = {case.patient for case in plan.training} & {case.patient for case in plan.validation}
    if both:
        raise TrainingError(
            f"{len(both)} patients are both in the training and in the validation cases"
        )


class _Run:
    def __init__(self, plan: Plan, samples: Samples, listener: Listener) -> None:
        self._plan = plan
        self._recipe = plan.recipe
        self._samples = samples
        self._listener = listener
        self._training = Training(samples, plan.training, plan.recipe)
        self._checkpoint = plan.folder / "checkpoint.npz"
        self._best = plan.folder / "best.h5"

    def to_the_end(self) -> Outcome:
        about = self._about()
        progress = Progress(Plateau(self._recipe.learning_rate))
        known = None
        if (self._plan.folder / "run.json").exists():
            records.check_same(self._plan.folder / "run.json", about)
            if self._checkpoint.exists():
                known = checkpoint.read(self._checkpoint)
                progress = known.progress
        records.write_json(self._plan.folder / "run.json", about)
        if progress.epoch < self._recipe.epochs:
            trainee = self._trainee(known)
            while progress.epoch < self._recipe.epochs:
                progress = self._one_epoch(trainee, progress)
        return Outcome(self._best, progress.best_epoch, progress.rows)

    def _about(self) -> dict[str, Any]:
        plan = self._plan
        return {
            "network": asdict(plan.spec),
            "recipe": plan.recipe.values(),
            "training_cases": len(plan.training),
            "training_sha256": records.cases_sha256(plan.training),
            "validation_cases": len(plan.validation),
            "validation_sha256": records.cases_sha256(plan.validation),
            "initial_sha256": records.tensors_sha256(plan.initial),
            **plan.about,
        }

    def _trainee(self, known: Checkpoint | None) -> Trainee:
        backend.load()
        # They import Keras, which takes seconds: only now, when all else is known to be good.
        from models.training import engine
        from models.training.trainee import Trainee

        if self._recipe.deterministic:
            engine.make_deterministic(self._recipe.seed)
        devices = engine.use_every_device(self._recipe.batch)
        plan = self._plan
        tensors = initial_tensors(plan.spec, plan.recipe, plan.initial)
        if known is None:
            return Trainee(plan.spec, plan.recipe, tensors, devices=devices)
        trainee = Trainee(plan.spec, plan.recipe, known.tensors, devices=devices)
        trainee.optimizer_state = known.optimizer
        return trainee

    def _one_epoch(self, trainee: Trainee, progress: Progress) -> Progress:
        began = time.monotonic()
        progress = self._steps(trainee, progress)
        return self._validated(trainee, progress, began)

    def _steps(self, trainee: Trainee, progress: Progress) -> Progress:
        from models.training.trainee import Losses

        recipe, steps = self._recipe, self._training.steps
        first, end = progress.epoch * steps + progress.step, (progress.epoch + 1) * steps
        batches = ahead(self._training.batch, range(first, end), workers=recipe.workers)
        for number, batch in zip(range(first, end), batches, strict=True):
            trainee.rate = rate_at(
                number, steps=recipe.epochs * steps, recipe=recipe, plateau=progress.plateau
            )
            losses = trainee.step(batch)
            if not math.isfinite(losses.loss):
                raise LossNotFinite(
                    f"the loss is {losses.loss} at step {number % steps + 1} of epoch "
                    f"{progress.epoch + 1}, with {', '.join(batch.names)}; the last checkpoint "
                    "stays as it is. A lower learning rate may help."
                )
            sums = tuple(total + loss for total, loss in zip(progress.sums, losses, strict=True))
            progress = replace(progress, step=progress.step + 1, sums=sums)
            mean = Losses(*(total / progress.step for total in sums))
            self._listener.stepped(progress.epoch + 1, progress.step, steps, mean)
            if recipe.checkpoint_steps and progress.step % recipe.checkpoint_steps == 0:
                self._keep(trainee, progress)
        return progress

    def _validated(self, trainee: Trainee, progress: Progress, began: float) -> Progress:
        from models.training.watch import validate

        try:
            found = validate(trainee, self._samples, self._plan.validation, self._recipe)
        except NotFinite as error:
            raise LossNotFinite(
                f"after epoch {progress.epoch + 1}: {error}; the last checkpoint stays as it is"
            ) from error
        mean = [total / progress.step for total in progress.sums]
        row = {
            "epoch": progress.epoch + 1,
            "rate": trainee.rate,
            **dict(zip(("loss", "focal", "smooth_l1"), mean, strict=True)),
            "validation_loss": found.losses.loss,
            "validation_focal": found.losses.focal,
            "validation_smooth_l1": found.losses.smooth_l1,
            "sensitivity": found.sensitivity,
            "threshold": found.threshold,
            "false_positives": found.false_positives,
            "seconds": round(time.monotonic() - began, 3),
        }
        best = found.losses.loss < progress.best_loss
        after = Progress(
            plateau=progress.plateau.after(mean[0], self._recipe),
            epoch=progress.epoch + 1,
            rows=(*progress.rows, row),
            best_epoch=progress.epoch + 1 if best else progress.best_epoch,
            best_loss=min(found.losses.loss, progress.best_loss),
        )
        if best:
            # Before the checkpoint that names it: a run killed in between writes it again.
            write_weights(self._best, self._plan.spec, trainee.tensors)
        self._keep(trainee, after)
        records.write_log(self._plan.folder / "log.csv", after.rows)
        if self._plan.tensorboard:
            events.write_events(self._plan.folder / events.FILE, after.rows)
        self._listener.validated(row, best=best)
        return after

    def _keep(self, trainee: Trainee, progress: Progress) -> None:
        now = Checkpoint(progress, trainee.tensors, trainee.optimizer_state)
        checkpoint.write(self._checkpoint, now)
