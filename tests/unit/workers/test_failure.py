"""Failures of foreign code are told without their texts."""

from __future__ import annotations

import pytest

from workers.failure import Failure, FailuresGoTo


def _fail_over(name: str) -> None:
    raise LookupError(f"no patient {name}")


def test_a_failure_names_its_class_and_place_and_no_word_of_its_text() -> None:
    seen: list[Failure] = []

    with FailuresGoTo(seen.append):
        _fail_over("Yamada^Hanako")

    (failure,) = seen
    assert failure.kind == "LookupError"
    assert "_fail_over (workers/test_failure.py:" in failure.place
    assert "Yamada" not in failure.place


def test_a_block_that_succeeds_records_nothing() -> None:
    seen: list[Failure] = []

    with FailuresGoTo(seen.append):
        pass

    assert seen == []


def test_a_stop_of_the_process_is_no_failure_of_the_image() -> None:
    seen: list[Failure] = []

    with pytest.raises(SystemExit), FailuresGoTo(seen.append):
        raise SystemExit(0)

    assert seen == []
