"""``hindcast import`` into a running system: killed on its way, and finished; every row is there once."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.cluster.words import fresh
from tests.running import PATIENCE_S, Running

pytestmark = pytest.mark.cluster
ROWS = 120_000


def test_an_import_that_is_killed_is_finished_by_the_next_one(running: Running, tmp_path: Path) -> None:
    source, file = fresh("shop"), tmp_path / "orders.parquet"
    table = {"type": ["order.placed"] * ROWS, "subject": pa.array(range(ROWS)), "step": pa.array(range(ROWS))}
    pq.write_table(pa.table(table), file)
    command = [sys.executable, "-m", "hindcast", "import", str(file), "--source", source]
    command += ["--data-dir", str(running.data)]
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": ""}

    def there() -> int:
        return int(running.sql(f"SELECT count(*) FROM user_interactions WHERE source = '{source}'")[0][0])

    first = subprocess.Popen(command, env=environment)
    deadline = time.monotonic() + PATIENCE_S
    while not there() and first.poll() is None:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    first.kill()
    first.wait()
    second = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=600, check=False)
    assert second.returncode == 0, second.stderr
    running.until(there, ROWS)
    found = running.sql(f"SELECT count(DISTINCT id), count(*) FROM user_interactions WHERE source = '{source}'")
    assert found == [[ROWS, ROWS]]
    third = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=600, check=False)
    assert "imported already" in third.stderr
    assert there() == ROWS
