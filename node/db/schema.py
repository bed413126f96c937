"""Which schema the database has, and which one this version needs."""

from __future__ import annotations

from pathlib import Path

from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

from node.db import migrations


def alembic_config(connection: Connection | None = None) -> Config:
    """Return Alembic's configuration for the migrations inside this package.

    Parameters
    ----------
    connection : Connection, optional
        On which ``migrations/env.py`` works; it neither commits nor closes it.
    """
    config = Config()
    folder = str(Path(migrations.__file__).parent)
    config.set_main_option("script_location", folder.replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    return config


def head() -> str:
    """Return the revision that this version of the node works on."""
    revision = ScriptDirectory.from_config(alembic_config()).get_current_head()
    if revision is None:
        raise RuntimeError("the package holds no migration")
    return revision


def is_known(revision: str) -> bool:
    """Say whether the revision is one of this package's migrations."""
    scripts = ScriptDirectory.from_config(alembic_config())
    return revision in {script.revision for script in scripts.walk_revisions()}


def current(connection: Connection) -> str | None:
    """Return the revision of the database, None when it has no schema."""
    return MigrationContext.configure(connection).get_current_revision()
