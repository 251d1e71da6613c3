"""How soon each analysis command speaks, and is done, on a short file: wall seconds, the best of five.

``python -m benchmarks.commands``: 60 months of one series. The first word is the line that says which columns were taken;
what a command only needs later is loaded later. The yardstick is a Python that imports the one library that takes longest.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.kernels import report

COMMANDS = {
    "detect": ["detect", "{file}", "--out", "{out}"],
    "trend": ["trend", "{file}"],
    "correlate": ["correlate", "{file}"],
    "drift": ["drift", "{file}", "{file}"],
    "forecast": ["forecast", "{file}", "--horizon", "6", "--out", "{out}"],
}
TIMES = 5


def seconds(command: list[str]) -> tuple[float, float]:
    """Until the first line of either stream, and until the end. Raises where the command fails."""
    began = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    assert process.stdout
    process.stdout.readline()
    first = time.perf_counter() - began
    process.stdout.read()
    if process.wait() not in (0, 1):
        raise SystemExit(f"{' '.join(command)} ended with {process.returncode}")
    return first, time.perf_counter() - began


def best(command: list[str]) -> tuple[float, float]:
    runs = [seconds(command) for _ in range(TIMES)]
    return min(first for first, _ in runs), min(whole for _, whole in runs)


def main() -> None:
    months = [f"{2020 + i // 12}-{i % 12 + 1:02}-01,{100 + i + i % 12 * 3},{50 - i + i % 5}" for i in range(60)]
    with tempfile.TemporaryDirectory() as folder:
        file, out = Path(folder, "months.csv"), Path(folder, "out.csv")
        file.write_text("\n".join(["month,sales,returns", *months]) + "\n")
        for name, words in COMMANDS.items():
            first, whole = best(
                [sys.executable, "-m", "hindcast", *(word.format(file=file, out=out) for word in words)]
            )
            library = "statsforecast.models" if name == "forecast" else "numba"
            _, alone = best([sys.executable, "-c", f"import {library}"])
            report(f"hindcast {name}, first word", first, "s")
            report(f"hindcast {name}, 60 rows done", whole, "s", f"import {library}", alone)


if __name__ == "__main__":
    main()
