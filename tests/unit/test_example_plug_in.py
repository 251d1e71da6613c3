"""The example of a plug-in: it is as small as the docs say, and its own tests pass."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

PLUGIN = Path(__file__).parents[2] / "examples" / "plugin"


def test_it_has_less_than_a_hundred_lines() -> None:
    package = [PLUGIN / "hindcast_dice.py", PLUGIN / "pyproject.toml"]
    lines = [line for path in package for line in path.read_text().splitlines() if line.strip()]
    assert len(lines) < 100


def test_its_own_tests_pass() -> None:
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir", str(PLUGIN), str(PLUGIN)]
    path = f"import sys; sys.path[:0] = [{str(PLUGIN)!r}, {str(PLUGIN.parents[1])!r}]; import pytest"
    run = [sys.executable, "-c", f"{path}; sys.exit(pytest.main({command[3:]!r}))"]
    said = subprocess.run(run, capture_output=True, text=True, timeout=600, check=False, cwd=PLUGIN)
    assert said.returncode == 0, said.stdout + said.stderr
