from __future__ import annotations

import shutil
from pathlib import Path

from node.store.quota import GIB, has_room


def test_there_is_room_exactly_up_to_the_free_space(tmp_path: Path) -> None:
    free = shutil.disk_usage(tmp_path).free / GIB

    assert has_room(tmp_path, 0.0)
    # Other processes write on the same disk meanwhile: a margin of 1 GiB.
    assert has_room(tmp_path, free - 1.0)
    assert not has_room(tmp_path, free + 1.0)
