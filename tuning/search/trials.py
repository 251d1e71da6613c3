"""What has been tried, fold by fold, and kept on disk: a killed run finds its finished fits again."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from tuning.candidates import STACKED, Candidate
from tuning.data.splits import Parts
from tuning.evaluation.scoring import Gain
from tuning.fitting.jobs import Done, Job
from tuning.fitting.worker_pool import Failed

F64 = npt.NDArray[np.float64]
I64 = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Fitted:
    """A finished fit without its member, which is on disk."""

    prediction: npt.NDArray[np.float32]
    fit_s: float
    size: int
    nodes: int


class Store:
    """Finished fits in a folder; each is whole or not there."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self._known: dict[str, Fitted] = {}

    def keep(self, done: Done) -> Fitted:
        fitted = Fitted(done.prediction, done.fit_s, len(done.blob), done.nodes)
        (self.folder / f"{done.name}.skops").write_bytes(done.blob)
        part = self.folder / f"{done.name}.part.npz"
        np.savez(part, prediction=done.prediction, about=np.array([done.fit_s, len(done.blob), done.nodes]))
        part.rename(self.folder / f"{done.name}.npz")
        self._known[done.name] = fitted
        return fitted

    def get(self, name: str) -> Fitted | None:
        if name not in self._known:
            path = self.folder / f"{name}.npz"
            if not path.exists():
                return None
            with np.load(path, allow_pickle=False) as found:
                fit_s, size, nodes = found["about"].tolist()
                self._known[name] = Fitted(found["prediction"], fit_s, int(size), int(nodes))
        return self._known[name]

    def candidates(self) -> int:
        """How many candidates have a finished fit here, the baseline and what stands on others apart."""
        names = {path.name.split(".")[0] for path in self.folder.glob("*.npz") if ".part." not in path.name}
        return sum(not name.startswith(("dummy-", f"{STACKED}-")) for name in names)

    def blob(self, name: str) -> bytes:
        return (self.folder / f"{name}.skops").read_bytes()


State = Literal["running", "finished", "stopped", "failed"]


@dataclass
class Entry:
    """One candidate's way through the folds."""

    number: int
    candidate: Candidate
    state: State = "running"
    folds: dict[int, Fitted] = field(default_factory=dict[int, Fitted])
    asked: set[int] = field(default_factory=set[int])
    fold_gains: dict[int, float] = field(default_factory=dict[int, float])
    gain: float | None = None
    reason: str = ""
    at_s: float = 0.0
    best: float | None = None

    @property
    def took_s(self) -> float:
        return sum(f.fit_s for f in self.folds.values())


class Trials:
    """All entries of a run on one set of parts. ``record`` is called for each that ends."""

    def __init__(
        self, parts: Parts, y: F64, outputs: int, gain: Gain, store: Store, seed: int, rows: int | None = None,
        record: Callable[[Entry], None] = lambda _: None,
    ) -> None:  # fmt: skip
        self.parts, self.gain, self.store, self.seed, self.rows = parts, gain, store, seed, rows
        self.judged = np.flatnonzero(np.isin(parts.part, parts.folds))
        self.y = y[self.judged]
        self._y_of = {fold: y[parts.part == fold] for fold in parts.folds}
        self._where = {fold: np.flatnonzero(parts.part[self.judged] == fold) for fold in parts.folds}
        self._outputs = outputs
        self._record = record
        self._began = time.monotonic()
        self.entries: list[Entry] = []

    def open(self, candidate: Candidate) -> Entry:
        """A new entry; folds that an earlier run finished are there already."""
        entry = Entry(len(self.entries), candidate)
        self.entries.append(entry)
        for fold in self.parts.folds:
            known = self.store.get(self.job(entry, fold).name)
            if known is not None:
                entry.asked.add(fold)
                self._take(entry, fold, known)
        self._settle(entry)
        return entry

    def job(self, entry: Entry, fold: int, limit_s: float | None = None) -> Job:
        c = entry.candidate
        return Job(c.key, c.kind, c.params, self.parts.name, fold, self.seed, limit_s, self.rows)

    def next_fold(self, entry: Entry) -> int | None:
        waiting = [fold for fold in self.parts.folds if fold not in entry.asked]
        return waiting[0] if waiting and entry.state == "running" else None

    def take(self, entry: Entry, job: Job, result: Done | Failed) -> None:
        """One fold's result; the last one finishes the entry."""
        if isinstance(result, Failed):
            self.end(entry, "failed", result.reason)
            return
        self._take(entry, job.fold, self.store.keep(replace(result, name=job.name)))
        self._settle(entry)

    def _take(self, entry: Entry, fold: int, fitted: Fitted) -> None:
        entry.folds[fold] = fitted
        entry.fold_gains[fold] = self.gain(self._y_of[fold], fitted.prediction.astype(np.float64))

    def _settle(self, entry: Entry) -> None:
        if entry.state == "running" and len(entry.folds) == len(self.parts.folds):
            entry.gain = self.gain(self.y, self.out_of_fold(entry))
            self.end(entry, "finished")

    def end(self, entry: Entry, state: State, reason: str = "") -> None:
        if entry.state != "running":
            return
        entry.state, entry.reason = state, reason
        entry.at_s = time.monotonic() - self._began
        known = [e.gain for e in self.finished()]
        entry.best = max((g for g in known if g is not None), default=None)
        self._record(entry)

    def finished(self) -> list[Entry]:
        """Best first, the baseline included."""
        done = [e for e in self.entries if e.state == "finished"]
        return sorted(done, key=lambda e: -(e.gain if e.gain is not None else -np.inf))

    def models(self) -> list[Entry]:
        """Finished ones that are not the baseline, best first."""
        return [e for e in self.finished() if e.candidate.kind != "dummy"]

    def below(self, entry: Entry) -> list[Entry]:
        """The entries that a stacked one stands on, in the order in which it is shown their predictions."""
        if entry.candidate.kind != STACKED:
            return []
        keys = str(entry.candidate.params["on"]).split(",")
        by_key = {e.candidate.key: e for e in self.entries}
        return [by_key[key] for key in keys]

    def with_below(self, numbers: Iterable[int]) -> list[Entry]:
        """The entries with these numbers and those they stand on, those first that stand on none."""
        chosen = [self.entries[n] for n in numbers]
        found = {e.number: e for entry in chosen for e in self.below(entry)} | {e.number: e for e in chosen}
        return sorted(found.values(), key=lambda e: (e.candidate.kind == STACKED, e.number))

    def out_of_fold(self, entry: Entry) -> F64:
        """Judged rows x outputs."""
        out = np.empty((len(self.judged), self._outputs))
        for fold, fitted in entry.folds.items():
            out[self._where[fold]] = fitted.prediction
        return out

    def skill(self, entry: Entry) -> float | None:
        """Share of the way from the baseline to the best so far, on the folds that the entry has."""
        best = next(iter(self.models()), None)
        base = next((e for e in self.finished() if e.candidate.kind == "dummy"), None)
        if best is None or base is None or not entry.fold_gains:
            return None
        folds = list(entry.fold_gains)
        top = float(np.mean([best.fold_gains[f] for f in folds]))
        low = float(np.mean([base.fold_gains[f] for f in folds]))
        mine = float(np.mean([entry.fold_gains[f] for f in folds]))
        return (mine - low) / (top - low) if top > low else None


def read_json(path: Path) -> Mapping[str, Any]:
    return json.loads(path.read_text())
