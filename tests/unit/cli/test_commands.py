"""The command line as its users type it, with and without a running system."""

from __future__ import annotations

import csv
import io
import json
import os
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from contextlib import closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner, Result

from hindcast.cli import main
from hindcast.cli.operations import described
from hindcast.datadir import DataDir, Running

ROOT = Path(__file__).parents[3]


def run(*args: str, input: str | bytes | None = None) -> Result:
    result = CliRunner().invoke(main, list(args), input=input, catch_exceptions=False)
    assert "Traceback" not in result.output
    return result


@pytest.fixture
def orders(tmp_path: Path) -> Path:
    path = tmp_path / "orders.csv"
    path.write_text("event,user_id,created_at,revenue\norder.placed,u1,2026-01-31 09:30:00,12.5\norder.placed,u2,,3\n")
    return path


@pytest.fixture
def stopped(served: Any) -> Path:
    """A data directory with events, whose system has ended."""
    served.take([{"id": f"e{i}", "type": "page", "subject": f"u{i}"} for i in range(5)], "id")
    (served.data_dir / "runtime.json").unlink()
    return served.data_dir


def test_a_csv_file_is_sent_and_sending_it_again_changes_nothing(served: Any, orders: Path) -> None:
    first = run("send", str(orders), "--data-dir", str(served.data_dir))
    assert first.exit_code == 0, first.output
    assert "2 accepted, 0 duplicate, 0 rejected" in first.stdout
    assert "type = column event" in first.stderr
    assert "subject = column user_id" in first.stderr
    assert "source = “orders”" in first.stderr
    again = run("send", str(orders), "--data-dir", str(served.data_dir), "--json")
    summary = json.loads(again.stdout)
    assert (summary["accepted"], summary["duplicate"]) == (0, 2)
    one, two = served.stored.values()
    assert (one["subject"], one["time"], one["data"]) == ("u1", "2026-01-31T09:30:00Z", {"revenue": 12.5})
    assert "time" not in two


def test_columns_are_named_by_options_and_unknown_ones_refused(served: Any, orders: Path) -> None:
    where = ("--address", served.url, "--key", "hc_test")
    sent = run("send", str(orders), *where, "--type", "sale.made", "--source", "event", "--subject", "revenue")
    assert sent.exit_code == 0, sent.output
    event = next(iter(served.stored.values()))
    assert (event["type"], event["source"], event["subject"]) == ("sale.made", "order.placed", "12.5")
    wrong = run("send", str(orders), *where, "--time", "nope")
    assert wrong.exit_code == 2
    assert "--time: the file has no column 'nope'; it has created_at" in wrong.stderr
    plain = run("send", "-", *where, input=b'[{"a": 1}]')
    assert plain.exit_code == 2
    assert "--type" in plain.stderr


def test_rejected_rows_are_counted_named_and_end_in_exit_code_1(served: Any, tmp_path: Path) -> None:
    path = tmp_path / "mixed.ndjson"
    lines = [json.dumps({"type": "bad" if i == 1200 else "ok", "n": i}) for i in range(1500)]
    lines.insert(10, "{nonsense")
    path.write_text("\n".join(lines))
    sent = run("send", str(path), "--data-dir", str(served.data_dir))
    assert sent.exit_code == 1
    assert "1,499 accepted, 0 duplicate, 2 rejected" in sent.stdout
    assert "row 11: row is not JSON" in sent.stderr
    assert "row 1202: type is bad" in sent.stderr


def test_rows_from_a_pipe_are_new_each_time_unless_they_have_ids(served: Any) -> None:
    where = ("--data-dir", str(served.data_dir), "--json")
    rows = '{"type": "page"}\n{"type": "page"}\n{"type": "page", "id": "mine"}\n'
    counts = [json.loads(run("send", "-", *where, input=rows).stdout) for _ in range(2)]
    assert [(c["accepted"], c["duplicate"]) for c in counts] == [(3, 0), (2, 1)]


def test_whole_events_go_as_they_are(served: Any, tmp_path: Path) -> None:
    cloud = {"specversion": "1.0", "id": "c1", "source": "s", "type": "t", "data": {"x": 1}}
    segment = {"type": "track", "event": "Signed up", "userId": "u", "messageId": "m1"}
    path = tmp_path / "both.json"
    path.write_text(json.dumps([cloud, segment]))
    assert run("send", str(path), "--data-dir", str(served.data_dir)).exit_code == 0
    assert served.stored == {"c1": cloud, "m1": segment}


def test_an_unreachable_system_is_exit_code_3(tmp_path: Path, orders: Path) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{unused.getsockname()[1]}"
    result = run("status", "--address", address, "--key", "k")
    assert result.exit_code == 3
    assert result.stderr.count("\n") == 1
    assert run("status", "--data-dir", str(tmp_path)).exit_code == 3
    nowhere = run("send", str(orders), "--data-dir", str(tmp_path / "none"))
    assert nowhere.exit_code == 2
    assert "hindcast up" in nowhere.stderr


def test_query_prints_a_table_json_or_csv(served: Any) -> None:
    served.take([{"id": "a", "type": "page", "subject": "ü"}, {"id": "b", "type": "page"}], "id")
    where = ("--data-dir", str(served.data_dir))
    sql = "SELECT id, subject, 7 AS n FROM user_interactions ORDER BY id"
    table = run("query", sql, *where)
    assert table.stdout.splitlines() == ["id  subject  n", "a   ü        7", "b   —        7"]
    rows = [{"id": "a", "subject": "ü", "n": 7}, {"id": "b", "subject": None, "n": 7}]
    assert json.loads(run("query", sql, *where, "--json").stdout) == rows
    assert list(csv.reader(io.StringIO(run("query", sql, *where, "--csv").stdout)))[1:] == [
        ["a", "ü", "7"],
        ["b", "", "7"],
    ]
    assert json.loads(run("query", "-", *where, "--json", input="SELECT 1 AS x").stdout) == [{"x": 1}]
    cut = run("query", "FROM range(100)", *where, "--limit", "3", "--json")
    assert len(json.loads(cut.stdout)) == 3
    assert "cut after 3 rows" in cut.stderr


def test_a_wrong_query_is_explained(served: Any) -> None:
    for where in (["--data-dir", str(served.data_dir)], ["--address", served.url, "--key", "hc_test"]):
        wrong = run("query", "SELECT nope FROM metrics", *where)
        assert wrong.exit_code == 2
        assert "Columns of metrics: id, source" in wrong.stderr
        assert wrong.stderr.count("\n") == 1
    assert run("query", "SELECT 1", "--address", served.url, "--key", "wrong").exit_code == 2


def test_the_log_is_read_when_nothing_runs(stopped: Path) -> None:
    where = ("--data-dir", str(stopped))
    before = {path: path.read_bytes() for path in (stopped / "log" / "cells").glob("*.db")}
    [n] = json.loads(run("query", "SELECT count(*) AS n FROM user_interactions", *where, "--json").stdout)
    assert n == {"n": 5}
    listed = {s["name"]: s["rows"] for s in json.loads(run("streams", *where, "--json").stdout)}
    assert (listed["user_interactions"], listed["metrics"]) == (5, 0)
    assert "user_interactions" in run("streams", *where).stdout
    last = run("tail", "user_interactions", "-n", "2", "--no-follow", "--json", *where)
    assert [json.loads(line)["id"] for line in last.stdout.splitlines()] == ["e3", "e4"]
    assert {path: path.read_bytes() for path in before} == before
    unknown = run("tail", "orders", "--no-follow", *where)
    assert (unknown.exit_code, "there are alerts, annotations, anomalies" in unknown.stderr) == (2, True)


def test_reading_makes_no_directory(tmp_path: Path) -> None:
    result = run("query", "SELECT 1", "--data-dir", str(tmp_path / "typo"))
    assert (result.exit_code, "there is no log" in result.stderr) == (2, True)
    assert not (tmp_path / "typo").exists()


def test_a_log_of_several_tenants_asks_for_one(served: Any, stopped: Path) -> None:
    served.log.acquire("other/user_interactions/0", ["user_interactions"])
    where = ("--data-dir", str(stopped))
    assert "demo, other; choose one with --tenant" in run("streams", *where).stderr
    assert run("streams", *where, "--tenant", "demo").exit_code == 0


def test_tail_follows_a_running_system(served: Any) -> None:
    served.take([{"id": "old", "type": "page"}], "id")
    command = [sys.executable, "-m", "hindcast.cli", "tail", "user_interactions", "--json"]
    environment = {**os.environ, "HINDCAST_DATA_DIR": str(served.data_dir)}
    with subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        try:
            assert json.loads(process.stdout.readline())["id"] == "old"
            served.take([{"id": "new", "type": "page"}], "id")
            assert json.loads(process.stdout.readline())["id"] == "new"
        finally:
            process.terminate()


def test_keys_are_made_listed_and_revoked(served: Any) -> None:
    where = ("--data-dir", str(served.data_dir))
    made = json.loads(run("keys", "create", "--scopes", "ingest,query", "--name", "shop", "--json", *where).stdout)
    assert (made["key"], made["scopes"]) == ("hc_new", ["ingest", "query"])
    assert run("keys", "create", "--scopes", "query", *where).stdout == "hc_new\n"
    assert "shop" in run("keys", "list", *where).stdout
    next_one = json.loads(run("keys", "rotate", made["id"], "--json", *where).stdout)
    assert (next_one["name"], next_one["source"], next_one["key"]) == ("shop", "shop", "hc_next")
    assert next_one["id"] != made["id"]
    assert run("keys", "revoke", next_one["id"], *where).exit_code == 0
    assert run("keys", "revoke", made["id"], *where).exit_code == 0
    assert [k["id"] for k in json.loads(run("keys", "list", "--json", *where).stdout)] == ["key_1"]
    wrong = run("keys", "create", "--scopes", "read", *where)
    assert (wrong.exit_code, "must be of ingest" in wrong.stderr) == (2, True)


def test_the_directorys_key_goes_to_no_stranger(served: Any) -> None:
    assert run("streams", "--data-dir", str(served.data_dir), "--address", served.url).exit_code == 0
    stranger = served.url.replace("127.0.0.1", "localhost")
    refused = run("streams", "--data-dir", str(served.data_dir), "--address", stranger)
    assert (refused.exit_code, "is not known" in refused.stderr) == (2, True)


def test_status_shows_every_cell(served: Any) -> None:
    shown = run("status", "--data-dir", str(served.data_dir)).stdout
    assert "log 2.0 KiB" in shown
    assert "demo/user_interactions/0  running" in shown
    assert "events: 3 rows came too late for their window, up to 150 s behind; see the stream late_rows" in shown
    assert json.loads(run("status", "--data-dir", str(served.data_dir), "--json").stdout)["address"] == served.url


def test_status_shows_how_late_each_source_is_and_at_which_hours(served: Any) -> None:
    shown = run("status", "--data-dir", str(served.data_dir)).stdout
    (line,) = (line for line in shown.splitlines() if line.startswith("shop"))
    assert line.split("  ", 1)[1].split() == ["1000", "≤", "7200", "s", ">", "7", "d", "+2", "h", "(900)"]


def test_doctor_finds_a_port_in_use_and_a_damaged_log(stopped: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        checked = run("doctor", "--data-dir", str(stopped), "--port", port, "--json")
    checks = {check["name"]: check for check in json.loads(checked.stdout)["checks"]}
    assert checked.exit_code == 1
    assert checks["Port"]["verdict"] == "fail"
    assert str(os.getpid()) in checks["Port"]["found"]
    assert checks["Log"]["verdict"] == "ok", checks["Log"]
    assert "5 rows" in checks["Log"]["found"]

    [cell] = (stopped / "log" / "cells").glob("*.db")
    with closing(sqlite3.connect(cell)) as db, db:
        [(place, payload)] = db.execute("SELECT place, payload FROM entry").fetchall()
        flipped = payload[:-20] + bytes([payload[-20] ^ 1]) + payload[-19:]
        db.execute("UPDATE entry SET payload = ? WHERE place = ?", (flipped, place))
    damaged = run("doctor", "--data-dir", str(stopped), "--port", port)
    assert damaged.exit_code == 1
    [line] = [line for line in damaged.stdout.splitlines() if "  Log " in line]
    assert line.startswith("fail")


def test_doctor_notices_a_system_that_died(tmp_path: Path) -> None:
    running = {
        "address": "http://127.0.0.1:1",
        "pid": 2**22 + 1,
        "ray_address": "",
        "namespace": "",
        "placement": "packed",
    }
    (tmp_path / "runtime.json").write_text(json.dumps({**running, "started": 0, "version": "0.1.0"}))
    checks = json.loads(run("doctor", "--data-dir", str(tmp_path), "--json").stdout)["checks"]
    found = {check["name"]: check for check in checks}
    assert found["System"]["verdict"] == "warn"
    assert "left of a system that died" in found["System"]["found"]


def test_doctor_beside_another_live_system_does_not_say_to_end_it(tmp_path: Path) -> None:
    class Ready(BaseHTTPRequestHandler):
        """As the gateway of a system that starts or runs."""

        def do_GET(self) -> None:
            self.send_response(503)
            self.end_headers()
            self.wfile.write(b'{"ready": false, "waiting": {"main/metrics/0": "starting"}}')

    with ThreadingHTTPServer(("127.0.0.1", 0), Ready) as other:
        threading.Thread(target=other.serve_forever, daemon=True).start()
        port = other.server_port
        checked = run("doctor", "--data-dir", str(tmp_path), "--port", str(port), "--json")
        other.shutdown()
    found = {check["name"]: check for check in json.loads(checked.stdout)["checks"]}["Port"]
    assert found["verdict"] == "warn"
    assert f"{port} is the port of another Hindcast" in found["found"]
    assert f"`hindcast up --port {port + 1}`" in found["remedy"]
    assert "end" not in found["remedy"].split()


def test_doctor_takes_a_reused_process_id_for_no_system_and_says_when_one_starts(tmp_path: Path) -> None:
    data = DataDir(tmp_path)
    data.claim()
    assert checks_of(tmp_path)["System"] == ("ok", "one is starting on this directory", "")
    running = Running("http://127.0.0.1:1", os.getpid(), "", "hindcast", "packed", time.time(), "0")
    data.announce(running)
    verdict, said, remedy = checks_of(tmp_path)["System"]
    assert (verdict, said) == ("fail", f"process {os.getpid()} does not answer on http://127.0.0.1:1")
    assert "kill" not in remedy
    data.release()
    data.announce(running)  # as a killed system leaves it, whose process id is given to another program
    assert checks_of(tmp_path)["System"][0] == "warn"
    assert checks_of(tmp_path)["Port"][0] == "ok"


def checks_of(data: Path) -> dict[str, tuple[str, str, str]]:
    """(verdict, found, remedy) by name."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
    checks = json.loads(run("doctor", "--data-dir", str(data), "--port", str(port), "--json").stdout)["checks"]
    return {check["name"]: (check["verdict"], check["found"], check["remedy"]) for check in checks}


def test_help_groups_its_commands_and_leaves_none_out() -> None:
    shown = run("--help").stdout
    lines = shown.partition("Commands:")[2].splitlines()
    titles = [line.strip() for line in lines if line.startswith("  ") and line[2] != " " and line.endswith(":")]
    assert titles == [
        "Run a system:",
        "Events in and out of it:",
        "Read how it all does:",
        "Watch what comes:",
        "Show it:",
        "People and their data:",
        "Ask the past:",
        "Definitions of all kinds:",
        "Analyse a file, without a system:",
        "Find a model for a table, and use it:",
        "Models of a system:",
    ]
    listed = [line.split()[0] for line in lines if line.startswith("    ") and line[4:5].strip()]
    assert "Tab completion" in shown
    assert sorted(listed) == sorted(main.commands)
    assert not any(line.endswith("...") for line in lines), "a description is cut"


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_tab_completion_is_there_as_the_help_says(shell: str) -> None:
    script = subprocess.run(
        [str(Path(sys.executable).with_name("hindcast"))],
        env={**os.environ, "_HINDCAST_COMPLETE": f"{shell}_source"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "_HINDCAST_COMPLETE" in script.stdout, script.stderr


def test_down_where_nothing_runs_says_so(tmp_path: Path) -> None:
    assert "No system runs" in run("down", "--data-dir", str(tmp_path)).stdout


def test_help_is_instant_and_imports_nothing_heavy() -> None:
    code = "import sys; from hindcast.cli import main; main(['--help'], standalone_mode=False)"
    command = [sys.executable, "-X", "importtime", "-c", code]
    times: list[float] = []  # of the processor, so that others who use it do not count
    for _ in range(3):
        before = os.times()
        shown = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
        after = os.times()
        times.append(after.children_user + after.children_system - before.children_user - before.children_system)
        imported = {line.rpartition("|")[2].strip() for line in shown.stderr.splitlines()}
        assert "Commands:" in shown.stdout
        heavy = {"ray", "pyarrow", "duckdb", "numpy", "numba", "httpx", "pydantic", "fastapi", "asyncio"}
        assert not imported & heavy
    assert min(times) < 0.5


@pytest.mark.parametrize("command", list(main.commands))
def test_every_command_has_help(command: str) -> None:
    shown = run(command, "--help")
    assert shown.exit_code == 0
    assert "Usage:" in shown.stdout


DATES = (
    b"event,user_id,date,price\nSold,ada,20240229,29.5\nSold,bob,20240301,free\n"
    b"Sold,eve,20240302,7\nSold,kim,20240303,n/a\n"
)


def test_a_dry_run_says_what_is_what_and_needs_no_system(tmp_path: Path) -> None:
    where = ("--data-dir", str(tmp_path / "none"), "--dry-run")
    said = run("send", "-", *where, input=DATES)
    assert said.exit_code == 0, said.output
    assert "time     column date, read as YYYYMMDD in UTC" in said.stdout
    assert "data     price" in said.stdout
    assert "Nothing was sent. 4 would be accepted, 0 rejected" in said.stdout
    found = json.loads(run("send", "-", *where, "--json", input=DATES).stdout)
    assert found["mapping"] == {"type": "event", "subject": "user_id", "time": "date", "source": "“stdin”"}
    assert [event["time"] for event in found["events"]] == [
        f"2024-{day}T00:00:00Z" for day in ("02-29", "03-01", "03-02")
    ]


def test_usual_names_are_known_in_capitals_and_with_blanks(tmp_path: Path) -> None:
    where = ("--data-dir", str(tmp_path / "none"), "--dry-run", "--json")
    body = b"Event Name,User ID,Created-At,Price\nSold,ada,2024-02-29,29.5\n"
    found = json.loads(run("send", "-", *where, input=body).stdout)
    assert found["mapping"] == {
        "type": "Event Name",
        "subject": "User ID",
        "time": "Created-At",
        "source": "“stdin”",
    }
    both = json.loads(run("send", "-", *where, input=b"TYPE,type,n\na,b,1\n").stdout)
    assert both["mapping"]["type"] == "type", "the name as it is written comes first"


def test_without_a_column_of_times_it_is_said_what_the_time_will_be(tmp_path: Path) -> None:
    where = ("--data-dir", str(tmp_path / "none"), "--type", "sales", "--dry-run")
    said = run("send", "-", *where, input=b"Month,Sales\nJan 2024,7\n")
    assert "time = when it is received" in said.stderr
    assert "time     when it is received: no column is taken for it (--time COLUMN names one)" in said.stdout
    assert "received" not in run("send", "-", *where, "--time", "Month", input=b"Month,Sales\nJan 2024,7\n").output


def test_one_odd_cell_does_not_make_a_column_text(tmp_path: Path) -> None:
    where = ("--data-dir", str(tmp_path / "none"), "--dry-run", "--json")
    events = json.loads(run("send", "-", *where, input=DATES).stdout)["events"]
    assert [event["data"]["price"] for event in events] == [29.5, "free", 7]
    half = json.loads(run("send", "-", *where, input=b"event,price\nSold,29.5\nSold,n/a\n").stdout)["events"]
    assert [event["data"] for event in half] == [{"price": 29.5}, {}]
    codes = b"event,plant\nSold,01\nSold,12\nSold,13\n"
    events = json.loads(run("send", "-", *where, input=codes).stdout)["events"]
    assert [event["data"]["plant"] for event in events] == ["01", "12", "13"]


@pytest.mark.parametrize(
    ("cells", "times"),
    [
        (("202401", "202402"), ("2024-01-01T00:00:00Z", "2024-02-01T00:00:00Z")),
        (("Jan 2024", "Feb 2024"), ("2024-01-01T00:00:00Z", "2024-02-01T00:00:00Z")),
        (("2024-01-31 09:30", "2024-02-01 10:00"), ("2024-01-31T09:30:00Z", "2024-02-01T10:00:00Z")),
        (("1704067200", "1704067260"), ("2024-01-01T00:00:00Z", "2024-01-01T00:01:00Z")),
        (("2024-W03", "2024-W04"), ("2024-01-15T00:00:00Z", "2024-01-22T00:00:00Z")),
        (("20240229T0930", "20240301T1000"), ("2024-02-29T09:30:00Z", "2024-03-01T10:00:00Z")),
    ],
)
def test_times_are_read_as_the_analysis_commands_read_them(
    tmp_path: Path, cells: tuple[str, ...], times: tuple[str, ...]
) -> None:
    body = "event,time\n" + "".join(f"Sold,{cell}\n" for cell in cells)
    found = run("send", "-", "--data-dir", str(tmp_path / "none"), "--dry-run", "--json", input=body.encode())
    assert tuple(event["time"] for event in json.loads(found.stdout)["events"]) == times


def test_a_dry_run_tells_which_rows_would_be_refused_and_all_that_is_wrong(tmp_path: Path) -> None:
    rows = b'{"specversion": "1.0", "source": "", "time": "soon"}\n{"event": "Sold", "date": "2024-02-29"}\n'
    said = run("send", "-", "--format", "ndjson", "--data-dir", str(tmp_path / "none"), "--dry-run", input=rows)
    assert said.exit_code == 1
    assert "1 would be accepted, 1 rejected" in said.stdout
    for field in ("source", "type", "time"):
        assert f"{field} " in said.stderr


def test_a_dry_run_sends_nothing_to_a_server_and_does_not_point_there(tmp_path: Path) -> None:
    rows = b"event,time\n" + b"Sold,soon\n" * 30
    said = run("send", "-", "--data-dir", str(tmp_path / "none"), "--dry-run", input=rows)
    assert "… and 20 more" in said.stderr
    assert "dead_letters" not in said.output


def test_every_operation_that_names_a_command_is_one() -> None:
    of_target = {option.name for option in main.commands["link"].params}
    for group, name in described():
        command = main.commands[group].get_command(click.Context(main), name)  # pyright: ignore[reportAttributeAccessIssue]
        assert command is not None, f"hindcast {group} {name}"
        names = [p.name for p in command.params]
        assert len(names) == len(set(names)), f"hindcast {group} {name}: a parameter is named as one of {of_target}"
        assert run(group, name, "--help").exit_code == 0


def test_a_described_command_follows_from_its_method(served: Any) -> None:
    where = ("--data-dir", str(served.data_dir))
    said = run("definitions", "remove", "--help").stdout
    assert "KIND NAME" in said
    assert "--dry-run: only say what would change" in " ".join(said.split())
    missing = run("rules", "delete", *where)
    assert missing.exit_code == 2
    assert "Missing argument 'NAME'" in missing.stderr
    made = json.loads(run("keys", "create", "--scopes", "ingest,query", "--json", *where).stdout)
    listed = run("keys", "list", *where).stdout
    assert "ingest, query" in listed
    revoked = run("keys", "revoke", made["id"], *where)
    assert (revoked.stdout, revoked.stderr) == ("", f"{made['id']} is revoked\n")
