"""Which transfer syntax the SCP takes of several in one presentation context."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian, JPEG2000Lossless
from pynetdicom import AE

from node.db.session import Database
from tests.receiving import MG, running_scp, scp_settings


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_our_order_of_transfer_syntaxes_counts_and_not_the_senders(
    database: Database, tmp_path: Path
) -> None:
    proposed = [JPEG2000Lossless, ImplicitVRLittleEndian, ExplicitVRLittleEndian]
    sender = AE()
    sender.add_requested_context(MG, proposed)
    with running_scp(scp_settings(tmp_path), database) as node:
        association = sender.associate(*node.address, ae_title="MGNODE")
        (accepted,) = association.accepted_contexts
        association.release()

    assert accepted.transfer_syntax == [ExplicitVRLittleEndian]
