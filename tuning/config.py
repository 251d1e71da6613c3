"""What a run is asked to do, and what it says while it does it."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any, Literal, Self

from actors.cores import usable_cores
from analytics.models.schema import WrongInput
from analytics.models.table import Problem
from tuning.candidates import KINDS, Candidate, Space, unknown_kinds
from tuning.recorder import NoRecorder, Recorder

Phase = Literal["searching", "finishing", "done"]
LEAST_BUDGET_S = 8.0
"""Below it there is no time to search: of two kinds one model each is fitted, if that can be done in time."""


@dataclass(frozen=True)
class Config:
    """``budget_s`` is for everything, from ``started`` (monotonic) on. With ``trials`` the run is repeatable instead and the
    budget is not looked at. ``folder`` keeps what a killed run needs to go on; without one nothing is kept.

    ``search`` is where fits run: ``local`` processes, a ``ray`` cluster, or what ``auto`` chooses (Ray only where one is
    connected that has more cores than this machine, and the table is large). ``keep`` names columns that stay in although
    they look like leaks. ``custom`` and ``space`` are an own scikit-learn estimator and where its parameters lie.
    ``warm_starts`` are tried first, then what did best on similar data in earlier runs, whose folders (or theirs') are in
    ``learn_from``.
    """

    target: str
    problem: Literal["auto"] | Problem = "auto"
    time_col: str | None = None
    group_col: str | None = None
    budget_s: float = 60.0
    trials: int | None = None
    metric: str = "auto"
    seed: int = 0
    folder: Path | None = None
    workers: int | None = None
    kinds: tuple[str, ...] = KINDS
    keep: tuple[str, ...] = ()
    search: Literal["auto", "local", "ray"] = "auto"
    min_score_threshold: float = 0.7
    name: str = "table"
    custom: Any = None
    space: Space = field(default_factory=dict[str, Any])
    warm_starts: tuple[Candidate, ...] = ()
    learn_from: tuple[Path, ...] = ()
    recorder: Recorder = field(default_factory=NoRecorder)
    started: float = field(default_factory=time.monotonic)

    @classmethod
    def of(cls, values: Mapping[str, Any], **more: Any) -> Self:
        """From a mapping; raises ``WrongInput`` for what is not known or cannot be."""
        known = {f.name for f in fields(cls)}
        wrong = sorted(set(values) - known)
        if wrong:
            raise WrongInput("", f"config has no {wrong[0]!r}; it has {', '.join(sorted(known))}")
        if "target" not in values and "target" not in more:
            raise WrongInput("", "config['target'] must name the column to predict")
        return cls(**{**values, **more}).checked()

    def checked(self) -> Self:
        if not self.budget_s > 0:
            raise WrongInput("", f"budget must be more than 0 s, got {self.budget_s}")
        if self.trials is not None and self.trials < 1:
            raise WrongInput("", f"trials must be 1 or more, got {self.trials}")
        wrong = unknown_kinds(self.kinds)
        if wrong:
            raise WrongInput("", f"no kind of model is called {wrong[0]!r}: choose from {', '.join(KINDS)}")
        if self.problem not in ("auto", "binary", "multiclass", "regression"):
            raise WrongInput("", f"problem {self.problem!r}: choose auto, binary, multiclass or regression")
        return replace(self, kinds=tuple(self.kinds), keep=tuple(self.keep))

    @property
    def cores(self) -> int:
        """Worker processes, one thread each."""
        return self.workers or usable_cores()


@dataclass(frozen=True)
class Row:
    """A leaderboard's line while searching: gains are of the metric, more is better."""

    kind: str
    gain: float
    fit_s: float
    weight: float


@dataclass(frozen=True)
class Progress:
    """Where a run stands. ``left_s`` is None without a budget."""

    phase: Phase
    elapsed_s: float
    left_s: float | None
    tried: int
    stopped: int
    metric: str
    best: float | None
    rows: Sequence[Row]
    said: str = ""
