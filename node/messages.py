"""What travels over the broker: task names, queues and payloads of ids.

The SQL row is the truth. A message only says "look at this row"; losing or
repeating it does no harm.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

ANALYSIS_QUEUE: Final = "analysis"
"""Images to the detector: one solo process for each GPU (or CPU)."""

REPORT_QUEUE: Final = "report"
"""Building results: decodes pixels and draws, needs no detector."""

NETWORK_QUEUE: Final = "network"
"""Sending to destinations and asking them: never waits behind an analysis."""

ANALYSE_TASK: Final = "mgnode.analyse"
"""Arguments: ``instance_id``."""

REPORT_TASK: Final = "mgnode.report"
"""Arguments: ``study_id``."""

DELIVER_TASK: Final = "mgnode.deliver"
"""Arguments: ``delivery_ids``, all of one destination and one study."""

CONFIRM_TASK: Final = "mgnode.confirm"
"""Arguments: ``delivery_ids``, all of one destination."""

QUEUE_OF_TASK: Final[dict[str, str]] = {
    ANALYSE_TASK: ANALYSIS_QUEUE,
    REPORT_TASK: REPORT_QUEUE,
    DELIVER_TASK: NETWORK_QUEUE,
    CONFIRM_TASK: NETWORK_QUEUE,
}

_ARGUMENT_OF_TASK: Final[dict[str, str]] = {
    ANALYSE_TASK: "instance_id",
    REPORT_TASK: "study_id",
    DELIVER_TASK: "delivery_ids",
    CONFIRM_TASK: "delivery_ids",
}

MOST_IDS: Final = 1000
"""In one message; dispatch puts far fewer into it."""

_LARGEST_ID: Final = 2**63 - 1


def is_usable(task: str, arguments: Mapping[str, object]) -> bool:
    """Say whether a message is one that the dispatch loop could have sent.

    Whoever can write to the broker may put anything into it; what is no id never comes to
    a query.
    """
    name = _ARGUMENT_OF_TASK[task]
    if set(arguments) != {name}:
        return False
    value = arguments[name]
    if not name.endswith("s"):
        return _is_id(value)
    return isinstance(value, list) and 0 < len(value) <= MOST_IDS and all(map(_is_id, value))


def _is_id(value: object) -> bool:
    return type(value) is int and 0 < value <= _LARGEST_ID
