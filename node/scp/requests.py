"""Whether an A-ASSOCIATE-RQ can be read at all, asked before pynetdicom's state machine is."""

from __future__ import annotations

from typing import Final

from pynetdicom.pdu import A_ASSOCIATE_RQ

from node.dicom.header import MALFORMED

UNREADABLE: Final = (*MALFORMED, AssertionError, RecursionError)
"""What pynetdicom lets through of what pydicom raises on a peer's bytes."""
_ASSOCIATE_RQ: Final = 1


def is_sound(pdu: bytes) -> bool:
    """Say whether pynetdicom can make a request of a whole PDU; any other PDU is sound.

    It decodes and judges in two steps, and on what the second one raises its network thread
    ends: the peer would hear nothing, and hold its connection until the ACSE timeout.
    """
    if pdu[:1] != bytes([_ASSOCIATE_RQ]):
        return True
    request = A_ASSOCIATE_RQ()
    try:
        request.decode(pdu)
        contexts = request.to_primitive().presentation_context_definition_list
    except UNREADABLE:
        # PS3.8 9.2 answers an invalid PDU with A-ABORT, whatever is wrong with it.
        return False
    # PS3.8 9.3.2.2: one abstract syntax, and at least one transfer syntax.
    return all(context.abstract_syntax and context.transfer_syntax for context in contexts)
