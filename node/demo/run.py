"""The demo from end to end: a study in, results back, and the proof of both."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Final
from uuid import UUID, uuid4

from pydicom import dcmread
from pydicom.uid import (
    ComprehensiveSRStorage,
    MammographyCADSRStorage,
    SecondaryCaptureImageStorage,
)
from rich.console import Console

from config.detecting import DetectorSettings
from node.db import audit
from node.db.audit_verification import Verification
from node.db.tables import AuditEvent
from node.demo.checks import Check, check_results
from node.demo.films import CREDIT, film_paths, write_film_study
from node.demo.insertion import Insertion, insert_lesion
from node.demo.pacs import ReceivedObject, ReceivingPacs
from node.demo.pictures import Pictures, write_pictures
from node.demo.received import reported_boxes
from node.demo.rows import StudyRows, read_audit, read_study
from node.demo.setup import demo_settings, describe_weights, fresh_folder
from node.demo.sighting import Sighting, check_lesion, false_boxes, look_for
from node.demo.tables import audit_table, check_table, image_table, result_table
from node.demo.verdict import check_run
from node.demo.watch import StartNode, send_and_wait
from node.scu.batch import SentObject

_REPORTS: Final = {"cad_sr": "CAD SR", "measurement_report": "SR"}
"""What the screen calls a result of the whole study."""


@dataclass(frozen=True, slots=True)
class Summary:
    """The demo's outcome, as in ``summary.json``.

    ``start_seconds`` until the node answered C-ECHO, ``result_seconds`` from the first
    C-STORE until the last result arrived, ``total_seconds`` with pictures and checks.
    ``inserted_lesion`` is None when the films were sent as they are.
    """

    passed: bool
    weights: str
    images_sent: int
    reports_received: int
    cad_reports_received: int
    overlays_received: int
    start_seconds: float
    result_seconds: float
    total_seconds: float
    inserted_lesion: Sighting | None
    checks: tuple[Check, ...]


@dataclass(frozen=True, slots=True)
class _Ending:
    """Everything that is left when the node has stopped."""

    sent: list[SentObject]
    received: tuple[ReceivedObject, ...]
    rows: StudyRows
    events: list[AuditEvent]
    chain: Verification
    started_at: float
    result_seconds: float


def run_demo(
    folder: Path,
    *,
    start_node: StartNode,
    detector: DetectorSettings,
    console: Console,
    now: datetime,
    insertion: Insertion | None = None,
    timeout_seconds: float = 300.0,
    namespace: UUID | None = None,
) -> int:
    """Send the films through a node of its own and look at everything that comes back.

    Parameters
    ----------
    folder : Path
        Is emptied and filled: ``sent``, ``received``, ``pictures``, ``node``, ``summary.json``.
    start_node : callable
        Starts a node with the given settings; entered when it answers C-ECHO.
    now : datetime
        Date and time of the study.
    insertion : Insertion, optional
        A synthetic lesion that one view gets, and that must come back as a box.
    namespace : UUID, optional
        Source of the study's UIDs; without one each run is a new study.

    Returns
    -------
    int
        0 when every check passed, else 1.

    Raises
    ------
    StopError
        The films are missing, the folder holds other things, or the node ended.
    TransientFailure
        The results were not there after ``timeout_seconds``.
    """
    began = time.monotonic()
    film_paths()
    fresh_folder(folder)
    weights = describe_weights(detector)
    console.print(weights, style="bold")
    namespace = namespace or uuid4()
    sources = write_film_study(folder / "sent", namespace=namespace, taken_at=now)
    lesion = None
    if insertion is not None:
        lesion = insert_lesion(sources[insertion.view], insertion, namespace=namespace)
        console.print(f"A synthetic lesion was inserted into {lesion.view}.", style="bold")
    ending = _through_the_node(folder, sources, detector, start_node, console, timeout_seconds)
    reports = _paths(ending.received, ComprehensiveSRStorage)
    overlays = _paths(ending.received, SecondaryCaptureImageStorage)
    boxes = [box for path in reports for box in reported_boxes(dcmread(path))]
    sighting = None if lesion is None else look_for(lesion, boxes)
    checks = (
        *check_run(ending.sent, ending.rows, ending.received, ending.chain),
        *check_results(list(sources.values()), [item.path for item in ending.received]),
        *([] if sighting is None else [check_lesion(sighting)]),
    )
    with console.status("Writing pictures"):
        pictures = write_pictures(
            sources, boxes, overlays, folder / "pictures", footer=weights, lesion=lesion
        )
    summary = Summary(
        passed=all(check.passed for check in checks),
        weights=weights,
        images_sent=len(ending.sent),
        reports_received=len(reports),
        cad_reports_received=len(_paths(ending.received, MammographyCADSRStorage)),
        overlays_received=len(overlays),
        start_seconds=round(ending.started_at - began, 2),
        result_seconds=round(ending.result_seconds, 2),
        total_seconds=round(time.monotonic() - began, 2),
        inserted_lesion=sighting,
        checks=checks,
    )
    (folder / "summary.json").write_text(json.dumps(asdict(summary), indent=2) + "\n")
    counted = None if lesion is None else false_boxes(lesion, boxes)
    _tell(console, ending, sources, summary, pictures, counted)
    return 0 if summary.passed else 1


def _through_the_node(
    folder: Path,
    sources: Mapping[str, Path],
    detector: DetectorSettings,
    start_node: StartNode,
    console: Console,
    timeout_seconds: float,
) -> _Ending:
    study = str(dcmread(sources["RCC"], stop_before_pixels=True).StudyInstanceUID)
    with ReceivingPacs(folder / "received") as pacs:
        settings = demo_settings(folder / "node", detector, pacs.destination)
        console.print("Starting the node: database, broker, receiver, dispatch, workers")
        with start_node(settings) as node:
            started_at = time.monotonic()
            sent = send_and_wait(
                list(sources.values()),
                study,
                node,
                settings,
                console,
                timeout_seconds=timeout_seconds,
            )
            with node.database.read() as session:
                rows = read_study(session, study)
                events = read_audit(session, study)
                chain = audit.verify(session)
        received = pacs.received
    last = max((item.arrived_at for item in received), default=time.monotonic())
    return _Ending(sent, received, rows, events, chain, started_at, last - started_at)


def _paths(received: Sequence[ReceivedObject], sop_class_uid: str) -> list[Path]:
    return [item.path for item in received if item.sop_class_uid == sop_class_uid]


def _tell(
    console: Console,
    ending: _Ending,
    sources: Mapping[str, Path],
    summary: Summary,
    pictures: Pictures,
    counted: Mapping[str, int] | None,
) -> None:
    names = {
        str(dcmread(path, stop_before_pixels=True).SOPInstanceUID): name
        for name, path in sources.items()
    }
    results = {
        row.sop_instance_uid: f"SC {names[row.source_uid]}"
        if row.source_uid
        else _REPORTS[row.kind]
        for row in ending.rows.deliveries
    }
    console.print(image_table(ending.rows, names, counted))
    console.print(result_table(ending.rows, names))
    console.print(audit_table(ending.events, {**names, **results}))
    console.print(check_table(summary.checks))
    console.print(
        f"{summary.images_sent} images in, {summary.reports_received} report, "
        f"{summary.cad_reports_received} CAD SR and {summary.overlays_received} overlays back "
        f"in {summary.result_seconds:.1f} s "
        f"(the node started in {summary.start_seconds:.1f} s)."
    )
    console.print(summary.weights, style="bold")
    if summary.inserted_lesion is not None:
        console.print(_described(summary.inserted_lesion), style="bold")
    # Unbroken, so that a path can be copied from any terminal.
    console.print(f"Films: {CREDIT}; the patient is invented.", soft_wrap=True)
    console.print(f"Look at {pictures.sheet} and the files beside it.", soft_wrap=True)
    if not summary.passed:
        failed = sum(not check.passed for check in summary.checks)
        console.print(f"{failed} of {len(summary.checks)} checks FAILED.", style="red")


def _described(sighting: Sighting) -> str:
    """Say what became of the inserted lesion, and what the other boxes count as."""
    return (
        f"The synthetic lesion in {sighting.view} was {'' if sighting.found else 'NOT '}found. "
        f"Boxes that do not lie on it count as false, whatever the films show: "
        f"{sighting.false_boxes}."
    )
