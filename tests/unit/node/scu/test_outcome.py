from __future__ import annotations

import pytest

from node.scu.outcome import Outcome, classify

# Our own copy: PS3.4 Table B.2-1, PS3.7 9.1.1.1.9 and Annex C.
DELIVERED = [0x0000, 0x0001, 0x0107, 0x0111, 0x0116, 0xB000, 0xB006, 0xB007, 0xBFFF]
RETRY = [0x0110, 0x0210, 0x0213, 0xA700, 0xA701, 0xA7FF]
REFUSED = [
    *(0x0105, 0x0106, 0x0112, 0x0115, 0x0117, 0x0118, 0x0119, 0x0120, 0x0121, 0x0122, 0x0124),
    *(0x0211, 0x0212, 0xA900, 0xA9FF, 0xC000, 0xC211, 0xCFFF),
    *(0xA6FF, 0xA800, 0xA8FF, 0xAA00),
]
NOT_OF_C_STORE = [0xFE00, 0xFF00, 0xFF01, 0x0300, 0x9999, 0xD000]


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        *((status, Outcome.DELIVERED) for status in DELIVERED),
        *((status, Outcome.RETRY) for status in RETRY),
        *((status, Outcome.REFUSED) for status in REFUSED),
        *((status, Outcome.RETRY) for status in NOT_OF_C_STORE),
    ],
    ids=lambda value: f"{value:04X}" if isinstance(value, int) else str(value),
)
def test_each_status_has_its_outcome(status: int, expected: Outcome) -> None:
    assert classify(status) is expected


def test_only_success_warnings_and_duplicates_count_as_delivered() -> None:
    delivered = {status for status in range(0x10000) if classify(status) is Outcome.DELIVERED}

    warnings = {0x0001, 0x0107, 0x0116, *range(0xB000, 0xC000)}
    assert delivered == {0x0000, 0x0111} | warnings
