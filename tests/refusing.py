"""The audit row that the SCP leaves of an image that it refused."""

from __future__ import annotations

from node.db.events import Event
from node.db.receiving import record_refusal
from tests.working_node import WorkingNode

MG = "1.2.840.10008.5.1.4.1.1.1.2"


def refuse(
    node: WorkingNode, uid: str, *, study: str, status: str = "0xC000", sop_class_uid: str = MG
) -> None:
    """Leave the row of one image of ``study``, as its sender was told by ``status``."""
    with node.database.begin() as session:
        record_refusal(
            session,
            event=Event.INSTANCE_REFUSED,
            uid=uid,
            study_instance_uid=study,
            reason="as its sender was told",
            at=node.clock(),
            actor="scp",
            details={
                "status": status,
                "sop_class_uid": sop_class_uid,
                "calling_ae": "MODALITY",
            },
        )
