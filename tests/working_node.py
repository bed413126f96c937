"""The node behind its SCP, step by step: real rows, files and peers, a scripted detector."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any, Final, cast

import numpy as np
from numpy.typing import NDArray
from pydicom import Dataset, FileDataset, dcmread
from sqlalchemy import select

from config.sending import Destination
from config.settings import Settings
from models.detector import Detection, Detections, Detector
from models.spec import SPECS
from node.db import audit, outbox
from node.db.receiving import StoredObject, record_instance
from node.db.session import Database
from node.db.tables import Analysis, AuditEvent, Delivery, FindingRow, Instance, Result, Study
from node.dicom.header import facts
from node.dispatch.broker import CeleryPublisher, celery_app
from node.dispatch.loop import Dispatcher
from node.errors import StopError
from node.states import DeliveryState, StudyState
from node.store.paths import Layout, instance_path
from tests.one_decoder import DECODER
from tests.part10_files import data_set_digest
from tests.rows import NOON
from workers.analyse import analyse_instance
from workers.deliver import deliver_results
from workers.detectors import Detectors
from workers.report import report_study
from workers.runtime import Runtime

BOX: Final = Detection(x0=60.5, y0=90.25, x1=120.0, y1=160.75, score=0.8125)


@dataclass
class Clock:
    """A clock that a test sets."""

    now: datetime = NOON

    def __call__(self) -> datetime:
        return self.now

    def pass_(self, **time: float) -> None:
        self.now += timedelta(**time)


@dataclass
class ScriptedDetector:
    """Gives the boxes it was told to give; ``look`` is called with each picture.

    It stands for the network alone: pixels come to it decoded, its boxes go to the rows.
    """

    boxes: tuple[Detection, ...] = (BOX,)
    look: Callable[[NDArray[np.uint8]], None] = lambda _: None
    spec: Any = SPECS["reference"]
    version: str = "scripted"
    weights_sha256: str = "5c" * 32

    device: str = "cpu:0"
    computed: dict[str, str] = field(default_factory=dict)

    def detect_many(
        self, images: Sequence[NDArray[np.uint8]], *, score_threshold: float, max_boxes: int
    ) -> list[Detections]:
        for image in images:
            self.look(image)
        kept = [box for box in self.boxes if box.score >= score_threshold]
        return [Detections(tuple(kept[:max_boxes]), network_seconds=0.0) for _ in images]


@dataclass
class WorkingNode:
    """One installation in a test's process, with a clock that the test sets."""

    runtime: Runtime
    clock: Clock
    detector: ScriptedDetector = field(default_factory=ScriptedDetector)
    others: dict[str, ScriptedDetector] = field(default_factory=dict)

    @property
    def detectors(self) -> Detectors:
        """Those of an analysis worker that has just started; ``others`` are installed too."""
        return Detectors(self.runtime.settings, cast(Detector, self.detector), self._other)

    def _other(self, settings: Settings) -> Detector:
        name = settings.detector.model
        if name not in self.others:
            raise StopError(f"detector.model: no model is called {name}")
        return cast(Detector, self.others[name])

    @property
    def database(self) -> Database:
        return self.runtime.database

    @property
    def layout(self) -> Layout:
        return self.runtime.layout

    def receive(self, images: Sequence[FileDataset], *, calling_ae: str = "MODALITY") -> list[int]:
        """Store and record images as the SCP does; give their rows' ids."""
        return [self._receive(image, calling_ae) for image in images]

    def _receive(self, image: FileDataset, calling_ae: str) -> int:
        spooled = self.layout.spool / "image"
        image.save_as(spooled, enforce_file_format=True)
        sha256 = data_set_digest(spooled)
        path = instance_path(sha256, image.file_meta.TransferSyntaxUID)
        final = self.layout.absolute(path)
        final.parent.mkdir(parents=True, exist_ok=True)
        spooled.rename(final)
        found = facts(dcmread(final, stop_before_pixels=True))
        stored = StoredObject(**asdict(found), sha256=sha256, bytes=final.stat().st_size, path=path)
        with self.database.begin() as session:
            record_instance(
                session,
                stored,
                calling_ae=calling_ae,
                association_id=None,
                at=self.clock(),
                actor="scp",
            )
        with self.database.read() as session:
            query = select(Instance.id).where(Instance.sop_instance_uid == found.sop_instance_uid)
            return session.scalars(query).one()

    def sweep(self) -> None:
        """Move the rows as the dispatch loop does."""
        app = celery_app(self.runtime.settings)
        dispatcher = Dispatcher(
            self.runtime.settings,
            self.database,
            CeleryPublisher(app),
            actor="dispatch",
            clock=self.clock,
        )
        dispatcher.move_rows()
        app.close()

    def analyse(self, *ids: int) -> None:
        """Let the analysis worker handle messages about these images."""
        for instance_id in ids:
            analyse_instance(self.runtime, self.detectors, instance_id)

    def complete(self, images: Sequence[FileDataset], **sender: str) -> int:
        """Take images to a complete study; give its row's id."""
        ids = self.receive(images, **sender)
        self.sweep()
        self.analyse(*ids)
        self.clock.pass_(seconds=self.runtime.settings.study.quiet_seconds)
        self.sweep()
        study = self.study(str(images[0].StudyInstanceUID))
        assert study.state is StudyState.COMPLETE
        return study.id

    def report(self, study_id: int) -> None:
        """Let the network worker handle a message about this study."""
        report_study(self.runtime, study_id)

    def deliver(self) -> None:
        """Let the network worker handle messages about every delivery that is due."""
        with self.database.read() as session:
            due = outbox.deliveries_to_publish(
                session, at=self.clock(), republish=timedelta(seconds=30)
            )
        for ids in due.values():
            deliver_results(self.runtime, ids)

    def deliver_all(self) -> None:
        """Handle a message about every delivery, whenever its message went out last."""
        deliver_results(self.runtime, [delivery.id for delivery in self.deliveries()])

    def study(self, study_instance_uid: str) -> Study:
        with self.database.read() as session:
            query = select(Study).where(Study.study_instance_uid == study_instance_uid)
            return session.scalars(query).one()

    def instance(self, instance_id: int) -> Instance:
        with self.database.read() as session:
            return session.get_one(Instance, instance_id)

    def boxes(self, instance_id: int) -> list[FindingRow]:
        """The findings of one image, the best first."""
        query = (
            select(FindingRow)
            .join(Analysis)
            .where(Analysis.instance_id == instance_id)
            .order_by(FindingRow.rank)
        )
        with self.database.read() as session:
            return list(session.scalars(query))

    def parameters(self, instance_id: int) -> dict[str, Any]:
        """How one image was analysed."""
        with self.database.read() as session:
            query = select(Analysis).where(Analysis.instance_id == instance_id)
            return session.scalars(query).one().parameters

    def results(self, *, generation: int | None = None) -> list[Result]:
        query = select(Result).order_by(Result.id)
        if generation is not None:
            query = query.where(Result.generation == generation)
        with self.database.read() as session:
            return list(session.scalars(query))

    def result(self, row: Result) -> Dataset:
        """Read the file of a result."""
        return dcmread(self.layout.absolute(row.path))

    def report_of(self, generation: int = 1) -> Dataset:
        """Read the one report of a generation."""
        (row,) = [r for r in self.results(generation=generation) if r.kind == "measurement_report"]
        return self.result(row)

    def deliveries(self) -> list[Delivery]:
        with self.database.read() as session:
            return list(session.scalars(select(Delivery).order_by(Delivery.id)))

    def delivery_states(self) -> list[DeliveryState]:
        return [delivery.state for delivery in self.deliveries()]

    def events(self, *names: str) -> list[AuditEvent]:
        """Audit events of these names in the order in which they happened; none is all."""
        query = select(AuditEvent).order_by(AuditEvent.id)
        if names:
            query = query.where(AuditEvent.event.in_(names))
        with self.database.read() as session:
            return list(session.scalars(query))

    def audit_problem(self) -> str | None:
        with self.database.read() as session:
            return audit.verify(session).problem

    def with_settings(self, **groups: dict[str, Any]) -> WorkingNode:
        """The same installation after its settings were changed and it was started again."""
        values = self.runtime.settings.model_dump()
        settings = Settings.model_validate({**values, **groups})
        runtime = Runtime(
            settings=settings,
            database=self.database,
            layout=self.layout,
            actor="worker",
            clock=self.clock,
            random=Random(1),
            decoder=self.runtime.decoder,
        )
        return WorkingNode(runtime, self.clock, self.detector, self.others)


def working_node(
    root: Path,
    database: Database,
    /,
    *,
    destinations: dict[str, Destination] | None = None,
    **groups: dict[str, Any],
) -> WorkingNode:
    """Make an installation below ``root``; ``groups`` are groups of the settings."""
    settings = Settings.model_validate(
        {
            "storage": {"root": root, "free_space_gib": 0.0},
            "destinations": destinations or {},
            "scu": {
                "connection_timeout_seconds": 2.0,
                "acse_timeout_seconds": 15.0,
                "dimse_timeout_seconds": 5.0,
            },
            **groups,
        }
    )
    layout = Layout(root)
    layout.create()
    clock = Clock()
    runtime = Runtime(
        settings=settings,
        database=database,
        layout=layout,
        actor="worker",
        clock=clock,
        random=Random(1),
        decoder=DECODER,
    )
    return WorkingNode(runtime, clock)


def spoken(report: Dataset) -> str:
    """Every text and code meaning of a report, one a line."""
    wanted = {"TextValue", "CodeMeaning"}
    return "\n".join(str(item.value) for item in report.iterall() if item.keyword in wanted)
