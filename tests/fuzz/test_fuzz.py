"""Whatever a peer sends on any path, it is answered as meant; what once was not, for ever."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from tests.fuzz.seeds import SEEDS
from tests.fuzz.targets import MOST_BYTES, SECONDS, TARGETS

REGRESSIONS = sorted(
    path for path in (Path(__file__).parent / "regressions").rglob("*") if path.is_file()
)
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")


@pytest.fixture(autouse=True)
def _quiet() -> None:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))


@cache
def seeds(name: str) -> list[bytes]:
    return list(SEEDS[name]())


@st.composite
def damaged(draw: st.DrawFn, name: str) -> bytes:
    """Draw a seed and change it in some places: replaced, put in, cut out."""
    data = draw(st.sampled_from(seeds(name)))
    for _ in range(draw(st.integers(0, 4))):
        start = draw(st.integers(0, len(data)))
        cut = draw(st.one_of(st.integers(0, 8), st.integers(0, len(data))))
        new = draw(st.one_of(st.binary(max_size=8), st.binary(max_size=300)))
        data = data[:start] + new + data[start + cut :]
    return data[:MOST_BYTES]


@pytest.mark.parametrize("name", TARGETS)
def test_what_the_fuzzers_begin_with_is_taken(name: str) -> None:
    for seed in seeds(name):
        TARGETS[name](seed)


@pytest.mark.parametrize("path", REGRESSIONS, ids=lambda path: f"{path.parent.name}-{path.name}")
def test_what_was_once_answered_wrongly_is_answered_as_meant(path: Path) -> None:
    TARGETS[path.parent.name](path.read_bytes())


@pytest.mark.parametrize("name", TARGETS)
def test_damage_is_answered_as_meant(name: str) -> None:
    within_time = timed(TARGETS[name])

    @given(damaged(name))
    def feed(data: bytes) -> None:
        within_time(data)

    feed()


@pytest.mark.parametrize("name", TARGETS)
def test_random_bytes_are_answered_as_meant(name: str) -> None:
    within_time = timed(TARGETS[name])

    @given(st.binary(max_size=2000))
    def feed(data: bytes) -> None:
        within_time(data)

    feed()


def timed(target: Callable[[bytes], None]) -> Callable[[bytes], None]:
    def feed(data: bytes) -> None:
        began = time.perf_counter()
        target(data)
        assert time.perf_counter() - began < SECONDS

    return feed
