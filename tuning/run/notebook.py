"""The run as one table that renews itself in a notebook's cell."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from html import escape
from typing import Any

from tuning.config import Progress
from tuning.evaluation import METRICS

_PAUSE_S = 0.5


def in_notebook() -> bool:
    """Whether this process is a notebook's kernel. Imports nothing: where IPython is not loaded, it is none."""
    shell: Any = sys.modules.get("IPython")
    found = shell.get_ipython() if shell is not None else None
    return found is not None and getattr(found, "kernel", None) is not None


def watcher() -> Callable[[Progress], None]:
    """A view that shows the run as a table in a notebook; elsewhere, a view that shows nothing."""
    return NotebookTable().show if in_notebook() else lambda _: None


class NotebookTable:
    """One output of the cell, made at the first ``show`` and replaced by later ones, twice a second at most."""

    def __init__(self) -> None:
        self._handle: Any = None
        self._shown_at = 0.0
        self._phase = ""

    def show(self, progress: Progress) -> None:
        now = time.monotonic()
        if progress.phase == self._phase and now - self._shown_at < _PAUSE_S:
            return
        self._phase, self._shown_at = progress.phase, now
        from IPython.display import HTML, display  # pyright: ignore[reportMissingImports]

        page = HTML(table(progress))
        if self._handle is None:
            self._handle = display(page, display_id=True)
        else:
            self._handle.update(page)


def table(progress: Progress) -> str:
    """What is best, who is in the ensemble, how much time is left, as HTML."""
    metric = METRICS[progress.metric]
    sign = 1.0 if metric.greater_is_better else -1.0
    best = "" if progress.best is None else f" · best {metric.title} <b>{sign * progress.best:.5g}</b>"
    left = "" if progress.left_s is None else f" · {max(0.0, progress.left_s):.0f} s left"
    head = f"<b>{progress.phase}</b>{best} · {progress.tried} done, {progress.stopped} stopped early{left}"
    lines = [
        f"<tr><td style='text-align:left'>{escape(row.kind.replace('_', ' '))}</td><td>{sign * row.gain:.5g}</td>"
        f"<td>{row.fit_s:.1f} s</td><td>{f'{row.weight:.0%}' if row.weight else ''}</td></tr>"
        for row in progress.rows
    ]
    names = ["model", metric.title, "fit", "weight"]
    titles = "".join(f"<th>{escape(name)}</th>" for name in names)
    body = f"<table><thead><tr>{titles}</tr></thead><tbody>{''.join(lines)}</tbody></table>" if lines else ""
    return f"<div>{head}</div>{body}"
