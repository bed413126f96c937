"""`python -m benchmarks.soak`: half an hour of load and faults, or a number of kills."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from benchmarks.soak import faults
from benchmarks.soak.page import as_json, as_page
from benchmarks.soak.run import Soak, run

app = typer.Typer(add_completion=False)


@app.command()
def main(
    images: Annotated[int, typer.Option(min=1, help="Images to send.")] = 10_000,
    minutes: Annotated[float, typer.Option(min=0.1, help="Time over which they are sent.")] = 32.0,
    seed: Annotated[int, typer.Option(help="Another seed is another run.")] = 1,
    kills: Annotated[int, typer.Option(min=0, help="Nothing but so many kill -9.")] = 0,
    every: Annotated[float, typer.Option(help="Seconds from one fault to the next.")] = 12.0,
    servers: Annotated[bool, typer.Option(help="PostgreSQL and Redis.")] = False,
    output: Annotated[Path, typer.Option(help="Folder of figures, page and log.")] = Path(
        ".cache/soak"
    ),
) -> None:
    """Run a whole node under load and faults, and account for everything."""
    console = Console()
    plan = (
        faults.kills(seed, kills, every=every)
        if kills
        else faults.plan(seed, 60 * minutes, every=every)
    )
    outcome = run(
        Soak(
            images=images,
            rate=images / (60 * minutes),
            seed=seed,
            plan=tuple(plan),
            servers=servers,
            # A process that the supervisor lets wait for half a minute cannot be killed.
            longest_pause_seconds=2.0 if kills else None,
        ),
        say=console.print,
    )
    output.mkdir(parents=True, exist_ok=True)
    (output / "node.log").write_bytes(outcome.log_file)
    found = as_json(outcome)
    (output / "soak.json").write_text(json.dumps(found, indent=1), encoding="utf-8")
    (output / "soak.md").write_text(as_page(found), encoding="utf-8")
    console.print(as_page(found), markup=False, soft_wrap=True)
    raise typer.Exit(1 if found["problems"] else 0)


if __name__ == "__main__":
    app()
