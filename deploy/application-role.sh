#!/bin/sh
# Make the role that the node's processes connect as, when the PostgreSQL container makes its
# database. What it may do is granted by `mgnode db upgrade --grant mgnode_app`.
set -eu
psql --no-psqlrc --quiet --set=ON_ERROR_STOP=1 --username="$POSTGRES_USER" \
    --dbname="$POSTGRES_DB" <<'SQL'
\set password `cat "$APPLICATION_PASSWORD_FILE"`
-- A statement that fails would be logged with the password in it.
SET log_min_error_statement = panic;
CREATE ROLE mgnode_app LOGIN PASSWORD :'password'
    NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS NOINHERIT;
SQL
