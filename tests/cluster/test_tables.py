"""A point-in-time table of a running system: by the client, pinned, and by the command line."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from hindcast.client import ApiError, Client
from tests.cluster.test_command_line import run
from tests.cluster.words import BATCH, event, fresh, only_packed
from tests.running import Running

pytestmark = pytest.mark.cluster


@only_packed
def test_a_table_is_made_pinned_and_made_again(running: Running, tmp_path: Path) -> None:
    source, pay = fresh("shop"), fresh("pay")
    events = [
        event(source=source, subject=f"{source}-ada", type=pay, time=datetime.now(UTC).isoformat()) for _ in range(3)
    ]
    running.post("/v1/events", json=events, headers=BATCH).raise_for_status()
    now = datetime.now(UTC)
    rows = [{"key": f"{source}-{user}", "at": now, "label": n} for n, user in enumerate(("ada", "bob"))]
    feature = {"name": "paid", "event": pay, "window": "1h"}
    with Client(running.url, running.key) as client:
        made = client.table([feature], rows=rows, pin=source)
        assert made["paid"].to_pylist() == [3, 0] and made["label"].to_pylist() == [0, 1]
        assert made.schema.metadata[b"hindcast.state"] == b'"pinned"'
        running.post("/v1/events", json=[event(source=source, subject=f"{source}-bob", type=pay)], headers=BATCH)
        again = client.kept_table(source)
        assert again == made and again.schema.metadata == made.schema.metadata
        with pytest.raises(ApiError, match="may know what came after"):
            client.table([feature], rows=[{**rows[0], "plan": "pro", "at": now - timedelta(days=1)}])
    shown = run(running, "table", "show", source, "--json")
    assert [row["paid"] for row in json.loads(shown.stdout)] == [3, 0] and "state pinned" in shown.stderr
    (tmp_path / "rows.csv").write_text(f"key,at\n{source}-ada,{now.isoformat()}\n")
    out = tmp_path / "table.parquet"
    run(
        running,
        "table",
        "make",
        json.dumps({"features": [feature]}),
        "--rows",
        str(tmp_path / "rows.csv"),
        "--out",
        str(out),
    )
    import pyarrow.parquet as pq

    assert pq.read_table(out)["paid"].to_pylist() == [3]
