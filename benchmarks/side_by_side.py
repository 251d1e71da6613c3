"""One benchmark on this checkout and on another commit, in turns: what each costs, and the ratio.

``python -m benchmarks.side_by_side folds [--commit 708b5b0] [--rounds 3] [ARGUMENTS]``; the benchmark gets the arguments
that are not known here. The other commit is checked out into a temporary folder and gets the benchmark's own file, so both
are measured in the same way; of each figure the best of the rounds counts, for a neighbour on the machine only ever makes
it worse. Both run with this Python's packages.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

HERE = Path(__file__).resolve().parents[1]
BEFORE = "708b5b0"
Figures = dict[str, tuple[float, str]]


def run(root: Path, module: str, arguments: Sequence[str] = ()) -> str:
    """What a module of the checkout at ``root`` prints."""
    environment = {**os.environ, "PYTHONPATH": str(root), "PYTHONDONTWRITEBYTECODE": ""}
    command = [sys.executable, "-P", "-m", module, *arguments]
    return subprocess.run(command, cwd=root, env=environment, stdout=subprocess.PIPE, text=True, check=True).stdout


def figures(root: Path, name: str, arguments: list[str]) -> Iterator[tuple[str, float, str]]:
    """(name, value, unit) of each line that the benchmark prints."""
    for line in run(root, f"benchmarks.{name}", arguments).splitlines():
        if line.startswith("{"):
            said = json.loads(line)
            yield said["name"], said["value"], said["unit"]


def take(into: Figures, found: Iterator[tuple[str, float, str]]) -> None:
    """Keep the best of each: the least time, the greatest rate."""
    for name, value, unit in found:
        best = into.get(name, (value, unit))[0]
        into[name] = (max(best, value) if unit.endswith("/s") else min(best, value)), unit


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("name")
    parser.add_argument("--commit", default=BEFORE)
    parser.add_argument("--rounds", type=int, default=3)
    options, rest = parser.parse_known_args()
    arguments = [argument for argument in rest if argument != "--"]
    with tempfile.TemporaryDirectory(prefix="hc-") as folder:
        other = Path(folder) / "other"
        git = ["git", "-C", str(HERE), "worktree"]
        subprocess.run([*git, "add", "--detach", "--quiet", str(other), options.commit], check=True)
        try:
            shutil.copy(HERE / "benchmarks" / f"{options.name}.py", other / "benchmarks")
            run(other, "analytics.warm")  # what is compiled once is in no figure
            before: Figures = {}
            now: Figures = {}
            for _ in range(options.rounds):
                take(before, figures(other, options.name, arguments))
                take(now, figures(HERE, options.name, arguments))
        finally:
            subprocess.run([*git, "remove", "--force", str(other)], check=True)
    for name, (value, unit) in now.items():
        was = before.get(name)
        line = {"name": name, "value": value, "unit": unit, "against": f"{options.commit}: {was[0]}" if was else ""}
        print(json.dumps({**line, "ratio": round(value / was[0], 3) if was and was[0] else None}), flush=True)


if __name__ == "__main__":
    main()
