"""`mgnode train`: a detector of one's own, by the published recipe or by another."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Annotated, Any, Self

import typer
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
)

from config.fields import model_name
from config.log import configure
from models.cases.folds import PUBLISHED_FOLDS, Fold
from models.cases.manifest import read_manifest
from models.errors import ModelError
from models.registry.folder import names, register
from models.registry.record import Registered, read_record
from models.training.recipe import Recipe
from models.weights import sha256_of
from node.cli.context import ConfigOption, JsonOption, load, print_json, screen
from node.clock import utc_now
from node.errors import StopError
from node.store.paths import Layout
from workers.training import NOTHING, Start, about, card, read, split, start_from, trained_spec

if TYPE_CHECKING:
    from models.training.run import Outcome
    from models.training.trainee import Losses


def train(
    manifest: Annotated[Path, typer.Argument(help="CSV of annotated images.")],
    name: Annotated[str, typer.Option(help="Under which the result is registered.")],
    config: ConfigOption = None,
    start: Annotated[
        str,
        typer.Option(
            "--from",
            metavar="MODEL|FILE|none",
            help="A model, or HDF5 weights of a whole network or of its backbone, to start with.",
        ),
    ] = NOTHING,
    network: Annotated[
        str | None,
        typer.Option(
            metavar="MODEL",
            help="Whose architecture to train; without it, that of --from, else ueda2022.",
        ),
    ] = None,
    validation: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Manifest of the validation cases, instead of a fold."),
    ] = None,
    folds: Annotated[
        int, typer.Option(min=2, help="Parts of the cases, split by patient.")
    ] = PUBLISHED_FOLDS,
    fold: Annotated[int, typer.Option(min=1, help="The part to validate with.")] = 1,
    every_fold: Annotated[
        bool,
        typer.Option("--every-fold", help="Train one model for each fold: NAME-1, NAME-2, ..."),
    ] = False,
    recipe: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Settings of the recipe (TOML).")
    ] = None,
    setting: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="NAME=VALUE", help="One setting of the recipe; repeatable."),
    ] = None,
    folder: Annotated[
        Path, typer.Option(help="For the runs: checkpoints and logs. A run that is there goes on.")
    ] = Path("mgnode-training"),
    *,
    tensorboard: Annotated[
        bool, typer.Option("--tensorboard", help="Write an event file beside log.csv.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Train a detector on annotated images and register it; docs/training.md has the settings.

    Without settings, exactly as the published network was trained. Run the same command
    again after an interruption: it goes on at the last checkpoint, to the same result.
    """
    settings = load(config)
    configure(settings.log, "train")
    layout = Layout(settings.storage.root)
    try:
        model_name(f"{name}-{folds}" if every_fold else name)
    except ValueError as error:
        raise StopError(f"--name: {error}") from error
    with _told():
        chosen = Recipe.of(_values(recipe, setting or []))
        cases = read_manifest(manifest)
        others = None if validation is None else read_manifest(validation)
        turns = split(cases, others, count=folds, seed=chosen.seed)
        if every_fold:
            parts = {f"{name}-{number}": turn for number, turn in enumerate(turns, start=1)}
        elif others is None and fold > len(turns):
            raise StopError(f"--fold: there are {len(turns)}, not {fold}")
        else:
            parts = {name: turns[0 if others is not None else fold - 1]}
        layout.create()
        for part in parts:
            _check_free(layout.models, part, folder / part)
        results = [
            _one(
                Part(manifest, turn, folder, part, chosen, tensorboard),
                start_from(layout.models, start, network=network, name=part),
                layout.models,
            )
            for part, turn in parts.items()
        ]
    if as_json:
        print_json([values for values, _ in results])
        return
    for _, text in results:
        typer.echo(text)


@dataclass(frozen=True, slots=True)
class Part:
    """One model to train: of a cross-validation, or the only one."""

    manifest: Path
    fold: Fold
    folder: Path
    name: str
    recipe: Recipe
    tensorboard: bool


def _one(part: Part, start: Start, root: Path) -> tuple[dict[str, Any], str]:
    # OpenCV loads slowly, and the other commands do without it.
    from models.training import run

    facts = about(part.manifest, start)
    plan = run.Plan(
        spec=start.spec,
        recipe=part.recipe,
        training=part.fold.training,
        validation=part.fold.validation,
        folder=part.folder / part.name,
        pictures=part.folder / "pictures",
        initial=start.tensors,
        about=facts,
        tensorboard=part.tensorboard,
    )
    with Bars(part.name, screen(stderr=True)) as bars:
        outcome = run.train(plan, read, bars)
    model = register(
        root,
        trained_spec(start.spec, outcome),
        outcome.weights,
        card(part.fold, part.recipe, outcome, facts),
        now=utc_now(),
        source=f"mgnode train, {plan.folder}",
    )
    return _values_of(model, outcome), _words(model, outcome, plan.folder)


def _values_of(model: Registered, outcome: Outcome) -> dict[str, Any]:
    return {
        "name": model.name,
        "version": model.version,
        "weights_sha256": model.sha256,
        "score_threshold": model.spec.score_threshold,
        "best_epoch": outcome.best_epoch,
        **{key: outcome.best[key] for key in ("validation_loss", "sensitivity", "false_positives")},
    }


def _words(model: Registered, outcome: Outcome, folder: Path) -> str:
    return (
        f"{model.name} is registered, version {model.version}: the weights of epoch "
        f"{outcome.best_epoch}, validation loss {outcome.best['validation_loss']:.4f}. Its run is "
        f"in {folder}. Not for diagnosis."
    )


def _values(recipe: Path | None, settings: list[str]) -> dict[str, object]:
    """Read the recipe's settings: of the file, and those given one by one over them."""
    values: dict[str, object] = {}
    if recipe is not None:
        try:
            values = tomllib.loads(recipe.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise StopError(f"{recipe} cannot be read: {error}") from error
    for setting in settings:
        key, equals, value = setting.partition("=")
        if not equals:
            raise StopError(f"--set {setting}: write it as NAME=VALUE")
        values[key.strip()] = value.strip()
    return values


def _check_free(root: Path, name: str, folder: Path) -> None:
    """Refuse a name that stands for another model, before anything is trained for it."""
    best = folder / "best.h5"
    if name not in names(root):
        return
    if best.is_file() and read_record(root / name).sha256 == sha256_of(best):
        return
    raise StopError(
        f"--name: {name} is registered with other weights; `mgnode model remove {name}` or take "
        "another name"
    )


class Bars:
    """Progress of one run on the screen."""

    def __init__(self, name: str, console: Console) -> None:
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            TextColumn("{task.fields[losses]}"),
        )
        self._name = name
        self._console = console
        self._bars = Progress(*columns, console=console, transient=True)
        self._tasks: dict[str, TaskID] = {}

    def __enter__(self) -> Self:
        self._bars.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._bars.stop()

    def prepared(self, done: int, total: int) -> None:
        """Show how many images are decoded."""
        self._show("reading the images", done, total)

    def stepped(self, epoch: int, step: int, steps: int, losses: Losses) -> None:
        """Show how far the epoch is, and its mean loss."""
        self._show(f"{self._name}, epoch {epoch}", step, steps, f"loss {losses.loss:.4f}")

    def validated(self, row: Mapping[str, float], *, best: bool) -> None:
        """Leave a line for each epoch."""
        self._console.print(
            f"{self._name}, epoch {row['epoch']:.0f}: loss {row['loss']:.4f}, validation "
            f"{row['validation_loss']:.4f}{' (best)' if best else ''}, sensitivity "
            f"{row['sensitivity']:.3f} at {row['false_positives']:.2f} false boxes an image, "
            f"rate {row['rate']:.1e}",
            highlight=False,
        )

    def _show(self, description: str, done: int, total: int, losses: str = "") -> None:
        if description not in self._tasks:
            for task in self._tasks.values():
                self._bars.update(task, visible=False)
            self._tasks[description] = self._bars.add_task(description, total=total, losses="")
        self._bars.update(self._tasks[description], completed=done, losses=losses)


@contextmanager
def _told() -> Iterator[None]:
    """Tell what is wrong with what was given, without a traceback."""
    try:
        yield
    except ModuleNotFoundError as error:
        raise StopError(
            f"training needs the package {error.name}: install mgnode[cpu] or mgnode[gpu]"
        ) from error
    except ModelError as error:
        raise StopError(str(error)) from error
    except OSError as error:
        raise StopError(f"{error.filename}: {error.strerror}") from error
