"""The triggers that keep the signed checkpoints append-only, as revision 0005 creates them."""

from __future__ import annotations

SQLITE_TRIGGERS = (
    """
    CREATE TRIGGER audit_checkpoint_keeps_rows_on_update BEFORE UPDATE ON audit_checkpoint
    BEGIN SELECT RAISE(ABORT, 'audit_checkpoint is append-only'); END
    """,
    """
    CREATE TRIGGER audit_checkpoint_keeps_rows_on_delete BEFORE DELETE ON audit_checkpoint
    BEGIN SELECT RAISE(ABORT, 'audit_checkpoint is append-only'); END
    """,
)

POSTGRESQL_TRIGGERS = (
    """
    CREATE FUNCTION audit_checkpoint_keeps_rows() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
      RAISE EXCEPTION 'audit_checkpoint is append-only'
        USING ERRCODE = 'integrity_constraint_violation';
    END $$
    """,
    """
    CREATE TRIGGER audit_checkpoint_keeps_rows BEFORE UPDATE OR DELETE ON audit_checkpoint
    FOR EACH ROW EXECUTE FUNCTION audit_checkpoint_keeps_rows()
    """,
    """
    CREATE TRIGGER audit_checkpoint_keeps_rows_on_truncate BEFORE TRUNCATE ON audit_checkpoint
    FOR EACH STATEMENT EXECUTE FUNCTION audit_checkpoint_keeps_rows()
    """,
)
