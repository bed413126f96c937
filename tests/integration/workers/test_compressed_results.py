"""A profile with a summary page and compression, from the study to the PACS."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydicom import FileDataset, dcmread

from node.db.session import Database
from node.states import DeliveryState
from tests.factories import four_view_study
from tests.part10_files import data_set_digest
from tests.storescp import StoreScp, storescp
from tests.working_node import WorkingNode, working_node

pytestmark = pytest.mark.dcmtk

EXPLICIT = "1.2.840.10008.1.2.1"
RLE = "1.2.840.10008.1.2.5"
KINDS = ["measurement_report", "overlay", "summary_overlay"]


def node_for(pacs: StoreScp, database: Database, root: Path, **profile: Any) -> WorkingNode:
    profiles = {"pictures": {"objects": KINDS, **profile}}
    destination = pacs.destination.model_copy(update={"profile": "pictures"})
    return working_node(root, database, destinations={"pacs": destination}, profiles=profiles)


def received(pacs: StoreScp) -> dict[str, FileDataset]:
    return {str(found.SOPInstanceUID): found for found in map(dcmread, pacs.received)}


def transfer_syntaxes(node: WorkingNode) -> list[str]:
    return [event.details["transfer_syntax"] for event in node.events("delivery_delivered")]


def test_overlays_and_summary_go_compressed_and_the_report_does_not(
    database: Database, tmp_path: Path
) -> None:
    with storescp(tmp_path / "pacs", "+B", "+xr") as pacs:
        node = node_for(pacs, database, tmp_path / "storage", transfer_syntaxes=["JPEG-LS", "RLE"])
        node.report(node.complete(four_view_study()))
        node.deliver()
        arrived = received(pacs)

    assert node.delivery_states() == [DeliveryState.DELIVERED] * 6
    assert sorted(row.kind for row in node.results()) == [
        "measurement_report",
        *["overlay"] * 4,
        "summary_overlay",
    ]
    for row in node.results():
        stored, sent = dcmread(node.layout.absolute(row.path)), arrived[row.sop_instance_uid]
        assert stored.file_meta.TransferSyntaxUID == row.transfer_syntax_uid == EXPLICIT
        if row.kind == "measurement_report":
            assert sent.file_meta.TransferSyntaxUID == EXPLICIT
            continue
        assert sent.file_meta.TransferSyntaxUID == RLE
        assert np.array_equal(sent.pixel_array, stored.pixel_array)
    assert sorted(transfer_syntaxes(node)) == [EXPLICIT, *[RLE] * 5]
    assert node.audit_problem() is None


def test_a_pacs_that_takes_no_compression_gets_the_files_as_they_are(
    database: Database, tmp_path: Path
) -> None:
    with storescp(tmp_path / "pacs", "+B") as pacs:
        node = node_for(pacs, database, tmp_path / "storage", transfer_syntaxes=["RLE"])
        node.report(node.complete(four_view_study()))
        node.deliver()
        digests = {data_set_digest(path) for path in pacs.received}

    stored = {data_set_digest(node.layout.absolute(row.path)) for row in node.results()}
    assert digests == stored
    assert transfer_syntaxes(node) == [EXPLICIT] * 6


def test_the_summary_of_a_study_without_boxes_is_sent_alone_with_its_report(
    database: Database, tmp_path: Path
) -> None:
    with storescp(tmp_path / "pacs", "+B") as pacs:
        node = node_for(pacs, database, tmp_path / "storage")
        node.detector.boxes = ()
        node.report(node.complete(four_view_study()))

    assert [row.kind for row in node.results()] == ["measurement_report", "summary_overlay"]
    summary = node.result(node.results()[1])
    assert len(summary.SourceImageSequence) == 4
    assert node.results()[1].source_instance_id is None
