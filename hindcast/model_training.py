"""The process that trains a system's models in the background: started and ended."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

KEY = "HINDCAST_MODELS_KEY"
"""The environment variable with its API key: arguments are for everybody to see."""
STOP_S = 8.0
ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"), "1")


def started(
    address: str, key: str, artifacts: Path, models: Mapping[str, Mapping[str, Any]], *, after_import: bool = False
) -> subprocess.Popen[bytes]:
    """``hindcast.modelling.background`` for a system; it ends by itself where this process does."""
    command = [sys.executable, "-P", "-m", "hindcast.modelling.background", "--address", address]
    command += ["--artifacts", str(artifacts), "--parent", str(os.getpid())]
    command += ["--models", json.dumps({name: dict(settings) for name, settings in models.items()})]
    command += ["--after-import"] if after_import else []
    return subprocess.Popen(command, env={**os.environ, **ONE_THREAD, KEY: key}, start_new_session=True)


def ended(process: subprocess.Popen[bytes]) -> None:
    """Asked to end, and made to where it does not."""
    process.terminate()
    try:
        process.wait(STOP_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
