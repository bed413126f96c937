"""The containers of docker-compose.yml have room for the threads that their settings allow."""

from __future__ import annotations

from typing import Any

import pytest

from config.receiving import ScpSettings
from node.scp.listening import most_unasked

PORTS = 2
"""Plain, and over TLS."""
OF_ITS_OWN = 64


@pytest.mark.compose
def test_the_scp_may_have_a_thread_for_every_connection_that_it_takes(
    services: dict[str, Any],
) -> None:
    most = ScpSettings().max_associations

    assert services["scp"]["pids_limit"] >= 2 * most + PORTS * most_unasked(most) + OF_ITS_OWN
