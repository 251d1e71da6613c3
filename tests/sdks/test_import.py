"""``hindcast import`` as a process of its own before the real door: killed on its way, then finished."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from tests.sdks.door import Door

ROWS = 60_000


def test_an_import_that_is_killed_goes_on_and_every_row_is_there_once(tmp_path: Path) -> None:
    door, file = Door(), tmp_path / "orders.parquet"
    key = door.key("k", "shop")
    table = {"type": ["order.placed"] * ROWS, "subject": pa.array(range(ROWS)), "step": pa.array(range(ROWS))}
    pq.write_table(pa.table(table), file)
    environment = {**os.environ, "HOME": str(tmp_path), "XDG_CONFIG_HOME": str(tmp_path), "HINDCAST_KEY": key}
    with door.open(tmp_path / "door"):
        command = [sys.executable, "-m", "hindcast", "import", str(file), "--address", door.url]
        first = subprocess.Popen(command, env=environment)
        deadline = time.monotonic() + 300
        while not door.rows and first.poll() is None:
            assert time.monotonic() < deadline
            time.sleep(0.01)
        first.kill()
        first.wait()
        said = [
            subprocess.run(command, env=environment, capture_output=True, text=True, timeout=600, check=False)
            for _ in range(2)
        ]
        pushes = len(door.pushes)
        subprocess.run(command, env=environment, timeout=600, check=True)
    assert [done.returncode for done in said] == [0, 0], said
    assert "imported already" in said[1].stderr
    assert len(door.pushes) == pushes, "a finished import sent something"
    seen = Counter(row["id"] for row in door.rows)
    assert (len(seen), max(seen.values())) == (ROWS, 1)
    assert {row["source"] for row in door.rows} == {"orders"}
