"""One scratch installation: put into a known state, worked on by children, driven to the end."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from sqlalchemy.orm import Session

from config.sending import Destination
from node.errors import PermanentFailure, StopError, TransientFailure
from node.scu.outcome import Outcome
from node.scu.sender import StoreAssociation
from node.store.paths import Layout
from workers.selftest.bugs import planted
from workers.selftest.child import Child, Decide, go_on
from workers.selftest.driver import Driver, replay_failed
from workers.selftest.gate import Point
from workers.selftest.jobs import QUIET, Clock, Order
from workers.selftest.relay import Relay
from workers.selftest.scratch_broker import ScratchBroker
from workers.selftest.scratch_database import ScratchDatabase
from workers.selftest.scratch_image import SOP_CLASS, write_image
from workers.selftest.scratch_settings import free_port, scratch_settings
from workers.selftest.scripted_pacs import ScriptedPacs
from workers.selftest.steps import Job

_SYNTAX: Final = "1.2.840.10008.1.2.1"
_TRIES: Final = 3
_SECONDS: Final = 30.0
_IMPATIENT: Final = 2.0
"""Seconds for a peer that says nothing; a machine that is busy may need one to say something."""

BEFORE: Final = {
    Job.QUEUE: Job.RECEIVE,
    Job.ANALYSE: Job.QUEUE,
    Job.WHOLE: Job.RECEIVE,
    Job.REPORT: Job.ANALYSE,
    Job.SEND: Job.REPORT,
    Job.CONFIRM: Job.SEND,
}
"""The work after which each begins; receiving begins with nothing."""


@dataclass
class Kept:
    """What a state has beside its rows and files."""

    clock: timedelta
    answered: bool
    memory: tuple[dict[str, list[str]], set[str]]


@dataclass
class Bench:
    """The installation, its peers and its broker, from entering until leaving.

    ``answered`` says whether the sender of the image was told success; ``trace`` is what the
    last child did. ``clock`` is the node's, ahead of the machine's.
    """

    folder: Path
    database: ScratchDatabase
    clock: Clock = field(default_factory=Clock)
    answered: bool = False
    bug: str = ""
    trace: list[Point] = field(default_factory=list)
    order_traces: list[list[Point]] = field(default_factory=list)
    _states: dict[Job, Kept] = field(default_factory=dict)
    _points: dict[Job, list[Point]] = field(default_factory=dict)

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            self.folder.mkdir(parents=True, exist_ok=True)
            self.image = write_image(self.folder / "image.dcm")
            self.pacs = stack.enter_context(ScriptedPacs())
            self.to_pacs = stack.enter_context(Relay(self.pacs.address))
            port = free_port()
            self.to_scp = stack.enter_context(Relay(("127.0.0.1", port)))
            self.broker = stack.enter_context(ScratchBroker(self.folder / "broker"))
            self.settings = scratch_settings(
                self.folder / "node",
                database_url=self.database.url,
                broker_url=self.broker.url,
                scp_port=port,
                pacs=self.to_pacs.address,
            )
            # One for all runs: an engine compiles each statement anew.
            self._driver = Driver(self.settings, self.clock)
            stack.callback(self.database.close)
            stack.callback(self._driver.close)
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stack.close()

    @property
    def layout(self) -> Layout:
        """The folders of the node."""
        return Layout(self.settings.storage.root)

    def put_back(self, job: Job) -> None:
        """Go to the state in which ``job`` begins; the peers and the broker are well."""
        if job not in self._states:
            self._make(job)
        self._well()
        self.broker.empty()
        kept = self._states[job]
        self._driver.database.dispose()
        self.database.put_back(job.value)
        shutil.rmtree(self.layout.root, ignore_errors=True)
        shutil.copytree(self.folder / "kept" / job.value, self.layout.root)
        self.clock.ahead = kept.clock
        self.answered = kept.answered
        self.pacs.remember(kept.memory)

    def child(self, job: Job, **more: Any) -> Child:
        """Start a child with ``job``."""
        order = Order(
            job=job,
            settings=self.settings,
            output=self.folder / "children.log",
            clock=self.clock.ahead,
            bug=self.bug,
            **more,
        )
        return Child(order)

    def run(self, job: Job, decide: Decide = go_on, **more: Any) -> None:
        """Do ``job`` in a child, deciding at each of its points, to its end."""
        child = self.child(job, **more)
        try:
            if job is Job.RECEIVE:
                self.receive(child, decide)
            child.attend(decide)
        finally:
            child.close()
            self.trace = child.trace
            self.order_traces.append(child.trace)

    def run_impatiently(self, job: Job, decide: Decide = go_on) -> None:
        """Do ``job`` as `run` does, where nobody waits long for a peer that says nothing."""
        settings = self.settings
        limits = {f"{kind}_timeout_seconds": _IMPATIENT for kind in ("acse", "dimse")}
        scu = settings.scu.model_copy(update={**limits, "report_wait_seconds": _IMPATIENT})
        self.settings = settings.model_copy(update={"scu": scu})
        try:
            self.run(job, decide)
        finally:
            self.settings = settings

    def wait_for_sender(self) -> None:
        """Wait until the sender of the image has its answer, or has given up."""
        self._sender.join(_SECONDS)

    def run_beside(self, job: Job) -> None:
        """Do ``job`` in a second child while the first waits at a point, or after it."""
        trace = self.trace
        settings = self.settings
        if job is Job.RECEIVE:
            # Another SCP of the same installation, as on a second host.
            port = free_port()
            scp = settings.scp.model_copy(update={"port": port})
            self.settings = settings.model_copy(update={"scp": scp})
            self.to_scp.target = ("127.0.0.1", port)
        try:
            self.run(job)
        finally:
            self.settings = settings
            self.to_scp.target = ("127.0.0.1", settings.scp.port)
            self.trace = trace

    def undisturbed(self, job: Job) -> list[Point]:
        """Every point of a child that nobody disturbs."""
        if job not in self._points:
            self.put_back(job)
            self.run(job)
            self._points[job] = self.trace
        return self._points[job]

    def receive(self, child: Child, decide: Decide = go_on, *, stop: bool = True) -> None:
        """Send the image to a child that is an SCP, and ask it to stop afterwards."""
        child.wait_until_ready()
        self._sender = sender = threading.Thread(target=self._send, daemon=True)
        sender.start()
        child.attend(decide, until=lambda: not sender.is_alive())
        sender.join(_SECONDS)
        if stop:
            child.stop()

    def finish(self, *, resend: bool, at_most: timedelta = timedelta(days=1)) -> None:
        """Start again what would be started again, and drive everything to its end.

        ``resend`` lets the sender try again what was not answered with success.
        """
        self._well()
        if resend:
            self._receive_again()
        self.drive(at_most=at_most)

    def reconcile(self) -> list[str]:
        """Let dispatch compare everything; name what it found and could not mend."""
        with planted(self.bug):
            found = self._driver.reconcile()
        return [f"reconciliation finds {kind} {times} times" for kind, times in found.items()]

    def drive(
        self, *, at_most: timedelta = timedelta(days=1), trouble: type[Exception] | None = None
    ) -> None:
        """Sweep and work, with a clock that passes, until nothing is left to do.

        ``trouble`` is what the detector raises meanwhile.
        """
        with planted(self.bug):
            self._driver.drive(at_most=at_most, trouble=trouble)

    @contextmanager
    def rows(self) -> Iterator[Session]:
        """Read the rows."""
        with self._driver.database.read() as session:
            yield session

    def retry(self) -> None:
        """Put back what was given up, as `mgnode retry --all` does."""
        with self._driver.database.begin() as session:
            replay_failed(session, at=self.clock())

    def _receive_again(self) -> None:
        for _ in range(_TRIES):
            child = self.child(Job.RECEIVE)
            try:
                if self.answered:
                    child.wait_until_ready()
                    return
                self.receive(child)
                child.attend()
            finally:
                child.close()
            if self.answered:
                return

    def _send(self) -> None:
        """Send the image once, as a modality does."""
        host, port = self.to_scp.address
        address = Destination(ae_title="MGNODE", host=host, port=port)
        try:
            with StoreAssociation(
                address, self.settings.scu, [(SOP_CLASS, _SYNTAX)]
            ) as association:
                answer = association.store(self.folder / "image.dcm")
        except (TransientFailure, PermanentFailure):
            return
        if answer.outcome is Outcome.DELIVERED:
            self.answered = True

    def _well(self) -> None:
        """Let peers and broker work again."""
        self.broker.start()
        for relay in (self.to_pacs, self.to_scp):
            relay.trick = None
            relay.cut_all()
            relay.come_back()
        self.pacs.behaviour = type(self.pacs.behaviour)()

    def _make(self, job: Job) -> None:
        before = BEFORE.get(job)
        bug, self.bug = self.bug, ""
        if before is None:
            self.database.make()
            shutil.rmtree(self.layout.root, ignore_errors=True)
            self.layout.create()
            self.clock.ahead, self.answered = timedelta(0), False
            self.pacs.forget()
        else:
            self.put_back(before)
            self.run(before)
            if before is Job.RECEIVE and not self.answered:
                raise StopError("the self-test's image is not taken: see children.log")
            self.clock.ahead += QUIET
        self.broker.empty()
        self._driver.database.dispose()
        shutil.copytree(self.layout.root, self.folder / "kept" / job.value)
        self.database.keep(job.value)
        self._states[job] = Kept(self.clock.ahead, self.answered, self.pacs.memory())
        self.bug = bug
