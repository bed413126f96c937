"""The SQL truth: tables, sessions, state changes and the audit chain."""
