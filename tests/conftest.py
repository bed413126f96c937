"""Fixtures of every test: real databases and brokers; what is missing is said by name."""

from __future__ import annotations

import logging
import shutil
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pydicom.config
import pytest
import structlog
from _pytest.terminal import TerminalReporter
from hypothesis import settings
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

from config.log import OURS, REPEATING, SILENCED
from node.db.session import Database
from node.db.upgrade import upgrade
from tests.requirements import missing
from tests.servers import PostgresqlServer, RedisServer, running, short_folder

# A misspelt keyword is otherwise a silent new attribute of the Dataset.
pydicom.config.INVALID_KEYWORD_BEHAVIOR = "RAISE"

# How long an example takes says more about the machine than about the code.
settings.register_profile("mgnode", deadline=None)
# Hours, for `--hypothesis-profile=deep`.
settings.register_profile("deep", deadline=None, max_examples=200_000)
settings.load_profile("mgnode")

TEMPLATE = "mgnode_template"


SHARING = ("contract", "golden")
"""Folders whose files share what their session fixtures make, and so share one process."""


class OneProcessForAFile(LoadScopeScheduling):
    """Gives the tests of one file, or of one folder of ``SHARING``, to one process."""

    def _split_scope(self, nodeid: str) -> str:
        path = Path(nodeid.partition("::")[0])
        return str(path.parent if path.parent.name in SHARING else path)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> OneProcessForAFile:
    """Choose the scheduler of pytest-xdist."""
    return OneProcessForAFile(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Leave out the groups that cannot run on this machine."""
    reasons = missing()
    for item in items:
        for marker, reason in reasons.items():
            if item.get_closest_marker(marker):
                item.add_marker(pytest.mark.skip(reason=f"{marker} ({reason})"))


def pytest_terminal_summary(terminalreporter: TerminalReporter) -> None:
    """Close with every group of tests that was left out, and why."""
    groups: Counter[str] = Counter()
    for report in terminalreporter.getreports("skipped"):
        if isinstance(report.longrepr, tuple):
            groups[report.longrepr[2].removeprefix("Skipped: ")] += 1
    if not groups:
        return
    terminalreporter.section("left out")
    for reason, count in sorted(groups.items()):
        tests = "1 test" if count == 1 else f"{count} tests"
        terminalreporter.write_line(f"left out: {reason}: {tests}")


@pytest.fixture(autouse=True)
def _logging_as_before() -> Iterator[None]:
    """Undo ``config.log.configure``: its stream is the test's, and closed after it."""
    root = logging.getLogger()
    handlers = root.handlers
    names = ("", *OURS, *SILENCED, *REPEATING, "pynetdicom", "py.warnings")
    levels = {name: logging.getLogger(name).level for name in names}
    yield
    logging.captureWarnings(capture=False)
    root.handlers = handlers
    for name, level in levels.items():
        logging.getLogger(name).setLevel(level)
    structlog.reset_defaults()


@pytest.fixture(scope="session")
def postgresql_server() -> Iterator[PostgresqlServer]:
    """Give a running PostgreSQL, whose database ``TEMPLATE`` is migrated and empty."""
    with short_folder() as folder, running(PostgresqlServer(folder)) as server:
        upgrade(server.create(TEMPLATE))
        yield server


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a migrated, empty SQLite file to copy."""
    path = tmp_path_factory.mktemp("sqlite") / "template.db"
    upgrade(f"sqlite:///{path}")
    return path


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgresql)])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """Give the URL of a migrated, empty database of its own to each test, on each kind."""
    if request.param == "sqlite":
        path = tmp_path / "mgnode.db"
        shutil.copy2(request.getfixturevalue("sqlite_template"), path)
        yield f"sqlite:///{path}"
        return
    server: PostgresqlServer = request.getfixturevalue("postgresql_server")
    name = tmp_path.name[:63]
    url = server.create(name, template=TEMPLATE)
    yield url
    server.drop(name)


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    """Give the database of ``database_url``, opened."""
    opened = Database(database_url)
    yield opened
    opened.dispose()


@pytest.fixture
def sqlite_database(tmp_path: Path, sqlite_template: Path) -> Iterator[Database]:
    """Give an empty SQLite database, for what has nothing to do with the kind of database."""
    path = tmp_path / "mgnode.db"
    shutil.copy2(sqlite_template, path)
    opened = Database(f"sqlite:///{path}")
    yield opened
    opened.dispose()


@pytest.fixture(scope="session")
def redis_server() -> Iterator[RedisServer]:
    """Give a running Redis; a test that kills its broker starts one of its own."""
    with short_folder() as folder, running(RedisServer(folder)) as server:
        yield server


@pytest.fixture
def redis_url(redis_server: RedisServer) -> str:
    """Give the URL of a Redis that is empty at the start of the test."""
    redis_server.empty()
    return redis_server.url
