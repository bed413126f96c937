"""`mgnode destination`: who receives results, and whether they would take them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

import typer

from config.printable import printable
from config.profiles import Profile
from config.sending import Destination
from config.settings import Settings
from node.cli.context import ConfigOption, JsonOption, load, print_json, print_table
from node.cli.tables import table
from node.dicom.offers import class_name, is_silent_without_a_box
from node.errors import NodeError
from node.scu.negotiation import Verdict, syntax_name, try_out
from node.scu.sender import echo

app = typer.Typer(no_args_is_help=True, help="Destinations of results.")

NameArgument = Annotated[
    str, typer.Argument(metavar="NAME", help="Name of a destination in the settings.")
]


@app.command("list")
def list_destinations(config: ConfigOption = None, *, as_json: JsonOption = False) -> None:
    """List the destinations with what their profiles send them."""
    settings = load(config)
    rows = [_listed(settings, name) for name in settings.destinations]
    if as_json:
        print_json(rows)
        return
    if not rows:
        typer.echo("no destination: results stay on this node; see [destinations] in the settings")
        return
    columns = [
        "name",
        "AE title",
        "address",
        "studies from",
        "profile",
        "objects",
        "of studies",
        "confirmed by",
    ]
    cells = [
        [
            row["name"],
            row["ae_title"],
            f"{row['host']}:{row['port']}" + (" (TLS)" if row["tls"]["enabled"] else ""),
            ", ".join(row["studies_from"]),
            row["profile"],
            ", ".join(row["objects"]),
            row["studies"].replace("_", " "),
            row["confirm"],
        ]
        for row in rows
    ]
    print_table(table("Destinations", columns, cells))


@app.command("test")
def ask(name: NameArgument, config: ConfigOption = None, *, as_json: JsonOption = False) -> None:
    """Ask a destination, storing nothing, for everything that its profile can send.

    A C-ECHO, then one association that negotiates each SOP class in each transfer syntax.
    Exit status 1 when something that the profile wants cannot be sent.
    """
    settings = load(config)
    if name not in settings.destinations:
        known = ", ".join(settings.destinations) or "none"
        typer.echo(f"no destination {name}; there are: {known}", err=True)
        raise typer.Exit(2)
    trial = _try(settings, settings.destinations[name], settings.profile_of(name))
    if as_json:
        print_json(_values(name, trial))
    else:
        _print(name, trial)
    if not trial.is_good:
        raise typer.Exit(1)


@dataclass(frozen=True, slots=True)
class _Trial:
    """What came of it; ``error`` says why there are no verdicts, ``""`` when there are."""

    destination: Destination
    profile: Profile
    echo_seconds: float | None
    echo_error: str
    verdicts: tuple[Verdict, ...]
    error: str

    @property
    def is_good(self) -> bool:
        return not self.error and not any(verdict.problem for verdict in self.verdicts)


def _try(settings: Settings, destination: Destination, profile: Profile) -> _Trial:
    echo_seconds, echo_error = None, ""
    try:
        echo_seconds = echo(destination, settings.scu)
    except NodeError as failure:
        # There are archives that refuse C-ECHO and store: the negotiation is asked all the same.
        echo_error = str(failure)
    verdicts: tuple[Verdict, ...] = ()
    error = ""
    try:
        verdicts = try_out(destination, settings.scu, profile)
    except NodeError as failure:
        error = str(failure)
    return _Trial(destination, profile, echo_seconds, echo_error, verdicts, error)


def _print(name: str, trial: _Trial) -> None:
    peer = trial.destination
    typer.echo(
        f"{name}: {peer.ae_title} at {peer.host}:{peer.port}, profile {peer.profile}; "
        "nothing is stored there"
    )
    if trial.echo_seconds is None:
        typer.echo(printable(f"C-ECHO: {trial.echo_error}"), err=True)
    else:
        typer.echo(f"C-ECHO: answered in {1000 * trial.echo_seconds:.1f} ms")
    if trial.error:
        typer.echo(printable(f"negotiation: {trial.error}"), err=True)
        return
    columns = ["object", "SOP class", "series", "for", "accepted", "refused", "goes in"]
    print_table(table("", columns, [_cells(verdict) for verdict in trial.verdicts]))
    for verdict in trial.verdicts:
        if verdict.note:
            typer.echo(f"{verdict.name}: {verdict.note}")
        if verdict.problem:
            typer.echo(f"{verdict.name}: NOT POSSIBLE: {verdict.problem}", err=True)
    if is_silent_without_a_box(trial.profile):
        typer.echo(f"{name} gets nothing for a study without a box, nor for one not analysed")
    if trial.is_good:
        typer.echo(f"{name} takes everything that its profile wants")


def _cells(verdict: Verdict) -> list[str]:
    offer = verdict.offer
    goes_in = syntax_name(verdict.goes_in) if verdict.goes_in else "not possible"
    if offer is None and verdict.goes_in:
        goes_in = "available"
    return [
        verdict.name,
        class_name(verdict.sop_class_uid),
        "" if offer is None else f"{offer.series_number} {offer.series_description}",
        "" if offer is None else offer.made_for,
        ", ".join(map(syntax_name, verdict.accepted)),
        ", ".join(map(syntax_name, verdict.refused)),
        goes_in,
    ]


def _listed(settings: Settings, name: str) -> dict[str, Any]:
    destination, profile = settings.destinations[name], settings.profile_of(name)
    senders = [ae for ae, names in settings.routes.items() if name in names]
    return {
        "name": name,
        **destination.model_dump(mode="json"),
        "studies_from": [*senders, "every other" if settings.routes else "every sender"],
        "objects": list(profile.objects),
        "studies": profile.studies,
    }


def _values(name: str, trial: _Trial) -> dict[str, Any]:
    return {
        "destination": name,
        **trial.destination.model_dump(mode="json"),
        "echo": {"seconds": trial.echo_seconds, "error": trial.echo_error},
        "error": trial.error,
        "good": trial.is_good,
        "silent_without_a_box": is_silent_without_a_box(trial.profile),
        "verdicts": [_verdict(verdict) for verdict in trial.verdicts],
    }


def _verdict(verdict: Verdict) -> dict[str, Any]:
    offer = verdict.offer
    return {
        "name": verdict.name,
        "kind": "service" if offer is None else "object",
        "sop_class_uid": verdict.sop_class_uid,
        "sop_class": class_name(verdict.sop_class_uid),
        "series_number": None if offer is None else offer.series_number,
        "series_description": None if offer is None else offer.series_description,
        "made_for": None if offer is None else offer.made_for,
        "accepted": list(verdict.accepted),
        "refused": list(verdict.refused),
        "goes_in": verdict.goes_in,
        "problem": verdict.problem,
        "note": verdict.note,
    }
