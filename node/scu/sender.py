"""One association to a destination: open, store files, echo, release."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Self

from pydicom import dcmread
from pydicom.filereader import read_file_meta_info
from pydicom.uid import UID, ExplicitVRLittleEndian, ImplicitVRLittleEndian
from pynetdicom import _config
from pynetdicom.presentation import PresentationContext, build_context

from node.dicom.sop_classes import VERIFICATION
from node.errors import PermanentFailure, TransientFailure
from node.scu.compression import compress, preferred_syntaxes
from node.scu.outcome import Outcome, classify
from node.scu.requestor import end_association, open_association
from node.scu.transcode import with_known_vrs

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path
    from types import TracebackType

    from pydicom import Dataset
    from pynetdicom.association import Association

    from config.sending import Destination, ScuSettings

# Files are sent as they lie on the disk, a block at a time, never decoded. pynetdicom has
# this switch for the whole process only; it touches nothing but C-STORE requests from a path.
_config.STORE_SEND_CHUNKED_DATASET = True


LITTLE_ENDIAN: Final = (str(ExplicitVRLittleEndian), str(ImplicitVRLittleEndian))
_MAX_CONTEXTS: Final = 128
"""PS3.8 9.3.2.2: context identifiers are the odd numbers of one byte."""


@dataclass(frozen=True)
class StoreAnswer:
    """What became of one object; ``status`` is None when the peer did not answer.

    ``transfer_syntax`` is the one it went in, ``""`` when it did not go.
    """

    outcome: Outcome
    status: int | None
    detail: str
    transfer_syntax: str = ""


class StoreAssociation:
    """An association for storing, open from entering the context until leaving it.

    Each transfer syntax of each SOP class is proposed in a context of its own,
    so that the peer's answer says which it takes; Explicit and Implicit VR
    Little Endian are proposed with every class.

    Parameters
    ----------
    objects : iterable of (SOP class UID, transfer syntax UID)
        Of what will be stored; repetitions do no harm.
    compressions : sequence of str
        What our pictures should rather go in where the peer takes it, the preferred
        first (``config.profiles.Profile.transfer_syntaxes``).

    Raises
    ------
    TransientFailure
        On entering: no connection, no answer, or rejected for now.
    PermanentFailure
        On entering: rejected for good (PS3.8 9.3.4, result 1), or more than 128
        contexts.
    """

    def __init__(
        self,
        destination: Destination,
        scu: ScuSettings,
        objects: Iterable[tuple[str, str]],
        compressions: Sequence[str] = (),
    ) -> None:
        self._destination = destination
        self._scu = scu
        self._compressions = compressions
        self._contexts = proposed_contexts(objects, compressions)
        self._association: Association | None = None
        self._accepted: dict[str, list[str]] = {}
        self._message_id = 0

    def __enter__(self) -> Self:
        association = open_association(self._destination, self._scu, self._contexts)
        self._association = association
        for context in association.accepted_contexts:
            syntaxes = self._accepted.setdefault(str(context.abstract_syntax), [])
            syntaxes.append(str(context.transfer_syntax[0]))
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        association, self._association = self._association, None
        if association is not None:
            end_association(association, orderly=error is None)

    def store(self, path: Path) -> StoreAnswer:
        """Send one Part 10 file and wait for its status.

        An uncompressed file goes compressed when that is preferred and accepted, and
        in another uncompressed syntax when the peer accepted no better; every other
        file goes as its bytes are, or is refused here. The file itself never changes.

        Raises
        ------
        OSError
            When the file cannot be read.
        pydicom.errors.InvalidDicomError
            When it is not a Part 10 file.
        PermanentFailure
            When its File Meta Information lacks a UID.
        """
        meta = read_file_meta_info(path)
        sop_class = str(meta.get("MediaStorageSOPClassUID", ""))
        own = str(meta.get("TransferSyntaxUID", ""))
        if not (sop_class and own and meta.get("MediaStorageSOPInstanceUID")):
            raise PermanentFailure(f"{path.name} lacks a UID in its File Meta Information")
        preferred = preferred_syntaxes(sop_class, self._compressions)
        syntax = choose_syntax(own, self._accepted.get(sop_class, []), preferred)
        if syntax is None:
            return StoreAnswer(
                Outcome.REFUSED,
                None,
                f"{self._name} accepted no presentation context for {UID(sop_class).name} "
                f"in {UID(own).name}",
            )
        association = self._association
        if association is None or not association.is_established:
            return StoreAnswer(Outcome.RETRY, None, f"the association with {self._name} has ended")
        data_set: Path | Dataset = path
        if syntax in preferred and syntax != own:
            data_set = compress(dcmread(path), syntax)
        elif syntax != own:
            data_set = with_known_vrs(dcmread(path))
        self._message_id = self._message_id % 0xFFFF + 1
        try:
            answer = association.send_c_store(data_set, msg_id=self._message_id)
        except RuntimeError:
            # The peer ended the association between our look and the request.
            answer = None
        if not answer:
            return StoreAnswer(
                Outcome.RETRY, None, f"{self._name} gave no answer to the C-STORE", syntax
            )
        status = int(answer.Status)
        comment = str(answer.get("ErrorComment", ""))
        detail = f"status 0x{status:04X}" + (f": {comment}" if comment else "")
        return StoreAnswer(classify(status), status, detail, syntax)

    @property
    def _name(self) -> str:
        return self._destination.ae_title


def proposed_contexts(
    objects: Iterable[tuple[str, str]], compressions: Sequence[str] = ()
) -> list[PresentationContext]:
    """Build one context for each pair, and the two little-endian ones for each class.

    Classes of pictures get those of ``compressions`` before these.

    Raises
    ------
    PermanentFailure
        When an association cannot hold so many.
    """
    wanted = list(objects)
    classes = dict.fromkeys(sop_class for sop_class, _ in wanted)
    more = [
        (sop_class, syntax)
        for sop_class in classes
        for syntax in (*preferred_syntaxes(sop_class, compressions), *LITTLE_ENDIAN)
    ]
    pairs = dict.fromkeys([*wanted, *more])
    if len(pairs) > _MAX_CONTEXTS:
        raise PermanentFailure(
            f"{len(pairs)} presentation contexts are needed, an association holds {_MAX_CONTEXTS}"
        )
    return [build_context(sop_class, syntax) for sop_class, syntax in pairs]


def choose_syntax(own: str, accepted: Iterable[str], preferred: Sequence[str] = ()) -> str | None:
    """Choose the transfer syntax to send in: a preferred one, the file's own, one it can become.

    What is compressed already goes as it is.
    """
    offered = list(accepted)
    if own not in LITTLE_ENDIAN:
        return own if own in offered else None
    choices = (*preferred, own, *LITTLE_ENDIAN)
    return next((syntax for syntax in choices if syntax in offered), None)


def echo(destination: Destination, scu: ScuSettings) -> float:
    """Send one C-ECHO on an association of its own.

    Returns
    -------
    float
        Seconds from the request to the answer, without opening the association.

    Raises
    ------
    TransientFailure
        When the peer cannot be reached, does not answer, or answers a failure.
    PermanentFailure
        When it rejects the association for good, or does not accept Verification.
    """
    association = open_association(destination, scu, [build_context(VERIFICATION)])
    try:
        if not association.accepted_contexts:
            raise PermanentFailure(f"{destination.ae_title} does not accept C-ECHO")
        started = time.monotonic()
        answer = association.send_c_echo()
        seconds = time.monotonic() - started
        if not answer:
            raise TransientFailure(f"{destination.ae_title} gave no answer to the C-ECHO")
        if answer.Status != 0x0000:
            raise TransientFailure(
                f"{destination.ae_title} answered the C-ECHO with 0x{answer.Status:04X}"
            )
        return seconds
    finally:
        end_association(association)
