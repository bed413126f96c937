"""`mgnode conformance`: the DICOM conformance statement of this installation."""

from __future__ import annotations

import typer

from node.cli.context import ConfigOption, load
from node.conformance.statement import conformance_statement


def conformance(config: ConfigOption = None) -> None:
    """Print the DICOM conformance statement (PS3.2) of the settings in force, in Markdown.

    `docs/conformance.md` is that of the default settings.
    """
    typer.echo(conformance_statement(load(config)), nl=False)
