"""One run in a process that can be killed, measured from outside: wall, peak memory of all its processes, test scores."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import psutil

from tuning.evaluation import score

HERE = Path(__file__).parent
RIVALS = Path("bench/out/rivals/bin/python")
METRICS = {"binary": ("auc", "log_loss"), "multiclass": ("log_loss", "auc"), "regression": ("rmse", "mae")}
"""The first one decides the rank."""
OUTSIDE = ("flaml", "autogluon_medium", "autogluon_best")


def run(system: str, folder: Path, budget: float, scratch: Path) -> dict[str, Any]:
    """Scores and measures, or ``fault``. What is left after three budgets and five minutes is killed."""
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir(parents=True)
    python = str(RIVALS.absolute()) if system in OUTSIDE else sys.executable
    places = [str(folder.absolute()), str(budget), str(scratch.absolute())]
    command = [python, "-P", str(HERE / "contestant.py"), system, *places]
    one = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "2")
    began = time.perf_counter()
    with (scratch / "log").open("wb") as log:
        environment = {**os.environ, **one, "PYTHONPATH": "" if system in OUTSIDE else str(Path.cwd())}
        process = subprocess.Popen(
            command, stdout=log, stderr=subprocess.STDOUT, start_new_session=True, env=environment, cwd=scratch
        )
        peak, late = _watch(process, began + 3 * budget + 300)
    measured: dict[str, Any] = {"wall_s": time.perf_counter() - began, "peak_mb": peak / 1e6}
    if late or process.returncode or not (scratch / "times.json").exists():
        tail = (scratch / "log").read_text(errors="replace").strip().splitlines()[-1:]
        return measured | {"fault": "killed: too late" if late else f"ended with {process.returncode}: {tail}"}
    return measured | json.loads((scratch / "times.json").read_text()) | _scores(folder, scratch / "answers.csv")


def _watch(process: subprocess.Popen[bytes], until: float) -> tuple[int, bool]:
    peak = 0
    while process.poll() is None:
        if time.perf_counter() > until:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            return peak, True
        peak = max(peak, _memory(process.pid))
        time.sleep(0.2)
    return peak, False


def _memory(pid: int) -> int:
    """Proportional where the kernel says it, so that shared pages count once."""
    try:
        root = psutil.Process(pid)
        return sum(_of(one) for one in [root, *root.children(recursive=True)])
    except psutil.Error:
        return 0


def _of(process: psutil.Process) -> int:
    try:
        return int(process.memory_full_info().pss)
    except (psutil.Error, AttributeError):
        return 0


def _scores(folder: Path, answers: Path) -> dict[str, Any]:
    table = json.loads((folder / "table.json").read_text())
    truth, found = pd.read_csv(folder / "truth.csv")[table["target"]], pd.read_csv(answers)
    if table["problem"] == "regression":
        y: Any = truth.to_numpy(np.float64)
        p = found["value"].to_numpy(np.float64)
    else:
        spelled = truth.astype(str).str.lower()  # systems differ in how they write true and false
        labels = sorted(spelled.unique())
        y = spelled.map({label: i for i, label in enumerate(labels)}).to_numpy(np.int64)
        found.columns = found.columns.str.lower()
        p = found[labels].to_numpy(np.float64).clip(0, 1)
    return {"scores": {name: score(name, y, p) for name in METRICS[table["problem"]]}, "test_rows": len(truth)}
