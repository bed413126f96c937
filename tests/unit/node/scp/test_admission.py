from __future__ import annotations

from typing import Any

import pytest

from config.receiving import ScpSettings
from node.scp.admission import (
    ADDRESS_LIMIT_EXCEEDED,
    AE_TITLE_LIMIT_EXCEEDED,
    CALLED_AE_NOT_RECOGNISED,
    CALLING_AE_NOT_RECOGNISED,
    CERTIFICATE_NOT_BOUND,
    LOCAL_LIMIT_EXCEEDED,
    NETWORK_NOT_ALLOWED,
    TEMPORARY_CONGESTION,
    Caller,
    Load,
    Rejection,
    counted_as,
    decide,
)

NOBODY_ELSE = Load()
MAMMO1 = ("MAMMO1",)

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
        CERTIFICATE_NOT_BOUND,
        LOCAL_LIMIT_EXCEEDED,
        AE_TITLE_LIMIT_EXCEEDED,
        ADDRESS_LIMIT_EXCEEDED,
        TEMPORARY_CONGESTION,
    ],
)
def test_every_rejection_is_one_of_the_standard(rejection: Rejection) -> None:
    assert (rejection.source, rejection.reason) in REASONS
    # What passes with time is transient; what an administrator must change is not.
    assert (rejection.result == 2) == (rejection.source == 3)


TEN = {"networks": ("10.0.0.0/8",), "calling_ae_titles": MAMMO1}


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
        (TEN, {"host": "10.255.255.255"}, None),
        (TEN, {"host": "10.0.0.1", "calling_ae": "MAMMO2"}, CALLING_AE_NOT_RECOGNISED),
        (TEN, {"host": "11.0.0.0"}, NETWORK_NOT_ALLOWED),
        (TEN, {}, NETWORK_NOT_ALLOWED),
        (
            {"networks": ("fe80::/10",), "calling_ae_titles": MAMMO1},
            {"host": "fe80::1%eth0"},
            None,
        ),
        ({"networks": ()}, {}, NETWORK_NOT_ALLOWED),
    ],
)
def test_network_and_titles_decide(
    settings: dict[str, Any], changes: dict[str, Any], expected: Rejection | None
) -> None:
    scp = ScpSettings(**settings)

    assert decide(caller(**changes), scp, NOBODY_ELSE) == expected


def test_without_a_list_of_titles_only_this_machine_gets_in() -> None:
    """Settings refuse the combination; if they ever let it through, nobody gets in by it."""
    scp = ScpSettings(**TEN).model_copy(update={"calling_ae_titles": ()})

    assert decide(caller(host="10.0.0.1"), scp, NOBODY_ELSE) == CALLING_AE_NOT_RECOGNISED


@pytest.mark.parametrize(
    ("load", "expected"),
    [
        (Load(total=3, of_ae_title=1, of_address=2), None),
        (Load(total=4, of_ae_title=1, of_address=2), LOCAL_LIMIT_EXCEEDED),
        (Load(total=3, of_ae_title=2, of_address=2), AE_TITLE_LIMIT_EXCEEDED),
        (Load(total=3, of_ae_title=1, of_address=3), ADDRESS_LIMIT_EXCEEDED),
    ],
)
def test_each_limit_counts_the_others(load: Load, expected: Rejection | None) -> None:
    scp = ScpSettings(
        max_associations=4, max_associations_per_ae_title=2, max_associations_per_address=3
    )

    assert decide(caller(), scp, load) == expected


def test_zero_is_no_limit() -> None:
    scp = ScpSettings(max_associations_per_ae_title=0, max_associations_per_address=0)

    assert decide(caller(), scp, Load(total=399, of_ae_title=399, of_address=399)) is None


def test_the_default_limits_let_one_peer_open_two_hundred_and_leave_room_for_others() -> None:
    scp = ScpSettings()
    one = Load(total=199, of_ae_title=199, of_address=199)

    assert decide(caller(), scp, one) is None
    assert scp.max_associations_per_ae_title < scp.max_associations
    assert scp.max_associations_per_address < scp.max_associations


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("10.0.0.1", "10.0.0.1"),
        ("::ffff:10.0.0.1", "10.0.0.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
    ],
)
def test_whoever_has_a_whole_network_of_addresses_is_counted_once(host: str, expected: str) -> None:
    assert counted_as(host) == expected


def test_a_stranger_learns_nothing_about_titles() -> None:
    scp = ScpSettings(calling_ae_titles=("MAMMO1",))
    stranger = caller(host="10.0.0.1", called_ae="WRONG", calling_ae="WRONG")

    assert decide(stranger, scp, Load(total=10_000)) == NETWORK_NOT_ALLOWED


def test_a_wrong_title_is_told_as_such_on_a_full_node() -> None:
    scp = ScpSettings(max_associations=1)

    assert decide(caller(called_ae="X"), scp, Load(total=1)) == CALLED_AE_NOT_RECOGNISED
