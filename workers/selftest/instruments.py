"""Puts the points into a child: wrappers round what it does to disk, database, broker and peers.

They stand in the child alone, which ends with its piece of work. The node's code has no trace
of them.
"""

from __future__ import annotations

import os
import resource
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from pathlib import Path
from typing import Any, Final

from sqlalchemy.orm import Session

from config.settings import Settings
from node.db import audit
from node.db.session import Database, normalised, sqlite_path
from node.dispatch.broker import CeleryPublisher
from node.scp.handlers import StoreService
from node.scu import sender
from node.store.spool import SpooledFile
from workers import analyse, confirm
from workers.selftest.gate import Gate, Kind
from workers.selftest.steps import JOB_OF, Job, Step

_FIRST: Final = {job: step for step, job in reversed(JOB_OF.items())}


class Instruments:
    """The wrappers of one child, and the step that each of its threads is at."""

    def __init__(self, gate: Gate, settings: Settings, job: Job) -> None:
        self._gate = gate
        self._settings = settings
        self._root = str(settings.storage.root.absolute())
        self._job = job
        self._thread = threading.local()
        gate.on_full = self._leave_no_room

    @property
    def step(self) -> Step:
        """Where this thread is."""
        step: Step = getattr(self._thread, "step", _FIRST[self._job])
        return step

    @step.setter
    def step(self, step: Step) -> None:
        self._thread.step = step

    def install(self) -> None:
        """Wrap everything; what belongs to no step of the job stays silent."""
        if self._job is Job.WHOLE:
            self._wrap_audit()
            return
        self._wrap_files()
        self._wrap_database()
        _wrap(CeleryPublisher, "publish", self._before(Kind.PUBLISH, lambda a: str(a[1])))
        _wrap(sender.StoreAssociation, "store", self._before(Kind.ASK, lambda _: "C-STORE"))
        _wrap(confirm, "ask_for_commitment", self._before(Kind.ASK, lambda _: "N-ACTION"))
        _wrap(confirm, "find_instances", self._before(Kind.ASK, lambda _: "C-FIND"))
        if self._job is Job.RECEIVE:
            self._wrap_receiving()
        if self._job is Job.ANALYSE:
            self._wrap_claim()
            _wrap(analyse, "_decode", self._before(Kind.READ, lambda _: "image", Step.DECODE))
            _wrap(analyse, "_look", self._before(Kind.LOOK, lambda _: "image", Step.DETECT))

    def _before(
        self, kind: Kind, where: Callable[[Any], str], step: Step | None = None
    ) -> Callable[[Any], None]:
        def reach(arguments: Any) -> None:
            if step is not None:
                self.step = step
            self._gate.reach(self.step, kind, where(arguments))

        return reach

    def _wrap_files(self) -> None:
        def reach(kind: Kind, path: Any, source: Any = None) -> None:
            file = self._file(path)
            if file:
                step = Step.STORE if self._job is Job.RECEIVE else self.step
                said = file if source is None else f"{self._file(source)}>{file}"
                self._gate.reach(step, kind, _where(file), path=said)

        _wrap(os, "fsync", lambda a: reach(Kind.SYNC, a[0]))
        _wrap(os, "link", lambda a: reach(Kind.NAME, a[1], a[0]))
        _wrap(os, "rename", lambda a: reach(Kind.NAME, a[1], a[0]))
        _wrap(os, "replace", lambda a: reach(Kind.NAME, a[1], a[0]))
        _wrap(os, "mkdir", lambda a: reach(Kind.FOLDER, a[0]))
        _wrap(os, "unlink", lambda a: reach(Kind.UNLINK, a[0]))
        if self._job is Job.RECEIVE:
            _wrap(SpooledFile, "write", lambda a: reach(Kind.WRITE, a[0].path))

    def _file(self, path: Any) -> str:
        """Name a file or a descriptor below the root; empty for what lies elsewhere."""
        name = str(_open_file(path)) if isinstance(path, int) else os.fspath(path)
        below = f"{name}/".removeprefix(f"{self._root}/")
        if below == f"{name}/" or below.startswith("run/"):
            return ""
        return below.rstrip("/") or "."

    def _wrap_database(self) -> None:
        begin = Database.begin

        @contextmanager
        def gated(database: Database) -> Iterator[Session]:
            in_store = self.step is Step.STORE and self._job is Job.RECEIVE
            if in_store:
                self.step = Step.RECORD
            self._gate.reach(self.step, Kind.BEGIN)
            with begin(database) as session:
                self._gate.writing(begins=True)
                try:
                    yield session
                    self._gate.reach(self.step, Kind.COMMIT)
                finally:
                    self._gate.writing(begins=False)

        setattr(Database, "begin", gated)  # noqa: B010 - mypy knows it for a method

    def _wrap_receiving(self) -> None:
        on_c_store = StoreService.on_c_store

        @wraps(on_c_store)
        def gated(service: StoreService, event: Any) -> Any:
            self.step = Step.STORE
            try:
                answer = on_c_store(service, event)
                self.step = Step.RECORD
                self._gate.reach(self.step, Kind.ANSWER, f"0x{answer.Status:04X}")
            finally:
                self.step = Step.ASSOCIATION
            return answer

        setattr(StoreService, "on_c_store", gated)  # noqa: B010 - as above

    def _wrap_claim(self) -> None:
        claim = analyse._claim

        @wraps(claim)
        def gated(*arguments: Any, **named: Any) -> Any:
            claims = claim(*arguments, **named)
            self._gate.reach(Step.CLAIM, Kind.END)
            return claims

        analyse._claim = gated

    def _wrap_audit(self) -> None:
        append = audit.append

        @wraps(append)
        def gated(session: Session, **row: Any) -> Any:
            session.flush()
            self._gate.writing(begins=True)
            self._gate.reach(Step.AUDIT, Kind.AUDIT, str(row["event"]))
            try:
                return append(session, **row)
            finally:
                self._gate.writing(begins=False)

        audit.append = gated

    def _leave_no_room(self) -> None:
        """Let every later write fail that would make SQLite's log longer, or a file as long."""
        url = normalised(self._settings.database_url)
        log = Path(f"{sqlite_path(url)}-wal")
        size = log.stat().st_size if log.exists() else 0
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))


def _wrap(owner: Any, name: str, before: Callable[[Any], None]) -> None:
    wrapped = getattr(owner, name)

    @wraps(wrapped)
    def gated(*arguments: Any, **named: Any) -> Any:
        before(arguments)
        return wrapped(*arguments, **named)

    setattr(owner, name, gated)


def _open_file(descriptor: int) -> Path:
    return Path(f"/proc/self/fd/{descriptor}").readlink()


def _where(file: str) -> str:
    """Name a place without checksums and random words: ``instances/*/*.dcm``."""
    first, *rest = file.split("/")
    if not rest:
        return first
    return "/".join([first, *("*" for _ in rest[:-1]), f"*{Path(rest[-1]).suffix}"])
