from __future__ import annotations

import subprocess
import sys

SCRIPT = """
import resource, sys
from node.scp.descriptors import allow_descriptors
resource.setrlimit(resource.RLIMIT_NOFILE, (int(sys.argv[1]), int(sys.argv[2])))
allow_descriptors(int(sys.argv[3]), int(sys.argv[4]))
print(resource.getrlimit(resource.RLIMIT_NOFILE)[0])
"""


def allowed(soft: int, hard: int, associations: int = 100, unasked: int = 0) -> tuple[int, str]:
    """Give what a process with these limits ends up with, and what it says."""
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, *map(str, (soft, hard, associations, unasked))],
        capture_output=True,
        text=True,
        check=True,
    )
    *said, limit = done.stdout.splitlines()
    return int(limit), "\n".join(said)


def test_a_hundred_associations_get_the_descriptors_that_they_need() -> None:
    assert allowed(256, 4096) == (756, "")


def test_a_connection_before_its_request_takes_two() -> None:
    assert allowed(256, 4096, associations=0, unasked=132) == (520, "")


def test_what_is_enough_is_left_as_it_is() -> None:
    assert allowed(2048, 4096) == (2048, "")


def test_what_the_system_does_not_allow_is_said() -> None:
    limit, said = allowed(256, 512)

    assert limit == 512
    assert "few_descriptors" in said
