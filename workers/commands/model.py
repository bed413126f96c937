"""`mgnode model`: which models are here, and getting, proving and removing them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

from config.fields import model_name
from config.settings import Settings
from models.errors import ModelError
from models.registry import published
from models.registry.cards import CARDS, Card, check_card, imported_card, variant
from models.registry.errors import NoNetwork, RegistryError
from models.registry.fetch import MANUAL_STEPS, fetch
from models.registry.folder import find, register, remove
from models.registry.record import Registered
from models.registry.verify import PictureMissing, Subject, judge_weights, verify
from models.spec import SPECS, ModelSpec
from node.cli.context import ConfigOption, JsonOption, load, print_json, print_table, screen
from node.cli.tables import table
from node.clock import utc_now
from node.errors import StopError
from node.store.paths import Layout
from workers.commands.model_facts import card_rows, fact_rows, listed, values_of

app = typer.Typer(no_args_is_help=True, help="Detectors: what is here, and getting more.")

Name = Annotated[str, typer.Argument(metavar="NAME", help="As `mgnode model list` names it.")]
ImageOption = Annotated[
    Path | None,
    typer.Option("--image", metavar="FILE", help="The published test picture, JPEG or PNG."),
]


@app.command("list")
def list_models(config: ConfigOption = None, *, as_json: JsonOption = False) -> None:
    """List the models that are here, and those that can be had."""
    settings = load(config)
    rows = listed(settings)
    if as_json:
        print_json(rows)
        return
    columns = ["name", "state", "version", "threshold", "boxes", "title"]
    keys = ["name", "state", "version", "score_threshold", "max_boxes", "title"]
    print_table(table("Models", columns, [[row[key] for key in keys] for row in rows]))


@app.command()
def info(name: Name, config: ConfigOption = None, *, as_json: JsonOption = False) -> None:
    """Show everything that is known of a model, and its card."""
    settings = load(config)
    with _told():
        values = values_of(settings, name)
    if as_json:
        print_json(values)
        return
    print_table(table(f"Model {name}", ["fact", "value"], fact_rows(values)))
    print_table(table("Model card", ["part", "what it says"], card_rows(values["card"])))


@app.command("fetch")
def fetch_model(
    name: Annotated[str, typer.Argument(metavar="NAME", help="ueda2022.")] = published.MODEL,
    config: ConfigOption = None,
    url: Annotated[str, typer.Option(help="Where the weights file lies.")] = published.WEIGHTS_URL,
    picture_url: Annotated[
        str, typer.Option(help="Where the test picture lies.")
    ] = published.PICTURE_URL,
    *,
    as_json: JsonOption = False,
) -> None:
    """Download the published weights, prove them by the test picture and register them.

    A download that broke off goes on where it ended when the command is run again.
    """
    root = _root(load(config))
    if name != published.MODEL:
        raise StopError(
            f"only {published.MODEL} can be downloaded; `mgnode model import FILE --name {name}` "
            "takes a file that you have"
        )
    with _told():
        if (there := _installed(root, name)) is not None:
            _tell(there, f"{name} is here already, version {there.version}", as_json=as_json)
            return
        with _progress("downloading") as bar:
            task = bar.add_task("", total=None)
            found = fetch(
                root,
                url=url,
                picture_url=picture_url,
                now=utc_now(),
                progress=lambda done, size: bar.update(task, completed=done, total=size),
            )
    proof = (
        f"{name} is the published model: {found.verdict.text}"
        if found.verdict is not None
        else f"{name} is registered and NOT proved: {found.unproved_because}; "
        f"`mgnode model verify {name} --image FILE` proves it"
    )
    _tell(found.model, proof, as_json=as_json)


@app.command("import")
def import_model(
    file: Annotated[Path, typer.Argument(help="HDF5 weights, in any of the four forms.")],
    config: ConfigOption = None,
    model: Annotated[
        str, typer.Option(metavar="NAME", help="Model whose network the weights are for.")
    ] = published.MODEL,
    name: Annotated[
        str | None, typer.Option(help="Name of its own; without it, that of --model.")
    ] = None,
    card: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Model card, JSON: intended_use, training_data, figures, limits.",
        ),
    ] = None,
    image: ImageOption = None,
    *,
    as_json: JsonOption = False,
) -> None:
    """Register weights from a file, after they were loaded and have answered."""
    root = _root(load(config))
    with _told():
        base = SPECS[model] if model in SPECS else find(root, model).spec
        spec = base if name in (None, base.name) else variant(base, model_name(name or ""))
        about = _card(card, spec, base)
        if image is not None and spec.name == published.MODEL:
            verdict = judge_weights(spec, file, image)
            if not verdict.passed:
                raise RegistryError(f"{file} is not the published model: shows {verdict.text}")
        with _progress("copying") as bar:
            task = bar.add_task("", total=file.stat().st_size if file.is_file() else None)
            found = register(
                root,
                spec,
                file,
                about,
                now=utc_now(),
                picture=image if spec.name == published.MODEL else None,
                progress=lambda piece: bar.update(task, advance=piece),
            )
    text = f"{found.name} is registered, version {found.version} ({found.form})"
    if found.name == published.MODEL and image is None:
        text += f"; `mgnode model verify {found.name} --image FILE` proves it"
    _tell(found, text, as_json=as_json)


@app.command("verify")
def verify_model(
    what: Annotated[str, typer.Argument(metavar="NAME|FILE", help="A model, or a weights file.")],
    config: ConfigOption = None,
    image: ImageOption = None,
    model: Annotated[
        str, typer.Option(metavar="NAME", help="What a FILE should be.")
    ] = published.MODEL,
    *,
    as_json: JsonOption = False,
) -> None:
    """Say in one line whether a model is what it should be; exit status 1 when it is not.

    The published model must give the published answer to the published test picture; any
    other one the bytes and the answers of the day on which it was registered.
    """
    root = _root(load(config))
    with _told():
        subject = _subject(root, what, model)
        verdict = verify(subject, image or _kept_picture(root))
    if as_json:
        print_json({"model": subject.spec.name, "weights": subject.weights, **verdict._asdict()})
    else:
        typer.echo(verdict.text)
    if not verdict.passed:
        raise typer.Exit(1)


@app.command("remove")
def remove_model(
    name: Name,
    config: ConfigOption = None,
    *,
    force: Annotated[
        bool, typer.Option("--force", help="Remove it although detector.model names it.")
    ] = False,
) -> None:
    """Delete a model and its files."""
    settings = load(config)
    if name == settings.detector.model and settings.detector.weights is None and not force:
        raise StopError(
            f"detector.model names {name}: no worker would start without it; --force removes it"
        )
    with _told():
        remove(_root(settings), name)
    typer.echo(f"{name} is removed")


def _root(settings: Settings) -> Path:
    return Layout(settings.storage.root).models


def _installed(root: Path, name: str) -> Registered | None:
    return find(root, name) if (root / name).is_dir() else None


def _subject(root: Path, what: str, model: str) -> Subject:
    """Take the argument for a registered model when there is one, else for a file."""
    path = Path(what)
    if not path.is_file():
        found = find(root, what)
        return Subject(found.spec, found.weights, found)
    spec = SPECS[model] if model in SPECS else find(root, model).spec
    return Subject(spec, path)


def _kept_picture(root: Path) -> Path | None:
    """Give the test picture that was downloaded with the published weights."""
    there = _installed(root, published.MODEL)
    return there.test_picture if there is not None and there.test_picture.is_file() else None


def _card(path: Path | None, spec: ModelSpec, base: ModelSpec) -> Card:
    if path is None:
        return CARDS[spec.name] if spec.name in CARDS else imported_card(base.name)
    try:
        card = json.loads(path.read_text(encoding="utf-8"))
        check_card(card)
    except (ValueError, AttributeError) as error:
        raise RegistryError(f"{path} is no model card: {error}") from error
    return dict(card)


def _tell(model: Registered, text: str, *, as_json: bool) -> None:
    if as_json:
        print_json(
            {"name": model.name, "version": model.version, "sha256": model.sha256, "text": text}
        )
    else:
        typer.echo(text)


def _progress(what: str) -> Progress:
    return Progress(
        TextColumn(what),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        console=screen(stderr=True),
        transient=True,
    )


@contextmanager
def _told() -> Iterator[None]:
    """Say what is wrong without a traceback; exit status 1, or 2 when something is missing."""
    try:
        yield
    except ModuleNotFoundError as error:
        raise StopError(
            f"models need the package {error.name}: install mgnode[cpu] or mgnode[gpu]"
        ) from error
    except PictureMissing as error:
        raise StopError(str(error)) from error
    except NoNetwork as error:
        _fail(f"{error}. {MANUAL_STEPS}", error)
    except (ModelError, ValueError) as error:
        _fail(str(error), error)
    except OSError as error:
        _fail(f"{error.filename or ''}: {error.strerror or error}".lstrip(": "), error)


def _fail(text: str, error: Exception) -> Any:
    typer.echo(f"mgnode: {text}", err=True)
    raise typer.Exit(1) from error
