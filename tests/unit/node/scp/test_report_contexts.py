"""Storage commitment: the peer is the SCP and reports, whatever roles it negotiates."""

from __future__ import annotations

import pytest
from pynetdicom.presentation import build_context, negotiate_as_acceptor

from node.dicom.commitment import PUSH_MODEL
from node.scp.contexts import accepted_contexts

DEFLATED = "1.2.840.10008.1.2.1.99"


# PS3.7 D.3.3.4: what the requestor proposes for itself, as (SCU, SCP), and what it may be.
@pytest.mark.parametrize(
    ("proposed", "answered"),
    [((False, True), (False, True)), ((True, True), (False, True)), (None, None)],
)
def test_the_requestor_may_be_the_scp_and_nothing_else(
    proposed: tuple[bool, bool] | None, answered: tuple[bool, bool] | None
) -> None:
    context = build_context(PUSH_MODEL)
    context.context_id = 1

    (result,), roles = negotiate_as_acceptor(
        [context], accepted_contexts(), {context.abstract_syntax: proposed} if proposed else None
    )

    assert result.result == 0x00
    assert [(role.scu_role, role.scp_role) for role in roles] == ([answered] if answered else [])


def test_a_requestor_that_wants_a_commitment_from_the_node_is_refused_the_context() -> None:
    context = build_context(PUSH_MODEL)
    context.context_id = 1

    (result,), _ = negotiate_as_acceptor(
        [context], accepted_contexts(), {context.abstract_syntax: (True, False)}
    )

    assert result.result == 0x01


def test_a_report_may_not_come_deflated() -> None:
    """A megabyte of it would be a gigabyte in memory."""
    context = build_context(PUSH_MODEL, DEFLATED)
    context.context_id = 1

    (result,), _ = negotiate_as_acceptor([context], accepted_contexts())

    assert result.result == 0x04
