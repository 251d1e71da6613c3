"""Every figure beside its yardstick, one script after the other, into ``bench/results.json``.

``python -m benchmarks [name …]``, a name with its arguments in quotes: all of them takes some twenty minutes on two
cores. Each result is ``{name, value, unit, against, ratio}``; ``ratio`` is ours over the yardstick's of the same run,
null where there is none.
"""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
import time
from pathlib import Path

from actors.cores import usable_cores

SCRIPTS = (
    "kernels",
    "anomaly",
    "replay",
    "append",
    "decode",
    "recovery",
    "forecast_speed",
    "correlation speed",
    "commands",
    "service",
)
RESULTS = Path("bench/results.json")
ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "ARROW_NUM_THREADS", "NUMBA_NUM_THREADS"), "1")


def figures(script: str) -> list[dict[str, object]]:
    """The lines of JSON that a script, with its arguments, prints. Raises where it fails."""
    began = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-m", *f"benchmarks.{script}".split()],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, **ONE_THREAD},
    )
    assert process.stdout
    found: list[dict[str, object]] = []
    for line in process.stdout:
        if line.startswith("{"):
            found.append(json.loads(line))
            print(f"  {found[-1]['name']}: {found[-1]['value']} {found[-1]['unit']}", flush=True)
    if process.wait():
        raise SystemExit(f"benchmarks.{script} ended with {process.returncode}")
    print(f"{script}: {time.perf_counter() - began:.0f} s", flush=True)
    return found


def main() -> None:
    names = sys.argv[1:] or list(SCRIPTS)
    load = os.getloadavg()[0]
    print(f"{usable_cores()} cores, {platform.machine()}, Python {platform.python_version()}, load {load:.1f}")
    results = [figure for name in names for figure in figures(name)]
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps(results, indent=1) + "\n")
    print(f"{len(results)} figures in {RESULTS}")


if __name__ == "__main__":
    main()
