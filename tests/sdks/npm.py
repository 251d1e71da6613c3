"""Packages of the JavaScript world, for tests alone: installed by npm into a temporary folder."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

POSTHOG = ("posthog-js@1.449.2", "posthog-node@5.70.0")
SEGMENT = ("@segment/analytics-next@1.84.3", "@segment/analytics-node@3.1.0")


def installed(folder: Path, *packages: str) -> Path:
    """``node_modules`` with the packages; skips where npm is not there or cannot reach its registry.

    Where HINDCAST_NPM is set, as in continuous integration, either fails instead.
    """
    needed = bool(os.environ.get("HINDCAST_NPM"))
    if not shutil.which("npm") or not shutil.which("node"):
        assert not needed, "npm or node is not there"
        pytest.skip("no npm; on Debian: apt-get install npm")
    command = [
        "npm",
        "install",
        "--no-audit",
        "--no-fund",
        "--ignore-scripts",
        "--silent",
        "--prefix",
        str(folder),
        *packages,
    ]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=600)
    if done.returncode:
        assert not needed, done.stderr[-2000:]
        pytest.skip(f"npm could not install {', '.join(packages)}: {done.stderr.strip()[-200:]}")
    return folder / "node_modules"
