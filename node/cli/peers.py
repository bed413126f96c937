"""`mgnode echo` and `mgnode send`: this node as a peer of another."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from config.printable import printable
from config.sending import Destination
from config.settings import Settings
from node.cli.context import ConfigOption, JsonOption, load, print_json, screen
from node.cli.up import own_address
from node.errors import NodeError
from node.scu.batch import SentObject, find_objects, send_objects
from node.scu.outcome import Outcome
from node.scu.sender import echo

SELF = "self"
"""Stands for this node's own SCP where a destination is asked for."""

DestinationArgument = Annotated[
    str, typer.Argument(metavar="DEST", help="Name of a destination in the settings, or `self`.")
]


def echo_destination(
    dest: DestinationArgument = SELF, config: ConfigOption = None, *, as_json: JsonOption = False
) -> None:
    """Ask a destination for a C-ECHO; exit status 1 when it does not answer."""
    settings = load(config)
    destination = _destination(settings, dest)
    try:
        seconds = echo(destination, settings.scu)
    except NodeError as error:
        if as_json:
            print_json({"destination": dest, "answered": False, "error": str(error)})
        else:
            typer.echo(printable(f"{dest}: {error}"), err=True)
        raise typer.Exit(1) from None
    if as_json:
        print_json({"destination": dest, "answered": True, "seconds": round(seconds, 4)})
    else:
        typer.echo(f"{dest}: answered in {1000 * seconds:.1f} ms")


def send(
    paths: Annotated[list[Path], typer.Argument(metavar="DIR", help="Folders or files to send.")],
    to: Annotated[str, typer.Option(help="Name of a destination, or `self`.")] = SELF,
    config: ConfigOption = None,
    *,
    as_json: JsonOption = False,
) -> None:
    """Send DICOM files by C-STORE; exit status 1 unless every one was taken."""
    settings = load(config)
    destination = _destination(settings, to)
    found = find_objects(paths)
    columns = (TextColumn("sending"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=screen(stderr=True), transient=True) as progress:
        task = progress.add_task("send", total=len(found.objects))
        sent = send_objects(
            found.objects,
            destination,
            settings.scu,
            on_sent=lambda _answer: progress.advance(task),
        )
    taken = sum(answer.outcome is Outcome.DELIVERED for answer in sent)
    if as_json:
        print_json(
            {
                "destination": to,
                "sent": [_values(answer) for answer in sent],
                "skipped": [
                    {"path": str(skipped.path), "reason": skipped.reason}
                    for skipped in found.skipped
                ],
            }
        )
    else:
        for answer in sent:
            if answer.outcome is not Outcome.DELIVERED:
                typer.echo(printable(f"{answer.found.path}: {answer.detail}"), err=True)
        typer.echo(f"{taken} of {len(sent)} sent to {to}; {len(found.skipped)} files skipped")
    if taken < len(sent) or not sent:
        raise typer.Exit(1)


def _destination(settings: Settings, name: str) -> Destination:
    if name == SELF:
        return own_address(settings)
    if name not in settings.destinations:
        names = ", ".join([*settings.destinations, SELF])
        typer.echo(f"no destination {name}; there are: {names}", err=True)
        raise typer.Exit(2)
    return settings.destinations[name]


def _values(answer: SentObject) -> dict[str, Any]:
    return {
        "path": str(answer.found.path),
        "sop_instance_uid": answer.found.sop_instance_uid,
        "outcome": answer.outcome.value,
        "status": None if answer.status is None else f"0x{answer.status:04X}",
        "detail": answer.detail,
        "seconds": answer.seconds,
    }
