"""`mgnode selftest`: show on this machine that nothing gets lost."""

from __future__ import annotations

import logging
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from config.log import configure
from config.settings import LogSettings
from node.cli.context import print_table, screen
from node.errors import StopError
from workers.selftest.bench import Bench
from workers.selftest.scratch_database import (
    PostgresqlScratch,
    ScratchDatabase,
    SqliteScratch,
)
from workers.selftest.shown import failures, markdown_table, screen_table
from workers.selftest.table import cells, try_cell

app = typer.Typer(no_args_is_help=True, help="Show on this machine that nothing gets lost.")


@app.callback()
def selftest() -> None:
    """Show on this machine that nothing gets lost."""


@app.command()
def faults(
    root: Annotated[
        Path | None,
        typer.Option(help="Empty folder with a short path; without it, one that is removed again."),
    ] = None,
    database_url: Annotated[
        str,
        typer.Option(
            envvar="MGNODE_SELFTEST_DATABASE_URL",
            help="postgresql+psycopg://..., of a role that may create databases; else SQLite.",
        ),
    ] = "",
    only: Annotated[
        str, typer.Option(help="One cell, STEP/FAULT, or one step, or one fault.")
    ] = "",
    *,
    markdown: Annotated[
        bool, typer.Option("--markdown", help="Print the table for a page.")
    ] = False,
) -> None:
    """Try every fault at every step of a scratch node, and check that nothing was lost.

    The node, its database, its broker and its peers are made for it; the detector alone is
    scripted. Exit status 1 when anything was lost, doubled, half-written or not told.
    """
    configure(LogSettings(level="error"), "selftest")
    # What the node says here of its troubles is what the test does to it.
    logging.disable(logging.CRITICAL)
    console = screen(stderr=True)
    results = []
    with scratch_folder(root) as folder:
        database = _database(folder, database_url)
        wanted = list(cells(database.kind, only))
        if not wanted:
            raise StopError(f"--only: no cell, step or fault is called {only}")
        with Bench(folder, database) as bench:
            for cell in wanted:
                console.print(f"{cell.name} ...")
                results.append(try_cell(bench, cell))
    if markdown:
        typer.echo(markdown_table({database.kind: results}))
    else:
        print_table(screen_table(results))
    logging.disable(logging.NOTSET)
    wrong = failures(results)
    for text in wrong:
        typer.echo(text, err=True)
    raise typer.Exit(1 if wrong else 0)


@contextmanager
def scratch_folder(root: Path | None) -> Iterator[Path]:
    """Give the folder for the test.

    Raises
    ------
    StopError
        It holds something, or lies in a node's own folder.
    """
    if root is None:
        folder = Path(tempfile.mkdtemp(prefix="mgnode-"))
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)
        return
    absolute = root.absolute()
    if absolute.exists() and (not absolute.is_dir() or any(absolute.iterdir())):
        raise StopError(f"--root: {root} is not an empty folder; the self-test needs one")
    for parent in absolute.parents:
        if (parent / "instances").is_dir() and (parent / "spool").is_dir():
            raise StopError(f"--root: {root} lies below {parent}, which belongs to a node")
    absolute.mkdir(parents=True, exist_ok=True)
    yield absolute


def _database(folder: Path, url: str) -> ScratchDatabase:
    if url:
        return PostgresqlScratch(url)
    return SqliteScratch(folder / "scratch.sqlite3", folder / "kept-rows")
