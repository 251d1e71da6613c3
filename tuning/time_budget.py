"""The time budget of a run: how much of it is left, and how much is kept for the steps at the end."""

from __future__ import annotations

import time

import numpy as np

from tuning.config import Config


class Clock:
    """Monotonic times of one run. ``after_s`` is what the learning curve and the refit are expected to take; the search
    ends that much earlier, but not before half of the budget is over."""

    def __init__(self, config: Config) -> None:
        self.began = config.started
        self.budget_s = None if config.trials is not None else config.budget_s
        self.after_s = 0.0

    def elapsed(self) -> float:
        return time.monotonic() - self.began

    def left(self) -> float | None:
        return None if self.budget_s is None else self.budget_s - self.elapsed()

    @property
    def end(self) -> float:
        """When the last fit must be over. After it come selection, the holdout, importances, plots and files."""
        if self.budget_s is None:
            return float("inf")
        return self.began + self.budget_s - float(np.clip(0.08 * self.budget_s, 1.5, 8.0))

    def search_end(self) -> float:
        if self.budget_s is None:
            return float("inf")
        return max(self.end - self.after_s, self.began + 0.5 * self.budget_s)
