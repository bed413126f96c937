"""kill -9 of random processes under load: nothing lost, nothing twice, the chain whole.

The same machinery strikes 200 times, and for half an hour, in `python -m benchmarks.soak`.
"""

from __future__ import annotations

import pytest

from benchmarks.soak import faults
from benchmarks.soak.run import Soak, run

KILLS = 8
IMAGES = 20
SEED = 23
"""Its plan kills each of the five processes at least once."""


# Thirteen processes start in it, which takes minutes where many others work.
@pytest.mark.timeout(600)
@pytest.mark.dcmtk
@pytest.mark.openvino
# pynetdicom's SCU drops its socket unclosed when nobody listens.
@pytest.mark.filterwarnings(
    "ignore:Exception ignored in. <socket.socket:pytest.PytestUnraisableExceptionWarning"
)
def test_kills_at_random_lose_nothing_and_double_nothing() -> None:
    plan = tuple(faults.kills(SEED, KILLS, every=1.5))
    assert {fault.kind for fault in plan} == {f"{faults.KILL}{name}" for name in faults.PROCESSES}

    outcome = run(
        Soak(
            images=IMAGES,
            rate=2.0,
            seed=SEED,
            plan=plan,
            sample_seconds=0.5,
            longest_pause_seconds=1.0,
            intrude_every=3.0,
            quiet_seconds=2.0,
            lease_seconds=10.0,
            # Where many others work a report takes longer than such a lease, and is tried again.
            max_attempts=50,
        )
    )

    assert outcome.reckoning.problems == []
    assert [fault.kind for fault in outcome.struck] == [fault.kind for fault in plan]
    assert outcome.reckoning.figures["images"]["states"] == {"ANALYSED": IMAGES}
