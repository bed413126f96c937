"""Sending files by hand: find the DICOM files below some folders, store them at a peer.

``mgnode send`` and ``mgnode demo`` use it. Results of the node do not go this way: they
have rows, retries and an audit (``workers``); here the person at the terminal has both.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from pydicom import dcmread
from pydicom.errors import InvalidDicomError

from config.sending import Destination, ScuSettings
from node.errors import PermanentFailure, TransientFailure
from node.scu.outcome import Outcome
from node.scu.sender import StoreAssociation

_UIDS = ["StudyInstanceUID", "SOPClassUID", "SOPInstanceUID"]


@dataclass(frozen=True, slots=True)
class FoundObject:
    """One Part 10 file that can be sent."""

    path: Path
    study_instance_uid: str
    sop_class_uid: str
    sop_instance_uid: str
    transfer_syntax_uid: str


@dataclass(frozen=True, slots=True)
class SkippedFile:
    """One file that cannot be sent, and why."""

    path: Path
    reason: str


@dataclass(frozen=True, slots=True)
class Found:
    """What lies below the given paths, in the order of their names."""

    objects: tuple[FoundObject, ...]
    skipped: tuple[SkippedFile, ...]


@dataclass(frozen=True, slots=True)
class SentObject:
    """One file and its answer; ``status`` is None when the peer gave none.

    ``seconds`` is the time of its C-STORE, 0.0 when it was not tried.
    """

    found: FoundObject
    outcome: Outcome
    status: int | None
    detail: str
    seconds: float


def find_objects(paths: Iterable[Path]) -> Found:
    """Look through files and, recursively, folders; symbolic links to folders are not followed.

    A file that is no DICOM Part 10 file, lacks a UID (a DICOMDIR) or cannot be read is
    skipped with its reason. The same file named twice is found once.
    """
    objects, skipped = [], []
    for path in dict.fromkeys(file for given in paths for file in _files(given)):
        entry = _look_at(path)
        if isinstance(entry, FoundObject):
            objects.append(entry)
        else:
            skipped.append(entry)
    return Found(tuple(objects), tuple(skipped))


def send_objects(
    objects: Sequence[FoundObject],
    destination: Destination,
    scu: ScuSettings,
    *,
    on_sent: Callable[[SentObject], None] = lambda _: None,
) -> list[SentObject]:
    """Store every object at ``destination``, one association for each study.

    Parameters
    ----------
    on_sent : callable
        Is told each answer as it comes, also of objects that were not tried because
        their association could not be opened or broke.

    Returns
    -------
    list of SentObject
        One for each of ``objects``; the studies are in order of their UIDs.
    """
    sent: list[SentObject] = []

    def say(answer: SentObject) -> None:
        sent.append(answer)
        on_sent(answer)

    def by_study(item: FoundObject) -> str:
        return item.study_instance_uid

    # Sorting is stable: inside a study the objects keep the order they were given in.
    for _, group in groupby(sorted(objects, key=by_study), key=by_study):
        _send_study(list(group), destination, scu, say)
    return sent


def _send_study(
    objects: list[FoundObject],
    destination: Destination,
    scu: ScuSettings,
    say: Callable[[SentObject], None],
) -> None:
    waiting = list(objects)
    contexts = list(
        dict.fromkeys((item.sop_class_uid, item.transfer_syntax_uid) for item in objects)
    )
    try:
        with StoreAssociation(destination, scu, contexts) as association:
            while waiting:
                say(_store(association, waiting.pop(0)))
    except TransientFailure as error:
        outcome, detail = Outcome.RETRY, str(error)
    except PermanentFailure as error:
        outcome, detail = Outcome.REFUSED, str(error)
    else:
        return
    for item in waiting:
        say(SentObject(item, outcome, None, detail, 0.0))


def _store(association: StoreAssociation, item: FoundObject) -> SentObject:
    started = time.monotonic()
    try:
        answer = association.store(item.path)
    except OSError as error:
        # It could be read a moment ago; the other files may still be there.
        return SentObject(
            item, Outcome.REFUSED, None, f"file cannot be read: {type(error).__name__}", 0.0
        )
    return SentObject(
        item, answer.outcome, answer.status, answer.detail, time.monotonic() - started
    )


def _files(given: Path) -> Iterator[Path]:
    if given.is_dir():
        yield from sorted(path for path in given.rglob("*") if path.is_file())
    else:
        yield given


def _look_at(path: Path) -> FoundObject | SkippedFile:
    try:
        header = dcmread(path, stop_before_pixels=True, specific_tags=_UIDS)
    except InvalidDicomError:
        return SkippedFile(path, "not a DICOM file")
    except (OSError, EOFError) as error:
        return SkippedFile(path, f"cannot be read: {type(error).__name__}")
    syntax = header.file_meta.get("TransferSyntaxUID")
    uids = [str(header.get(keyword, "")) for keyword in _UIDS]
    if not syntax or not all(uids):
        return SkippedFile(path, "has no study, class, instance or transfer syntax UID")
    study, sop_class, instance = uids
    return FoundObject(path, study, sop_class, instance, str(syntax))
