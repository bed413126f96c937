"""Results go out over TLS and are confirmed over TLS; trouble with certificates loses none."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from node.db.session import Database
from node.states import DeliveryState
from tests.certificates import CertificateFolder
from tests.committing_pacs import CommittingPacs
from tests.confirming import CONFIRMED, DELIVERED, RESULTS, ask, delivered
from tests.factories import make_mammogram
from tests.secure_storescp import secure_storescp
from tests.working_node import working_node

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


@pytest.fixture
def files(tmp_path: Path) -> CertificateFolder:
    made = CertificateFolder(tmp_path / "tls")
    for name in ("pacs", "node"):
        made.issue(name)
    return made


@pytest.mark.dcmtk
def test_results_wait_for_a_renewed_certificate_and_then_arrive_once(
    tmp_path: Path, database: Database, files: CertificateFolder
) -> None:
    with secure_storescp(tmp_path / "pacs", files) as pacs:
        node = working_node(tmp_path / "storage", database, destinations={"pacs": pacs.destination})
        files.issue("node", not_after=files.now - timedelta(hours=1))
        node.report(node.complete([make_mammogram()]))

        node.deliver()
        put_off = node.deliveries()
        files.issue("node")
        node.clock.pass_(hours=1)
        node.deliver()

        assert {row.state for row in put_off} == {DeliveryState.PENDING}
        assert all("renew tls.certificate" in row.last_error for row in put_off)
        assert set(node.delivery_states()) == {DELIVERED}
        assert len(pacs.received) == len(put_off)
        assert node.audit_problem() is None


@pytest.mark.parametrize("confirm", ["commitment", "query"])
def test_what_went_over_tls_is_confirmed_over_tls(
    tmp_path: Path, database: Database, files: CertificateFolder, confirm: str
) -> None:
    pacs = CommittingPacs(
        context=files.server_context("pacs"),
        tls=files.destination_tls("node"),
        reports_here=True,
    )
    with pacs:
        node = delivered(database, tmp_path, pacs, confirm, report_wait_seconds=10.0)
        ask(node)

        assert node.delivery_states() == [CONFIRMED] * RESULTS
        assert (len(pacs.requests), len(pacs.queries)) == (
            (1, 0) if confirm == "commitment" else (0, RESULTS)
        )
