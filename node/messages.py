"""What travels over the broker: task names, queues and payloads of ids.

The SQL row is the truth. A message only says "look at this row"; losing or
repeating it does no harm.
"""

from __future__ import annotations

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
