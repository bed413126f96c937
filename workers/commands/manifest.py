"""`mgnode manifest`: lists of annotated images for training and evaluation."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from models.cases.case import Case
from models.cases.manifest import ManifestError, read_manifest, write_manifest
from node.cli.context import JsonOption, print_json, print_table, screen
from node.cli.tables import table
from workers.case_images import image_problems

Item = TypeVar("Item")

app = typer.Typer(no_args_is_help=True, help="Lists of annotated images (CSV).")


@app.command()
def check(
    manifest: Annotated[Path, typer.Argument(metavar="FILE", help="The manifest.")],
    *,
    images: Annotated[
        bool,
        typer.Option("--images", help="Read every image too, and find boxes that lie outside."),
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Count what a manifest names, or tell all that is wrong with it (exit status 1)."""
    cases: tuple[Case, ...] = ()
    problems: tuple[str, ...] = ()
    try:
        cases = read_manifest(manifest)
        problems = tuple(image_problems(_progress(cases, "reading images"))) if images else ()
    except ManifestError as error:
        problems = error.problems
    if problems:
        if as_json:
            print_json({"manifest": manifest, "problems": problems})
        else:
            typer.echo("\n".join([f"{manifest}:", *(f"  {text}" for text in problems)]), err=True)
        raise typer.Exit(1)
    counted = count(cases)
    if as_json:
        print_json({"manifest": manifest, "problems": [], **counted})
    else:
        print_counts(str(manifest), counted)


@app.command("cbis-ddsm")
def cbis_ddsm(
    folder: Annotated[
        Path, typer.Argument(help="The collection as downloaded, with its tables (CSV).")
    ],
    output: Annotated[Path, typer.Option(metavar="FILE", help="The manifest to write.")] = Path(
        "manifest.csv"
    ),
    *,
    merge_within: Annotated[
        float,
        typer.Option(
            min=0,
            metavar="PIXELS",
            help="Malignant findings of one film are one cancer when their boxes are no farther "
            "apart; 0: when they overlap or touch.",
        ),
    ] = 0.0,
    as_json: JsonOption = False,
) -> None:
    """Write a manifest of CBIS-DDSM; exit status 1 when a film was left out."""
    from workers.cbis_ddsm import Collection, Import

    messages = screen(stderr=True)
    with messages.status("Looking for tables and files"):
        collection = Collection(folder)
    result = Import(left_out=list(collection.problems))
    for film in _progress(sorted(collection.films), "reading masks"):
        collection.case(film, result, gap=merge_within)
    for what, lines in (("left out", result.left_out), ("note", result.notes)):
        for line in lines:
            typer.echo(f"{what}: {line}", err=True)
    if not result.cases:
        typer.echo("No film can be used: nothing was written.", err=True)
        raise typer.Exit(1)
    write_manifest(output, result.cases)
    counted = count(result.cases)
    if as_json:
        told = {"left_out": result.left_out, "notes": result.notes}
        print_json({"manifest": output, **told, **counted})
    else:
        print_counts(str(output), counted)
        typer.echo(f"{output} is written, {len(result.left_out)} left out.")
    raise typer.Exit(1 if result.left_out else 0)


def count(cases: Iterable[Case]) -> dict[str, Any]:
    """Count images, patients and findings, in all and by what is known of them."""
    cases = list(cases)
    findings = [finding for case in cases for finding in case.findings]
    cancers = [finding for case in cases for finding in case.malignant]
    return {
        "images": len(cases),
        "malignant_images": sum(case.is_malignant for case in cases),
        "patients": len({case.patient for case in cases}),
        "cancers": len(cancers),
        "benign_findings": len(findings) - len(cancers),
        "by": {
            "side": _counts(case.side for case in cases),
            "view": _counts(case.view for case in cases),
            "density": _counts(case.density for case in cases),
            "source": _counts(case.source for case in cases),
            "cancer": _counts(finding.kind for finding in cancers),
        },
    }


def print_counts(title: str, counted: dict[str, Any]) -> None:
    """Print what ``count`` gives as one table."""
    rows = [
        ["images", counted["images"], f"{counted['malignant_images']} malignant"],
        ["patients", counted["patients"], ""],
        ["cancers", counted["cancers"], _told(counted["by"]["cancer"])],
        ["benign findings", counted["benign_findings"], ""],
        *(
            [f"images by {name}", "", _told(counted["by"][name])]
            for name in ("side", "view", "density", "source")
        ),
    ]
    print_table(table(title, ["", "count", ""], rows))


def _progress(items: Sequence[Item], words: str) -> Iterator[Item]:
    columns = (TextColumn(words), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=screen(stderr=True), transient=True) as progress:
        yield from progress.track(items)


def _counts(values: Iterable[str]) -> dict[str, int]:
    return dict(sorted(Counter(value or "not known" for value in values).items()))


def _told(counts: dict[str, int]) -> str:
    return ", ".join(f"{number} {name}" for name, number in counts.items())
