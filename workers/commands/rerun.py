"""`mgnode rerun`: a person has a study analysed again, by the node's model or another one."""

from __future__ import annotations

from typing import Annotated

import typer
from sqlalchemy import select

from config.settings import Settings
from models.registry.errors import RegistryError
from models.registry.folder import find
from node.cli.context import ConfigOption, JsonOption, load, opened_database, operator, print_json
from node.clock import utc_now
from node.db.rerun import rerun_study
from node.db.retention import removed_images
from node.db.tables import Study
from node.errors import NodeError, StopError
from node.store.paths import Layout
from workers.gpu import NEVER_FOR_REAL


class NothingToAnalyse(NodeError):
    """The study is not there, or no image of it is one to analyse."""


def rerun(
    study_instance_uid: Annotated[str, typer.Argument(help="Study Instance UID.")],
    config: ConfigOption = None,
    model: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="A name from `mgnode model list`; without it, the node's own model.",
        ),
    ] = None,
    *,
    as_json: JsonOption = False,
) -> None:
    """Have a study analysed again and reported anew, by another model if you like.

    Results of another model get series of their own beside the earlier ones. A result that
    comes out as it was is neither made nor sent a second time. Rejected images stay so.
    """
    settings = load(config)
    wanted = _wanted(settings, model)
    with opened_database(config) as database, database.begin() as session:
        study = session.scalar(select(Study).where(Study.study_instance_uid == study_instance_uid))
        if study is None:
            raise NothingToAnalyse(
                f"no study {study_instance_uid}; `mgnode studies list` names them"
            )
        if removed := removed_images(session, study.id):
            raise NothingToAnalyse(
                f"{removed} images of study {study_instance_uid} were removed by the retention "
                "policy: have them sent again, then re-run it"
            )
        images = rerun_study(session, study, model=wanted, at=utc_now(), actor=operator("rerun"))
        if not images:
            raise NothingToAnalyse(
                f"study {study_instance_uid} has no image to analyse: each one is rejected"
            )
    name = wanted or settings.detector.model
    if as_json:
        print_json({"study_instance_uid": study_instance_uid, "model": name, "images": images})
        return
    count = "1 image is" if images == 1 else f"{images} images are"
    typer.echo(
        f"{count} analysed again by {name}, then the study is reported anew; "
        "what comes out as it was is not sent again"
    )


def _wanted(settings: Settings, model: str | None) -> str:
    """Give what the study is to remember; the node's own model has the empty name.

    Raises
    ------
    StopError
        The model is not installed here, or may not answer; the text says what to do.
    """
    if model is None or model == settings.detector.model:
        return ""
    try:
        found = find(Layout(settings.storage.root).models, model)
    except RegistryError as error:
        raise StopError(f"--model: {error}") from error
    if found.spec.is_demonstration:
        raise StopError(NEVER_FOR_REAL.replace("detector.model", "--model", 1))
    return model
