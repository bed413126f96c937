"""Sending the study and watching its rows until the results are back."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Final, Protocol

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
)

from config.sending import Destination
from config.settings import Settings
from node.db.session import Database
from node.demo.rows import StudyRows, read_study
from node.errors import StopError, TransientFailure
from node.scu.batch import SentObject, find_objects, send_objects
from node.scu.outcome import Outcome

POLL_SECONDS: Final = 0.1
MODALITY: Final = "DEMOMODALITY"
"""Calling AE title of the demo's sender."""


class RunningNode(Protocol):
    """What the demo needs of a node that answers C-ECHO."""

    @property
    def database(self) -> Database:
        """Its tables, to read."""

    def check(self) -> None:
        """Raise StopError when one of the node's processes has ended by itself."""


StartNode = Callable[[Settings], AbstractContextManager[RunningNode]]


def send_and_wait(
    sources: Sequence[Path],
    study_instance_uid: str,
    node: RunningNode,
    settings: Settings,
    console: Console,
    *,
    timeout_seconds: float,
) -> list[SentObject]:
    """Send the images to the node and wait until every result has gone its way.

    Returns
    -------
    list of SentObject
        The node's answer to each image.

    Raises
    ------
    StopError
        The node took no image, or one of its processes ended.
    TransientFailure
        The study was not done after ``timeout_seconds``; the text says how far it came.
    """
    deadline = time.monotonic() + timeout_seconds
    itself = Destination(
        ae_title=settings.scp.ae_title, host=settings.scp.host, port=settings.scp.port
    )
    objects = find_objects(sources).objects
    with _Bars(console, len(objects)) as bars:
        modality = settings.scu.model_copy(update={"ae_title": MODALITY})
        sent = send_objects(objects, itself, modality, on_sent=bars.sent)
        if not any(item.outcome is Outcome.DELIVERED for item in sent):
            raise StopError(f"the node took none of {len(sent)} images: {sent[0].detail}")
        while True:
            node.check()
            with node.database.read() as session:
                rows = read_study(session, study_instance_uid)
            bars.show(rows)
            if rows.has_ended:
                return sent
            if time.monotonic() > deadline:
                raise TransientFailure(
                    f"after {timeout_seconds:g} s the study is {rows.state or 'not recorded'}, "
                    f"{rows.analysed} of {len(objects)} images are done with, "
                    f"{rows.delivered} of {len(rows.deliveries)} results are delivered"
                )
            time.sleep(POLL_SECONDS)


class _Bars:
    """The progress bars of the four stages."""

    def __init__(self, console: Console, images: int) -> None:
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            console=console,
        )
        self._sent = self._add("Sent by C-STORE", images)
        self._received = self._add("Recorded by the node", images)
        self._analysed = self._add("Seen by the detector", images)
        self._delivered = self._add("Results in the PACS", None)

    def __enter__(self) -> _Bars:
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def sent(self, _: SentObject) -> None:
        self._progress.advance(self._sent)

    def show(self, rows: StudyRows) -> None:
        self._progress.update(self._received, completed=len(rows.images))
        self._progress.update(self._analysed, completed=rows.analysed)
        self._progress.update(
            self._delivered, total=len(rows.deliveries) or None, completed=rows.delivered
        )

    def _add(self, description: str, total: int | None) -> TaskID:
        return self._progress.add_task(description, total=total)
