"""The processes work as a PostgreSQL role that cannot touch what is in the audit log."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine, event, make_url, select, text
from sqlalchemy.exc import ProgrammingError
from typer.testing import CliRunner

from node.cli.up import own_address
from node.db.assurance import Discrepancy
from node.db.grants import PRIVILEGES, apply_grants
from node.db.session import Database
from node.dispatch.broker import CeleryPublisher, celery_app
from node.dispatch.checkpoints import Signer
from node.dispatch.reconcile import Reconciler
from node.dispatch.retention import Retention
from node.errors import StopError
from node.scu.batch import find_objects, send_objects
from node.scu.outcome import Outcome
from node.states import DeliveryState
from node.store.audit_key import make_key
from tests.committing_pacs import PROFILE, CommittingPacs
from tests.confirming import ask, deliver
from tests.factories import four_view_study, save_to_folder
from tests.receiving import running_scp
from tests.rerunning import conclude, rerun
from tests.servers import free_port
from tests.working_node import WorkingNode, working_node
from workers.cli import app

pytestmark = [
    pytest.mark.postgresql,
    pytest.mark.parametrize("database_url", ["postgresql"], indirect=True),
]

ROLE = "mgnode_app"

STATEMENT = re.compile(
    r"\s*(?:(INSERT) INTO|(UPDATE)|(DELETE) FROM) (\w+)|\b(FROM|JOIN) (\w+)", re.IGNORECASE
)


@pytest.fixture
def role_url(database_url: str) -> str:
    """Give the URL of the database for the processes' role, with what it may do."""
    run(database_url, f"DROP ROLE IF EXISTS {ROLE}", f"CREATE ROLE {ROLE} LOGIN")
    result = CliRunner().invoke(
        app, ["db", "upgrade", "--grant", ROLE], env={"MGNODE_DATABASE__URL": database_url}
    )
    assert result.exit_code == 0, result.output
    return database_url.replace("//mgnode@", f"//{ROLE}@")


@pytest.fixture(autouse=True)
def _role_is_gone_afterwards(database_url: str) -> Iterator[None]:
    yield
    run(database_url, f"DROP OWNED BY {ROLE}", f"DROP ROLE {ROLE}")


@pytest.fixture
def own_database(role_url: str) -> Iterator[Database]:
    """Give the database as the processes open it."""
    opened = Database(role_url)
    yield opened
    opened.dispose()


def run(url: str, *statements: str) -> None:
    engine = create_engine(url)
    try:
        with engine.begin() as connection:
            for statement in statements:
                connection.execute(text(statement))
    finally:
        engine.dispose()


class Used:
    """Which privileges the statements of a database's engine need."""

    def __init__(self, database: Database) -> None:
        self.privileges: set[tuple[str, str]] = set()
        event.listen(database._writer, "before_cursor_execute", self._note)
        event.listen(database._reader, "before_cursor_execute", self._note)

    def _note(self, _c: Any, _cursor: Any, statement: str, *_: Any) -> None:
        for insert, update, delete, written, reads, read in STATEMENT.findall(statement):
            if verb := insert or update or delete:
                self.privileges.add((written, verb.upper()))
            if reads and read in PRIVILEGES:
                self.privileges.add((read, "SELECT"))


def whole_way(node: WorkingNode, pacs: CommittingPacs, folder: Path) -> None:
    """Receive, analyse, report, deliver, confirm, analyse again, fail and put back."""
    images = four_view_study()
    save_to_folder(images, folder)
    settings = node.runtime.settings
    with running_scp(settings, node.database):
        sent = send_objects(find_objects([folder]).objects, own_address(settings), settings.scu)
    assert {answer.outcome for answer in sent} == {Outcome.DELIVERED}
    study = str(images[0].StudyInstanceUID)
    conclude(node, study, 1, 2, 3, 4)
    deliver(node)
    ask(node)
    pacs.wait_for_reports()
    assert set(node.delivery_states()) == {DeliveryState.CONFIRMED}
    rerun(node, study)
    conclude(node, study, 1, 2, 3, 4)
    _keep_house(node)


def _keep_house(node: WorkingNode) -> None:
    """Sign the log, find a file that is gone and back, and remove what is old."""
    settings = node.runtime.settings
    make_key(settings.audit_key_file)
    assert Signer(settings, node.database, actor="dispatch").step(at=node.clock())
    with closing(celery_app(settings)) as celery:
        compare = Reconciler(
            settings, node.database, CeleryPublisher(celery), clock=node.clock
        ).whole_pass
        there = node.layout.absolute(node.instance(1).path)
        aside = there.rename(there.with_suffix(".aside"))
        compare()
        assert _open_discrepancies(node)
        aside.rename(there)
        node.clock.pass_(days=2)
        compare()
        assert not _open_discrepancies(node)
    Retention(settings, node.database, actor="dispatch").step(at=node.clock())
    assert any(row.removed_at for row in node.results())


def _open_discrepancies(node: WorkingNode) -> list[str]:
    query = select(Discrepancy.kind).where(Discrepancy.resolved_at.is_(None))
    with node.database.read() as session:
        return [kind for kind in session.scalars(query) if kind.startswith("FILE_MISSING")]


def test_a_study_goes_its_whole_way_as_the_processes_role(
    own_database: Database, tmp_path: Path
) -> None:
    used = Used(own_database)
    with CommittingPacs(reports_here=True) as pacs:
        node = working_node(
            tmp_path / "storage",
            own_database,
            destinations={"pacs": pacs.destination("commitment")},
            profiles={PROFILE: {"objects": ["measurement_report", "overlay"]}},
            scp={"port": free_port()},
            audit={"checkpoint_events": 1},
            retention={"images_days": 1, "results_days": 1},
            scu={"report_wait_seconds": 10.0},
        )
        # Its SCP goes by the machine's clock.
        node.clock.now = datetime.now(UTC)
        whole_way(node, pacs, tmp_path / "images")

    given = {(table, each) for table, allowed in PRIVILEGES.items() for each in allowed}
    assert node.audit_problem() is None
    assert used.privileges <= given
    assert given - used.privileges == set(), "a privilege that nothing needs"


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit_event SET reason = 'nicer' WHERE id = 1",
        "DELETE FROM audit_event WHERE id = 1",
        "TRUNCATE audit_event",
        "DROP TRIGGER audit_event_keeps_rows ON audit_event",
        "ALTER TABLE audit_event DISABLE TRIGGER ALL",
        "ALTER TABLE audit_event DROP CONSTRAINT uq_audit_event_hash",
        "ALTER TABLE audit_event OWNER TO mgnode_app",
        "DROP TABLE audit_event",
        "SET session_replication_role = replica",
        "SET ROLE mgnode",
        "GRANT UPDATE ON audit_event TO mgnode_app; DELETE FROM audit_event",
        (
            "INSERT INTO audit_event SELECT * FROM audit_event WHERE id = 1"
            " ON CONFLICT (id) DO UPDATE SET reason = 'nicer'"
        ),
        (
            "CREATE OR REPLACE FUNCTION audit_event_keeps_rows() RETURNS trigger LANGUAGE plpgsql"
            " AS $$ BEGIN RETURN NULL; END $$"
        ),
        "CREATE TEMPORARY TABLE audit_event (id bigint, hash text)",
        "CREATE TABLE mine (id bigint)",
        "UPDATE audit_checkpoint SET event_hash = ''",
        "DELETE FROM audit_checkpoint",
        "TRUNCATE audit_checkpoint",
        "DELETE FROM delivery",
        "TRUNCATE instance",
        "UPDATE installation SET uid_namespace = ''",
        "UPDATE alembic_version SET version_num = '9999'",
        "COPY audit_event TO PROGRAM 'cat'",
        "SELECT pg_read_file('postgresql.conf')",
    ],
)
def test_the_processes_role_is_refused_what_the_code_never_does(
    role_url: str, statement: str
) -> None:
    with pytest.raises(ProgrammingError, match="InsufficientPrivilege"):
        run(role_url, statement)


def test_granting_again_takes_away_what_was_given_beside_it(
    database_url: str, role_url: str
) -> None:
    run(database_url, f"GRANT ALL ON ALL TABLES IN SCHEMA public TO {ROLE}")
    owner = Database(database_url)
    with owner.begin() as session:
        apply_grants(session, ROLE)
    owner.dispose()

    with pytest.raises(ProgrammingError, match="permission denied"):
        run(role_url, "DELETE FROM study")


@pytest.mark.parametrize(
    ("before", "role", "match"),
    [
        ([], "nobody_here", "there is no role nobody_here: CREATE ROLE"),
        ([], "mgnode", "is a superuser"),
        ([f"GRANT mgnode TO {ROLE}"], ROLE, "owns the tables"),
    ],
)
@pytest.mark.usefixtures("role_url")
def test_a_role_that_grants_cannot_hold_back_is_refused(
    database_url: str, before: list[str], role: str, match: str
) -> None:
    run(database_url, *before)
    owner = Database(database_url)
    with owner.begin() as session, pytest.raises(StopError, match=match):
        apply_grants(session, role)
    owner.dispose()


@pytest.mark.parametrize(
    ("give", "take", "match"),
    [
        ("DATABASE {name} OWNER TO {role}", "DATABASE {name} OWNER TO mgnode", "owns the database"),
        ("SCHEMA public OWNER TO {role}", "SCHEMA public OWNER TO mgnode", "owns the schema"),
        ("ROLE {role} CREATEROLE", "ROLE {role} NOCREATEROLE", "may change roles"),
    ],
)
@pytest.mark.usefixtures("role_url")
def test_a_role_that_could_give_itself_rights_is_refused(
    database_url: str, give: str, take: str, match: str
) -> None:
    name = f'"{make_url(database_url).database}"'
    owner = Database(database_url)
    run(database_url, f"ALTER {give}".format(name=name, role=ROLE))
    try:
        with owner.begin() as session, pytest.raises(StopError, match=match):
            apply_grants(session, ROLE)
    finally:
        run(database_url, f"ALTER {take}".format(name=name, role=ROLE))
        owner.dispose()
