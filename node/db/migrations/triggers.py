"""The triggers that keep the audit log append-only, as revision 0001 creates them.

A revision that has run somewhere never changes: another set of triggers is a new
revision with a module of its own.
"""

from __future__ import annotations

SQLITE_TRIGGERS = (
    """
    CREATE TRIGGER audit_event_keeps_rows_on_update BEFORE UPDATE ON audit_event
    BEGIN SELECT RAISE(ABORT, 'audit_event is append-only'); END
    """,
    """
    CREATE TRIGGER audit_event_keeps_rows_on_delete BEFORE DELETE ON audit_event
    BEGIN SELECT RAISE(ABORT, 'audit_event is append-only'); END
    """,
    # This one stops INSERT OR REPLACE too, for a program without recursive_triggers.
    """
    CREATE TRIGGER audit_event_continues_chain BEFORE INSERT ON audit_event
    WHEN NEW.id IS NOT coalesce((SELECT max(id) FROM audit_event), 0) + 1
      OR NEW.previous_hash IS NOT coalesce(
           (SELECT hash FROM audit_event ORDER BY id DESC LIMIT 1), printf('%064d', 0))
    BEGIN SELECT RAISE(ABORT, 'audit_event: the row does not continue the chain'); END
    """,
)

POSTGRESQL_TRIGGERS = (
    """
    CREATE FUNCTION audit_event_keeps_rows() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
      RAISE EXCEPTION 'audit_event is append-only'
        USING ERRCODE = 'integrity_constraint_violation';
    END $$
    """,
    """
    CREATE TRIGGER audit_event_keeps_rows BEFORE UPDATE OR DELETE ON audit_event
    FOR EACH ROW EXECUTE FUNCTION audit_event_keeps_rows()
    """,
    """
    CREATE TRIGGER audit_event_keeps_rows_on_truncate BEFORE TRUNCATE ON audit_event
    FOR EACH STATEMENT EXECUTE FUNCTION audit_event_keeps_rows()
    """,
    """
    CREATE FUNCTION audit_event_continues_chain() RETURNS trigger LANGUAGE plpgsql AS $$
    DECLARE
      last record;
    BEGIN
      SELECT id, hash INTO last FROM audit_event ORDER BY id DESC LIMIT 1;
      IF NEW.id IS DISTINCT FROM coalesce(last.id, 0) + 1
         OR NEW.previous_hash IS DISTINCT FROM coalesce(last.hash, repeat('0', 64)) THEN
        RAISE EXCEPTION 'audit_event: the row does not continue the chain'
          USING ERRCODE = 'integrity_constraint_violation';
      END IF;
      RETURN NEW;
    END $$
    """,
    """
    CREATE TRIGGER audit_event_continues_chain BEFORE INSERT ON audit_event
    FOR EACH ROW EXECUTE FUNCTION audit_event_continues_chain()
    """,
)
