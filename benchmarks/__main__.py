"""Every figure beside its yardstick, one script after the other, into ``bench/results.json``, as soon as each is there.

``python -m benchmarks [name …]``, a name with its arguments in quotes: all of them takes some twenty minutes on two
cores. Each result is ``{name, value, unit, against, ratio}``; ``ratio`` is ours over the yardstick's of the same run,
null where there is none. A script whose data set is missing is skipped; one that fails is named, and the others go on.
"""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from actors.cores import usable_cores
from benchmarks.data import SKIPPED

SCRIPTS = (
    "kernels",
    "anomaly",
    "replay",
    "append",
    "redis_append",
    "decode",
    "folds",
    "folds --rows 5000",
    "definitions",
    "recovery",
    "archive 3500000",
    "apart",
    "rollups",
    "backtest",
    "forecast_speed",
    "correlation speed",
    "commands",
    "service",
)
RESULTS = Path("bench/results.json")
ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "ARROW_NUM_THREADS", "NUMBA_NUM_THREADS"), "1")


def figures(script: str) -> Iterator[dict[str, object]]:
    """The lines of JSON that a script, with its arguments, prints. Raises ``Failed`` where it fails."""
    began = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-m", *f"benchmarks.{script}".split()],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, **ONE_THREAD},
    )
    assert process.stdout
    for line in process.stdout:
        if line.startswith("{"):
            figure = json.loads(line)
            yield figure
            print(f"  {figure['name']}: {figure['value']} {figure['unit']}", flush=True)
    ended = process.wait()
    if ended not in (0, SKIPPED):
        raise Failed(f"benchmarks.{script} ended with {ended}")
    print(f"{script}: {'skipped' if ended else f'{time.perf_counter() - began:.0f} s'}", flush=True)


class Failed(Exception):
    """A script ended with an error of its own."""


def main() -> None:
    names = sys.argv[1:] or list(SCRIPTS)
    load = os.getloadavg()[0]
    print(f"{usable_cores()} cores, {platform.machine()}, Python {platform.python_version()}, load {load:.1f}")
    RESULTS.parent.mkdir(exist_ok=True)
    results: list[dict[str, object]] = []
    failed: list[str] = []
    for name in names:
        try:
            for figure in figures(name):
                results.append(figure)
                RESULTS.write_text(json.dumps(results, indent=1) + "\n")
        except Failed as error:
            failed.append(str(error))
            print(error, file=sys.stderr, flush=True)
    print(f"{len(results)} figures in {RESULTS}")
    if failed:
        raise SystemExit("; ".join(failed))


if __name__ == "__main__":
    main()
