"""Alembic's migrations, run by ``node.db.upgrade`` from the installed package.

A new one is drafted on an upgraded database and then edited by hand: where SQLite
cannot ALTER, write ``op.batch_alter_table``. A batch copy of ``audit_event`` loses
its triggers; create them anew in the same migration.
"""
