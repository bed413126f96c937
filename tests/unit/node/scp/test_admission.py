from __future__ import annotations

from typing import Any

import pytest

from config.receiving import ScpSettings
from node.scp.admission import (
    CALLED_AE_NOT_RECOGNISED,
    CALLING_AE_NOT_RECOGNISED,
    LOCAL_LIMIT_EXCEEDED,
    NETWORK_NOT_ALLOWED,
    TEMPORARY_CONGESTION,
    Caller,
    Rejection,
    decide,
)

NOBODY_ELSE = 0

# PS3.8 Table 9-21: (source, reason) that exist.
REASONS = {(1, 1), (1, 2), (1, 3), (1, 7), (2, 1), (2, 2), (3, 1), (3, 2)}


def caller(**changes: Any) -> Caller:
    return Caller(
        **{
            "calling_ae": "MAMMO1",
            "called_ae": "MGNODE",
            "host": "127.0.0.1",
            "port": 50000,
            **changes,
        }
    )


@pytest.mark.parametrize(
    "rejection",
    [
        NETWORK_NOT_ALLOWED,
        CALLED_AE_NOT_RECOGNISED,
        CALLING_AE_NOT_RECOGNISED,
        LOCAL_LIMIT_EXCEEDED,
        TEMPORARY_CONGESTION,
    ],
)
def test_every_rejection_is_one_of_the_standard(rejection: Rejection) -> None:
    assert (rejection.source, rejection.reason) in REASONS
    # What passes with time is transient; what an administrator must change is not.
    assert (rejection.result == 2) == (rejection.source == 3)


@pytest.mark.parametrize(
    ("settings", "changes", "expected"),
    [
        ({}, {}, None),
        ({}, {"called_ae": "mgnode"}, CALLED_AE_NOT_RECOGNISED),
        ({}, {"called_ae": "MGNODE "}, None),
        ({}, {"called_ae": "MGNODE2"}, CALLED_AE_NOT_RECOGNISED),
        ({}, {"called_ae": ""}, CALLED_AE_NOT_RECOGNISED),
        ({}, {"calling_ae": ""}, CALLING_AE_NOT_RECOGNISED),
        ({}, {"calling_ae": "A\\B"}, CALLING_AE_NOT_RECOGNISED),
        ({}, {"calling_ae": "A\0"}, CALLING_AE_NOT_RECOGNISED),
        ({}, {"calling_ae": "A" * 17}, CALLING_AE_NOT_RECOGNISED),
        ({"calling_ae_titles": ("MAMMO1",)}, {}, None),
        ({"calling_ae_titles": ("MAMMO1",)}, {"calling_ae": " MAMMO1 "}, None),
        ({"calling_ae_titles": ("MAMMO2",)}, {}, CALLING_AE_NOT_RECOGNISED),
        ({}, {"host": "::1"}, None),
        ({}, {"host": "::ffff:127.0.0.1"}, None),
        ({}, {"host": "::ffff:10.0.0.1"}, NETWORK_NOT_ALLOWED),
        ({}, {"host": "10.0.0.1"}, NETWORK_NOT_ALLOWED),
        ({"networks": ("10.0.0.0/8",)}, {"host": "10.255.255.255"}, None),
        ({"networks": ("10.0.0.0/8",)}, {"host": "11.0.0.0"}, NETWORK_NOT_ALLOWED),
        ({"networks": ("10.0.0.0/8",)}, {}, NETWORK_NOT_ALLOWED),
        ({"networks": ("fe80::/10",)}, {"host": "fe80::1%eth0"}, None),
        ({"networks": ()}, {}, NETWORK_NOT_ALLOWED),
    ],
)
def test_network_and_titles_decide(
    settings: dict[str, Any], changes: dict[str, Any], expected: Rejection | None
) -> None:
    scp = ScpSettings(**settings)

    assert decide(caller(**changes), scp, open_associations=NOBODY_ELSE) == expected


@pytest.mark.parametrize(("open_now", "expected"), [(1, None), (2, LOCAL_LIMIT_EXCEEDED)])
def test_the_limit_counts_the_others(open_now: int, expected: Rejection | None) -> None:
    scp = ScpSettings(max_associations=2)

    assert decide(caller(), scp, open_associations=open_now) == expected


def test_a_stranger_learns_nothing_about_titles() -> None:
    scp = ScpSettings(calling_ae_titles=("MAMMO1",))
    stranger = caller(host="10.0.0.1", called_ae="WRONG", calling_ae="WRONG")

    assert decide(stranger, scp, open_associations=10_000) == NETWORK_NOT_ALLOWED


def test_a_wrong_title_is_told_as_such_on_a_full_node() -> None:
    scp = ScpSettings(max_associations=1)

    assert decide(caller(called_ae="X"), scp, open_associations=1) == CALLED_AE_NOT_RECOGNISED
