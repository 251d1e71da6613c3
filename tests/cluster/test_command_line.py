"""The command line against a running system, as processes of their own."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.cluster.words import event, fresh, only_packed
from tests.running import Running

pytestmark = [pytest.mark.cluster, only_packed]
ROOT = Path(__file__).parents[2]


def run(running: Running, *words: str, code: int = 0, input: str | None = None) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "hindcast", *words, "--data-dir", str(running.data)]
    done = subprocess.run(command, input=input, capture_output=True, text=True, timeout=600, cwd=ROOT, check=False)
    assert done.returncode == code, f"{words}: {done.returncode}\n{done.stdout}\n{done.stderr}"
    assert "Traceback" not in done.stderr
    return done


def asked(running: Running, *words: str, **more: Any) -> Any:
    return json.loads(run(running, *words, "--json", **more).stdout)


def test_status_shows_every_cell(running: Running) -> None:
    found = asked(running, "status")
    assert found["address"].rstrip("/") == running.url
    assert {cell["state"] for cell in found["cells"]} == {"running"}
    assert "main/user_interactions/0" in run(running, "status").stdout


def test_doctor_finds_the_log_as_it_was_written(running: Running) -> None:
    found = asked(running, "doctor", "--port", running.url.rpartition(":")[2])
    checks = {check["name"]: check for check in found["checks"]}
    assert found["ok"], checks
    assert "every entry as it was written" in checks["Log"]["found"]
    assert f"process {running.process.pid}" in checks["System"]["found"]


@pytest.mark.parametrize("form", ["json", "ndjson", "csv", "parquet"])
def test_a_file_is_sent_once_however_often(running: Running, tmp_path: Path, form: str) -> None:
    source = fresh("file")
    rows = [{"event": "order.placed", "user_id": f"u{n}", "created_at": "2026-11-01T09:30:00Z", "revenue": n}
            for n in range(200)]  # fmt: skip
    file = tmp_path / f"{source}.{form}"
    if form == "json":
        file.write_text(json.dumps(rows))
    elif form == "ndjson":
        file.write_text("\n".join(map(json.dumps, rows)))
    elif form == "csv":
        with file.open("w", newline="") as out:
            writer = csv.DictWriter(out, rows[0])
            writer.writeheader()
            writer.writerows(rows)
    else:
        pq.write_table(pa.Table.from_pylist(rows), file)
    first, again = (asked(running, "send", str(file), "--source", source) for _ in range(2))
    assert (first["accepted"], first["duplicate"], first["rejected"]) == (200, 0, 0)
    assert (again["accepted"], again["duplicate"]) == (0, 200)
    query = f"SELECT count(*)::INT AS n, sum(amount)::BIGINT AS cents FROM user_interactions WHERE source = '{source}'"
    assert asked(running, "query", query) == [{"n": 200, "cents": 100 * sum(range(200))}]


def test_rows_that_are_refused_are_named(running: Running, tmp_path: Path) -> None:
    file = tmp_path / "mixed.ndjson"
    good, bad = event(), event(time="soon")
    file.write_text(f"{json.dumps(good)}\n{json.dumps(bad)}\nno json at all\n")
    found = asked(running, "send", str(file), code=1)
    assert (found["accepted"], found["rejected"]) == (1, 2)
    assert {reason["row"] for reason in found["reasons"]} == {2, 3}


def test_standard_input_is_a_file_too(running: Running) -> None:
    sent = event()
    assert "1 accepted" in run(running, "send", "-", input=json.dumps(sent)).stdout
    assert sent["id"] in run(running, "tail", "user_interactions", "-n", "1", "--no-follow", "--json").stdout


def test_tail_prints_what_comes(running: Running) -> None:
    command = [sys.executable, "-m", "hindcast", "tail", "user_interactions", "-n", "0", "--json"]
    with subprocess.Popen([*command, "--data-dir", str(running.data)], stdout=subprocess.PIPE, text=True) as tail:
        assert tail.stdout is not None
        sent: list[str] = []
        try:
            # It says nothing before the first row, so events are posted until it shows one.
            while not sent or tail.poll() is None:
                one = event()
                sent.append(one["id"])
                running.post("/v1/events", json=one).raise_for_status()
                if len(sent) > 40 or _readable(tail.stdout):
                    break
            assert json.loads(tail.stdout.readline())["id"] in sent
        finally:
            tail.terminate()


def _readable(stream: Any) -> bool:
    import select

    return bool(select.select([stream], [], [], 0.5)[0])


def test_streams_lists_them_all(running: Running) -> None:
    found = {stream["name"]: stream for stream in asked(running, "streams")}
    assert "main/user_interactions/0" in {p["producer"] for p in found["user_interactions"]["producers"]}
    assert {"metrics", "alerts", "dead_letters", "clock", "system_metrics"} <= set(found)


def test_a_query_prints_objects_and_explains_its_mistakes(running: Running) -> None:
    assert asked(running, "query", "SELECT 1 AS one, 'a' AS letter") == [{"one": 1, "letter": "a"}]
    assert "user_interactons" in run(running, "query", "SELECT * FROM user_interactons", code=2).stderr
    assert run(running, "query", "DROP TABLE metrics", code=2).stderr.startswith("Error: sql")
    assert run(running, "query", "SELECT * FROM read_csv('/etc/passwd')", code=2).stderr.count("\n") < 5


def test_keys_are_made_listed_and_revoked(running: Running) -> None:
    made = asked(running, "keys", "create", "--scopes", "ingest,query", "--name", "cli")
    assert made["key"].startswith("hc_")
    listed = {key["id"]: key for key in asked(running, "keys", "list")}
    assert listed[made["id"]]["scopes"] == ["ingest", "query"]
    assert "key" not in listed[made["id"]]
    run(running, "keys", "revoke", made["id"])
    assert made["id"] not in {key["id"] for key in asked(running, "keys", "list")}
