"""`make bench` on a machine without the data sets: it says what it leaves out, and writes what there is."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
QUICK = """
import json
print(json.dumps({"name": "quick", "value": 1, "unit": "s", "against": "", "ratio": None}))
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where it runs, with a script of its own that is done at once."""
    (tmp_path / "benchmarks").mkdir()
    (tmp_path / "benchmarks" / "quick.py").write_text(QUICK)
    return tmp_path


def bench(folder: Path, *scripts: str, **environment: str) -> subprocess.CompletedProcess[str]:
    paths = f"{ROOT}{os.pathsep}{folder}"
    return subprocess.run(
        [sys.executable, "-m", "benchmarks", *scripts],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": paths, **environment},
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )


def figures(folder: Path) -> list[str]:
    return [figure["name"] for figure in json.loads((folder / "bench" / "results.json").read_text())]


@pytest.mark.slow
def test_what_needs_a_missing_data_set_is_skipped_and_the_rest_is_written(folder: Path) -> None:
    ran = bench(folder, "forecast_speed", "quick", HINDCAST_DATA=str(folder / "nowhere"))
    assert ran.returncode == 0, ran.stderr
    assert "Traceback" not in ran.stderr
    assert f"skipped: there is no {folder}/nowhere/m3/m3.csv.gz; HINDCAST_DATA names the folder" in ran.stderr
    assert "forecast_speed: skipped" in ran.stdout
    assert figures(folder) == ["quick"]


def test_one_that_fails_is_named_and_the_others_go_on(folder: Path) -> None:
    ran = bench(folder, "no_such_script", "quick")
    assert ran.returncode != 0
    assert "benchmarks.no_such_script ended with 1" in ran.stderr
    assert figures(folder) == ["quick"]
