"""The presentation contexts that the SCP accepts."""

from __future__ import annotations

from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian
from pynetdicom.presentation import PresentationContext, build_context

from node.dicom.commitment import PUSH_MODEL
from node.dicom.sop_classes import STORAGE_SOP_CLASSES, TRANSFER_SYNTAXES, VERIFICATION


def accepted_contexts() -> list[PresentationContext]:
    """List every storage class with every transfer syntax, Verification and commitment reports.

    Of storage commitment the peer is the SCP (PS3.4 J.3.3): it reports, and asks for nothing.

    A class that is not in the list is refused when the association is
    negotiated, so the sender knows before it sends a byte. Of several transfer
    syntaxes in one context that is taken which stands first in our table.
    """
    storage = [build_context(uid, list(TRANSFER_SYNTAXES)) for uid in STORAGE_SOP_CLASSES]
    # Not deflated: a megabyte of it would be a gigabyte in memory.
    reports = build_context(PUSH_MODEL, [ImplicitVRLittleEndian, ExplicitVRLittleEndian])
    reports.scu_role, reports.scp_role = False, True
    return [*storage, build_context(VERIFICATION), reports]
