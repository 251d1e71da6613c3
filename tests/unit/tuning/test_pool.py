"""Workers live in a world of their own: what lies in the folder where somebody works is not part of it."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from analytics.models.schema import Feature
from tuning.data.splits import splits_of
from tuning.fitting.jobs import Done, Job, Rows
from tuning.fitting.recipes import Task
from tuning.fitting.worker_pool import Pool

BASELINE = Job("a", "dummy", {}, "train", 0, 0)


@pytest.mark.slow
def test_files_of_the_current_folder_are_no_modules_of_the_workers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    y = np.arange(60) % 2.0
    Rows(y.astype(np.float32)[:, None], y, Task((Feature("0", "0", "number"),), 2), in_time=False).write(tmp_path)
    np.save(tmp_path / "train.parts.npy", splits_of(y, 2, 2, 0))
    work = tmp_path / "work"
    work.mkdir()
    (work / "random.py").write_text("raise SystemExit('somebody's script was run')")
    monkeypatch.chdir(work)
    with Pool(1, tmp_path) as pool:
        pool.submit(BASELINE)
        ((_, done),) = pool.finished(120.0)
    assert isinstance(done, Done)


def test_a_process_that_ended_is_said_to_have_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/bin/false")
    with Pool(1, tmp_path) as pool, pytest.raises(RuntimeError, match="the worker process ended with code 1"):
        pool.submit(BASELINE)
