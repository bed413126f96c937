"""Steps of a re-run: another model, a person's wish, and the workers until the report."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from sqlalchemy import select

from models.spec import SPECS
from node.db.rerun import rerun_study
from node.db.tables import Analysis, Study
from tests.working_node import ScriptedDetector, WorkingNode


def scripted(name: str, **fields: Any) -> ScriptedDetector:
    """Make a model of this name; it finds what the node's own finds."""
    spec = replace(SPECS["reference"], name=name, title=f"Model {name}", is_reference=False)
    return ScriptedDetector(spec=spec, version=f"1+{name}", **fields)


def rerun(node: WorkingNode, study_instance_uid: str, model: str = "") -> int:
    """Do as `mgnode rerun` does; give how many images are queued."""
    node.clock.pass_(seconds=1)
    with node.database.begin() as session:
        query = select(Study).where(Study.study_instance_uid == study_instance_uid)
        study = session.scalars(query).one()
        return rerun_study(session, study, model=model, at=node.clock(), actor="a person")


def looked(node: WorkingNode) -> list[tuple[int, str]]:
    """Every analysis so far: which image, which model."""
    query = select(Analysis.instance_id, Analysis.model_name).order_by(Analysis.id)
    with node.database.read() as session:
        return [(row.instance_id, row.model_name) for row in session.execute(query)]


def conclude(node: WorkingNode, study_instance_uid: str, *rows: int) -> None:
    """Let the workers do everything that is due."""
    node.sweep()
    node.analyse(*rows)
    node.clock.pass_(seconds=node.runtime.settings.study.quiet_seconds)
    node.sweep()
    node.report(node.study(study_instance_uid).id)
