"""Data sets go from the network into the spool as they come, never into memory.

pynetdicom can do this itself, but for the whole process at once, into the
system's temporary folder, and a full disk then ends the connection without an
answer. Here each association has a DIMSE provider of its own that hands
pynetdicom a ``BytesIO`` which writes to our spool instead, hashes on the way,
and remembers what went wrong for the C-STORE handler to answer.
"""

from __future__ import annotations

import io
import re
import threading
from typing import TYPE_CHECKING, Final

from pynetdicom.dimse import DIMSEServiceProvider
from pynetdicom.dimse_messages import DIMSEMessage
from typing_extensions import override

from node.dicom.sop_classes import STORAGE_SOP_CLASSES
from node.errors import MismatchedDataSet, NodeError, OutOfResources, UnreadableDataSet
from node.scp.file_meta import part10_head
from node.scp.fragments import BrokenMessage, Fragments
from node.scp.requests import UNREADABLE

if TYPE_CHECKING:
    from collections.abc import Callable

    from pynetdicom.pdu_primitives import P_DATA

    from node.store.quota import Room
    from node.store.spool import Spool, SpooledFile
    from node.upper_layer.association import EventDrivenAssociation

_C_STORE_RQ: Final = 0x0001
_N_EVENT_REPORT_RQ: Final = 0x0100
_NO_DATA_SET: Final = 0x0101
_LARGEST_REPORT: Final = 1 << 20
"""Bytes of an Event Information, which is kept in memory: five thousand objects."""
# PS3.5 9.1 without its rule on leading zeros, which real devices break.
_UID: Final = re.compile(r"[0-9.]{1,64}")


def is_uid(text: str) -> bool:
    """Say whether a text can be stored and logged as a UID."""
    return _UID.fullmatch(text) is not None


class IncomingDataSet(io.BytesIO):
    """Takes the place of a DIMSE message's data set; its bytes go to the spool.

    Those of an event report are few, and stay in memory for pynetdicom to read.

    Written by the association's network thread, read by its service thread.
    """

    def __init__(
        self,
        open_file: Callable[[IncomingDataSet], SpooledFile],
        is_event_report: Callable[[], bool],
        *,
        admit_image: Callable[[], None],
        room: Room,
    ) -> None:
        super().__init__()
        self._admit_image = admit_image
        self._room = room
        self._open_file = open_file
        self._is_event_report = is_event_report
        self._file: SpooledFile | None = None
        self._failure: NodeError | None = None
        self._over = False
        self._lock = threading.Lock()
        self.size = 0

    @override
    def write(self, data: bytes, /) -> int:  # type: ignore[override]  # pynetdicom gives bytes
        """Append to the spooled file; after a failure the rest is read and dropped.

        Never raises: this runs in the network thread, where an exception ends the
        connection and the peer would not learn why.
        """
        with self._lock:
            if self._over or self._failure is not None:
                return len(data)
            if self._is_event_report():
                self._keep(data)
                return len(data)
            try:
                if self._file is None:
                    self._file = self._open_file(self)
                self._room.take(len(data))
                self._file.write(data)
                self.size += len(data)
            except NodeError as error:
                self._fail(error)
            except OSError as error:
                failure = OutOfResources("the spool cannot be written")
                failure.__cause__ = error
                self._fail(failure)
        return len(data)

    def _keep(self, data: bytes) -> None:
        if self.size + len(data) > _LARGEST_REPORT:
            self._failure = UnreadableDataSet("an event report is too long")
            self.truncate(0)
            return
        super().write(data)
        self.size += len(data)

    def _fail(self, failure: NodeError) -> None:
        self._failure = failure
        if self._file is not None:
            self._file.discard()

    def take(self) -> SpooledFile:
        """Give the file when the message is complete.

        Raises
        ------
        NodeError
            Whatever went wrong while it came.
        """
        with self._lock:
            if self._failure is not None:
                raise self._failure
            if self._file is None:
                # No byte of it came, so nobody has counted it.
                self._admit_image()
                raise UnreadableDataSet("the command announced no data set, or an empty one")
            return self._file

    @property
    def is_over(self) -> bool:
        """Whether it was stored or dropped."""
        return self._over

    def discard(self) -> None:
        """Drop what came and what may still come; a file that was renamed stays."""
        with self._lock:
            if self._over:
                return
            self._over = True
            self.truncate(0)
            if self._file is not None:
                self._file.discard()

    @override
    def close(self) -> None:
        """Drop everything: its request was served, or nobody will serve it."""
        self.discard()
        # Its traceback holds this object: the two would stay until the garbage is collected.
        self._failure = None
        super().close()


class SpoolingProvider(DIMSEServiceProvider):
    """The DIMSE provider of one association that receives into ``spool``.

    Parameters
    ----------
    admit_image : callable
        Called once for each C-STORE, before the first byte of its data set is written or when
        there is none; raises TooManyImages.
    room : Room
        Asked at the same time, and again and again while a data set comes.
    data_set_timeout_seconds : float
        While a message is half received, the association is idle after this long.
    """

    def __init__(
        self,
        association: EventDrivenAssociation,
        spool: Spool,
        *,
        admit_image: Callable[[], None],
        room: Room,
        data_set_timeout_seconds: float,
    ) -> None:
        super().__init__(association)
        self._spool = spool
        self._admit_image = admit_image
        self._room = room
        self._data_set_timeout = data_set_timeout_seconds
        self._arriving: set[IncomingDataSet] = set()
        self._fragments = Fragments(())

    @property
    @override
    def assoc(self) -> EventDrivenAssociation:
        """The association it is part of."""
        association: EventDrivenAssociation = self._assoc  # type: ignore[assignment]  # as given
        return association

    @override
    def receive_primitive(self, primitive: P_DATA) -> None:
        """Take one P-DATA; runs in the network thread. What is no message ends in A-ABORT."""
        if self.message is None:
            self.message = self._new_message()
            self._fragments = Fragments(self.assoc._accepted_cx)
        try:
            self._receive(primitive, self.message)
        except BrokenMessage as error:
            self._give_up(str(error))
        except UNREADABLE as error:
            # The network thread would end without telling the peer.
            self._give_up(f"a message that cannot be read: {type(error).__name__}")
        half_received = self.message is not None
        self.assoc.dul.limit_silence(
            self._data_set_timeout if half_received else self.assoc.network_timeout
        )

    def _receive(self, primitive: P_DATA, message: DIMSEMessage) -> None:
        # All of them first: nothing of a PDU that breaks the rules is served.
        for context_id, fragment in primitive.presentation_data_value_list:
            self._fragments.take(context_id, fragment)
        super().receive_primitive(primitive)
        is_alone = message.command_set.get("CommandDataSetType") == _NO_DATA_SET
        if is_alone and self._fragments.is_data_begun:
            raise BrokenMessage("a data set that its command did not announce")
        if self.message is not None and (is_alone or self._fragments.is_over):
            raise BrokenMessage("a command set with a value that cannot be meant")

    def _give_up(self, why: str) -> None:
        self.message = None
        self.assoc.give_up(why)

    def _new_message(self) -> DIMSEMessage:
        message = DIMSEMessage()
        data_set = IncomingDataSet(
            lambda taken: self._open_file(message, taken),
            lambda: _is_event_report(message),
            admit_image=self._admit_image,
            room=self._room,
        )
        message.data_set = data_set
        return message

    def discard_all(self) -> None:
        """Drop every data set of this association that has a file and was not stored."""
        for data_set in self._arriving:
            data_set.discard()

    def _open_file(self, message: DIMSEMessage, data_set: IncomingDataSet) -> SpooledFile:
        command = message.command_set
        if command.get("CommandField") != _C_STORE_RQ:
            raise UnreadableDataSet("a data set came with a command other than C-STORE")
        self._admit_image()
        self._room.look()
        context = self.assoc._accepted_cx.get(message.context_id or 0)
        if context is None:
            raise MismatchedDataSet("the presentation context was not accepted")
        sop_class = str(command.get("AffectedSOPClassUID", ""))
        sop_instance = str(command.get("AffectedSOPInstanceUID", ""))
        if not (is_uid(sop_class) and is_uid(sop_instance)):
            raise MismatchedDataSet("the command names something that is no UID")
        # pynetdicom serves by the command's class, and others than these are never stored.
        if not {sop_class, str(context.abstract_syntax)} <= STORAGE_SOP_CLASSES.keys():
            raise MismatchedDataSet("the command or its context is of no storage class")
        head = part10_head(
            sop_class=sop_class,
            sop_instance=sop_instance,
            transfer_syntax=str(context.transfer_syntax[0]),
        )
        spooled = self._spool.new_file()
        self._arriving = {other for other in self._arriving if not other.is_over} | {data_set}
        spooled.write_meta(head)
        return spooled


def _is_event_report(message: DIMSEMessage) -> bool:
    return bool(message.command_set.get("CommandField") == _N_EVENT_REPORT_RQ)
