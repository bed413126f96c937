"""`mgnode tls check` and `mgnode dev-certs`: certificates, looked at and made for trials."""

from __future__ import annotations

import socket
from dataclasses import asdict
from datetime import timedelta
from pathlib import Path
from typing import Annotated

import typer

from config.printable import printable
from config.sending import Destination
from config.settings import Settings
from config.tls import DestinationTls
from node.cli.context import ConfigOption, JsonOption, load, print_json, print_table
from node.cli.tables import table
from node.cli.tls_peers import check_peer
from node.clock import utc_now
from node.tls.check import Finding, Verdict, check_destination, check_scp
from node.tls.trial import KeyKind, trial_files, trial_settings

app = typer.Typer(no_args_is_help=True, help="DICOM over TLS.")

_COLUMNS = ("what", "verdict", "found", "what to do")


@app.command("check")
def check(
    peer: Annotated[
        str,
        typer.Argument(
            metavar="[DESTINATION | HOST:PORT]",
            help="A destination of the settings, or any peer; without it, all of the settings.",
        ),
    ] = "",
    config: ConfigOption = None,
    *,
    scp: Annotated[bool, typer.Option("--scp", help="Only our own SCP's files.")] = False,
    ca: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Authorities (PEM) to believe at HOST:PORT."),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Look at our certificates and keys, and at what peers offer; exit status 1 on a problem.

    Files: key and certificate go together, the key is private, the chain, the dates, the names.
    A peer is asked for each version of TLS, and its certificate is verified as the node does it;
    no association is opened.
    """
    settings = load(config)
    findings = _findings(settings, peer, scp=scp, ca=ca)
    if as_json:
        print_json([asdict(finding) for finding in findings])
    elif findings:
        rows = [(f.subject, f.verdict, f.found, f.advice) for f in findings]
        print_table(table("", _COLUMNS, rows))
    else:
        typer.echo("nothing speaks TLS: see scp.tls and destinations.NAME.tls in the settings")
    if any(finding.verdict is Verdict.PROBLEM for finding in findings):
        raise typer.Exit(1)


def _findings(settings: Settings, peer: str, *, scp: bool, ca: Path | None) -> list[Finding]:
    now = utc_now()
    if scp and peer:
        typer.echo("give a peer or --scp, not both", err=True)
        raise typer.Exit(2)
    if peer in settings.destinations:
        return _check_destination(settings, peer)
    if peer:
        return check_peer(peer, _at(peer, ca), settings.scu.connection_timeout_seconds, now)
    findings = check_scp(settings.scp, now) if settings.scp.tls.is_on else []
    if not scp:
        for name, destination in settings.destinations.items():
            if destination.tls.enabled:
                findings += _check_destination(settings, name)
    elif not findings:
        typer.echo('scp.tls.mode is "off"', err=True)
    return findings


def _check_destination(settings: Settings, name: str) -> list[Finding]:
    now, destination = utc_now(), settings.destinations[name]
    found = check_destination(name, destination, now) if destination.tls.enabled else []
    if any(finding.verdict is Verdict.PROBLEM for finding in found):
        return found
    seconds = settings.scu.connection_timeout_seconds
    return [*found, *check_peer(name, destination, seconds, now)]


def _at(peer: str, ca: Path | None) -> Destination:
    host, separator, port = peer.rpartition(":")
    if not separator or not port.isdecimal() or not 0 < int(port) < 1 << 16 or not host:
        typer.echo(
            f"{printable(peer)} is no destination of the settings and no HOST:PORT", err=True
        )
        raise typer.Exit(2)
    return Destination(
        ae_title="ANY",
        host=host.strip("[]"),
        port=int(port),
        tls=DestinationTls(enabled=ca is not None, ca=ca),
    )


def dev_certs(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="Where to write; made anew.")],
    host: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="Host name or address of the server; may be repeated."),
    ] = None,
    days: Annotated[int, typer.Option(min=1, max=825, help="Days of validity.")] = 90,
    *,
    rsa: Annotated[
        bool, typer.Option("--rsa", help="RSA 3072 instead of ECDSA P-256, for old peers.")
    ] = False,
) -> None:
    """Make an authority, a server's and a client's certificate FOR TRIALS, never for patients.

    The authority's key is not kept: it can issue nothing more.
    """
    hosts = host or ["localhost", "127.0.0.1", "::1", socket.gethostname()]
    kind: KeyKind = "rsa" if rsa else "ec"
    now = utc_now()
    files = trial_files(hosts, now, now + timedelta(days=days), kind)
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for name, content in files.items():
            path = folder / name
            path.touch(mode=0o600, exist_ok=False)
            path.write_bytes(content)
    except FileExistsError as error:
        typer.echo(f"{error.filename} exists; nothing is replaced: give another folder", err=True)
        raise typer.Exit(1) from None
    except OSError as error:
        typer.echo(f"{folder}: {error.strerror}", err=True)
        raise typer.Exit(1) from None
    typer.echo(trial_settings(folder.absolute(), hosts[0]))
