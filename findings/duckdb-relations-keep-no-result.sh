#!/usr/bin/env bash
# duckdb 2.0.0 (PyPI, Python): a relation keeps no result between calls. `duckdb.sql("…").fetchone()`, which every earlier
# release has and most examples use to read one row, is gone (AttributeError); and a relation that is read twice is run
# twice, so that two reads of one object can differ. `connection.execute("…").fetchone()` is as it was.
#
# Guess from memory: `duckdb.sql("SELECT 42").fetchone()` gives (42,), and a relation that was read once is materialised.
# Source: the message of the error itself ("Relations no longer have fetchone(): a relation keeps no result between calls, so
# every call runs it again"), and what is seen below.
# Seen on 2026-11-28: AttributeError for fetchone; two fetchall() of one relation, with a row inserted between them, give
# [(0,)] and [(1,)]; execute(...).fetchone() gives (42,).
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet "duckdb==2.0.0"
"$folder/venv/bin/python" - <<'PYTHON'
import duckdb

db = duckdb.connect()
relation = db.sql("SELECT 42")
try:
    relation.fetchone()
except AttributeError as error:
    print("fetchone:", error)
else:
    raise SystemExit("a relation has fetchone() again")
db.execute("CREATE TABLE t (i INT)")
counted = db.sql("SELECT count(*) FROM t")
first = counted.fetchall()
db.execute("INSERT INTO t VALUES (1)")
second = counted.fetchall()
print("read twice:", first, second)
assert (first, second) == ([(0,)], [(1,)]), "a relation keeps its result again"
assert db.execute("SELECT 42").fetchone() == (42,)
print("execute().fetchone():", (42,))
PYTHON
