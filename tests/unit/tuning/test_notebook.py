"""The table in a notebook, before a display that only takes notes."""

from __future__ import annotations

import sys
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest

from tuning.config import Config, Progress, Row
from tuning.pipeline import fit_table
from tuning.run import notebook


class Display:
    """IPython's, as far as we use it: what is shown first, and what takes its place."""

    def __init__(self) -> None:
        self.made: list[str] = []
        self.updates: list[str] = []

    def display(self, page: Any, *, display_id: bool) -> Display:
        assert display_id, "without an id it could not be replaced"
        self.made.append(page)
        return self

    def update(self, page: Any) -> None:
        self.updates.append(page)


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> Display:
    found = Display()
    shell, display = ModuleType("IPython"), ModuleType("IPython.display")
    shell.get_ipython = lambda: SimpleNamespace(kernel=object())  # type: ignore[attr-defined]
    display.HTML, display.display = str, found.display  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "IPython", shell)
    monkeypatch.setitem(sys.modules, "IPython.display", display)
    return found


def progress(phase: Any = "searching", gain: float = -0.5) -> Progress:
    rows = [Row("extra_trees", gain, 1.25, 0.6), Row("<b>", -0.7, 0.5, 0.0)]
    return Progress(phase, 3.0, 57.4, 4, 1, "log_loss", gain, rows)


def test_one_table_is_replaced_and_not_too_often(shown: Display, monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr(notebook.time, "monotonic", lambda: now[0])
    table = notebook.NotebookTable()
    for _ in range(9):
        table.show(progress())
        now[0] += 0.125
    table.show(progress("done"))
    assert len(shown.made) == 1
    assert len(shown.updates) == 3, "at 0.5 s, at 1 s, and at once when the phase changes"
    assert "<b>done</b>" in shown.updates[-1]


def test_the_table_says_the_metric_in_its_own_sign_and_runs_no_names() -> None:
    text = notebook.table(progress())
    assert "<td>0.5</td><td>1.2 s</td><td>60%</td>" in text
    assert "57 s left" in text
    assert "&lt;b&gt;" in text
    assert "extra trees" in text


def test_outside_of_a_notebook_nothing_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "IPython", raising=False)
    assert not notebook.in_notebook()
    assert notebook.watcher()(progress()) is None


@pytest.mark.slow
def test_a_run_in_a_notebook_fills_one_table_and_says_nothing_else(shown: Display, capfd: Any) -> None:
    a, b = np.random.default_rng(0).normal(size=(2, 200))
    fit_table({"a": a, "b": b, "y": (a + b > 0).astype(float)}, Config("y", trials=6, kinds=("linear", "lightgbm")))
    assert len(shown.made) == 1
    assert "<b>done</b>" in shown.updates[-1]
    assert "lightgbm" in shown.updates[-1]
    out, errors = capfd.readouterr()
    assert (out, errors) == ("", "")
