"""Did the run itself go as it should? The node's rows against what the PACS holds."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from pydicom.uid import (
    ComprehensiveSRStorage,
    MammographyCADSRStorage,
    SecondaryCaptureImageStorage,
)

from node.db.audit_verification import Verification
from node.demo.checks import Check
from node.demo.pacs import ReceivedObject
from node.demo.rows import StudyRows
from node.scu.batch import SentObject
from node.scu.outcome import Outcome
from node.states import DeliveryState, InstanceState, StudyState


def check_run(
    sent: Sequence[SentObject],
    rows: StudyRows,
    received: Sequence[ReceivedObject],
    chain: Verification,
) -> list[Check]:
    """Check that every image was taken and looked at, and every result arrived once."""
    stored = [item for item in sent if item.outcome is Outcome.DELIVERED]
    analysed = [image for image in rows.images if image.state is InstanceState.ANALYSED]
    delivered = [row for row in rows.deliveries if row.state is DeliveryState.DELIVERED]
    classes = Counter(item.sop_class_uid for item in received)
    reports, cad_reports = classes[ComprehensiveSRStorage], classes[MammographyCADSRStorage]
    overlays = classes[SecondaryCaptureImageStorage]
    made = sorted(row.sop_instance_uid for row in rows.deliveries)
    return [
        Check(
            "the node answered success to every image",
            len(stored) == len(sent) > 0 and _uids(rows) == _sent_uids(sent),
            f"{len(stored)} of {len(sent)} images, {len(rows.images)} recorded",
        ),
        Check(
            "the detector looked at every image",
            rows.state is StudyState.REPORTED and len(analysed) == len(sent),
            f"{len(analysed)} of {len(sent)} images, study {rows.state or 'missing'}",
        ),
        Check(
            "one report of each kind and an overlay of every image came back",
            reports == cad_reports == 1 and overlays == len(sent),
            f"{reports} SR, {cad_reports} CAD SR, {overlays} SC",
        ),
        Check(
            "what the node calls delivered is what the PACS holds, each once",
            made == sorted(item.sop_instance_uid for item in received)
            and len(delivered) == len(rows.deliveries)
            and all(item.arrivals == 1 for item in received),
            f"{len(delivered)} delivered, {sum(item.arrivals for item in received)} arrivals",
        ),
        Check(
            "the audit log's chain of hashes is whole",
            chain.problem is None and chain.checked > 0,
            chain.problem or f"{chain.checked} lines",
        ),
    ]


def _uids(rows: StudyRows) -> list[str]:
    return sorted(image.sop_instance_uid for image in rows.images)


def _sent_uids(sent: Sequence[SentObject]) -> list[str]:
    return sorted(item.found.sop_instance_uid for item in sent)
