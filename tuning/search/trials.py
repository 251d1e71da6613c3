"""What has been tried, split by split, and kept on disk: a killed run finds its finished fits again."""

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
    """Finished fits, kept in a folder. A fit is either there as a whole or not there at all."""

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
        """How many candidates have a finished fit here. The baseline and stacked candidates are not counted."""
        names = {path.name.split(".")[0] for path in self.folder.glob("*.npz") if ".part." not in path.name}
        return sum(not name.startswith(("dummy-", f"{STACKED}-")) for name in names)

    def blob(self, name: str) -> bytes:
        return (self.folder / f"{name}.skops").read_bytes()


State = Literal["running", "finished", "stopped", "failed"]


@dataclass
class Entry:
    """What is known of one candidate: which splits it was asked for, their fits, and how it ended."""

    number: int
    candidate: Candidate
    state: State = "running"
    splits: dict[int, Fitted] = field(default_factory=dict[int, Fitted])
    asked: set[int] = field(default_factory=set[int])
    split_gains: dict[int, float] = field(default_factory=dict[int, float])
    gain: float | None = None
    reason: str = ""
    at_s: float = 0.0
    best: float | None = None

    @property
    def took_s(self) -> float:
        return sum(f.fit_s for f in self.splits.values())


class Trials:
    """All entries of a run on one set of parts. ``record`` is called for each that ends."""

    def __init__(
        self, parts: Parts, y: F64, outputs: int, gain: Gain, store: Store, seed: int, rows: int | None = None,
        record: Callable[[Entry], None] = lambda _: None,
    ) -> None:  # fmt: skip
        self.parts, self.gain, self.store, self.seed, self.rows = parts, gain, store, seed, rows
        self.judged = np.flatnonzero(np.isin(parts.part, parts.splits))
        self.y = y[self.judged]
        self._y_of = {split: y[parts.part == split] for split in parts.splits}
        self._where = {split: np.flatnonzero(parts.part[self.judged] == split) for split in parts.splits}
        self._outputs = outputs
        self._record = record
        self._began = time.monotonic()
        self.entries: list[Entry] = []

    def open(self, candidate: Candidate) -> Entry:
        """Open an entry for a candidate. It has the splits already that an earlier run finished."""
        entry = Entry(len(self.entries), candidate)
        self.entries.append(entry)
        for split in self.parts.splits:
            known = self.store.get(self.job(entry, split).name)
            if known is not None:
                entry.asked.add(split)
                self._take(entry, split, known)
        self._settle(entry)
        return entry

    def job(self, entry: Entry, split: int, limit_s: float | None = None) -> Job:
        c = entry.candidate
        return Job(c.key, c.kind, c.params, self.parts.name, split, self.seed, limit_s, self.rows)

    def next_split(self, entry: Entry) -> int | None:
        waiting = [split for split in self.parts.splits if split not in entry.asked]
        return waiting[0] if waiting and entry.state == "running" else None

    def take(self, entry: Entry, job: Job, result: Done | Failed) -> None:
        """Take in the result of one split. The entry is finished once it has all of them."""
        if isinstance(result, Failed):
            self.end(entry, "failed", result.reason)
            return
        self._take(entry, job.split, self.store.keep(replace(result, name=job.name)))
        self._settle(entry)

    def _take(self, entry: Entry, split: int, fitted: Fitted) -> None:
        entry.splits[split] = fitted
        entry.split_gains[split] = self.gain(self._y_of[split], fitted.prediction.astype(np.float64))

    def _settle(self, entry: Entry) -> None:
        if entry.state == "running" and len(entry.splits) == len(self.parts.splits):
            entry.gain = self.gain(self.y, self.cross_validated(entry))
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
        """The finished entries, best first, with the baseline among them."""
        done = [e for e in self.entries if e.state == "finished"]
        return sorted(done, key=lambda e: -(e.gain if e.gain is not None else -np.inf))

    def models(self) -> list[Entry]:
        """The finished entries without the baseline, best first."""
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

    def cross_validated(self, entry: Entry) -> F64:
        """float64[judged rows, outputs]: each row's prediction by the model of a split that did not train on it."""
        out = np.empty((len(self.judged), self._outputs))
        for split, fitted in entry.splits.items():
            out[self._where[split]] = fitted.prediction
        return out

    def skill(self, entry: Entry) -> float | None:
        """How far the entry is on the way from the baseline (0) to the best so far (1), judged on the splits that it has."""
        best = next(iter(self.models()), None)
        base = next((e for e in self.finished() if e.candidate.kind == "dummy"), None)
        if best is None or base is None or not entry.split_gains:
            return None
        splits = list(entry.split_gains)
        top = float(np.mean([best.split_gains[f] for f in splits]))
        low = float(np.mean([base.split_gains[f] for f in splits]))
        mine = float(np.mean([entry.split_gains[f] for f in splits]))
        return (mine - low) / (top - low) if top > low else None


def read_json(path: Path) -> Mapping[str, Any]:
    return json.loads(path.read_text())
