"""One fit of one candidate on one split. It runs the same code in a worker process, on Ray and in a test."""

from __future__ import annotations

import hashlib
import json
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from analytics.models.blob import to_bytes
from analytics.models.encoding import Encoding
from analytics.models.ensemble import Ensemble, Member
from analytics.models.schema import F32, Feature
from tuning.candidates import STACKED, Params
from tuning.fitting.recipes import SplitRows, Task, encoding_key, encoding_of, fit

F64 = npt.NDArray[np.float64]
I64 = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Job:
    """Fit ``kind`` with ``params`` on all rows of ``parts`` but part ``split`` (in time order: on the parts before it), and
    predict that part. ``rows`` caps the training rows (multi-fidelity); ``limit_s`` ends what can end early."""

    key: str
    kind: str
    params: Params
    parts: str
    split: int
    seed: int
    limit_s: float | None = None
    rows: int | None = None

    @property
    def name(self) -> str:
        return f"{self.key}.{self.parts}.{self.split}" + (f".{self.rows}" if self.rows else "")


@dataclass(frozen=True)
class Done:
    """A finished fit: the split's predictions (in the order of its rows) and the member, stored (``blob``)."""

    name: str
    prediction: npt.NDArray[np.float32]
    fit_s: float
    blob: bytes
    nodes: int


class Rows:
    """What all jobs of a run share. ``parts`` are by name; in worker processes they are read from ``folder`` as needed."""

    def __init__(
        self,
        x: F32,
        y: F64,
        task: Task,
        *,
        in_time: bool,
        parts: dict[str, I64] | None = None,
        folder: Path | None = None,
    ) -> None:
        self.x, self.y, self.task, self.in_time, self.folder = x, y, task, in_time, folder
        self._parts = dict(parts or {})
        self._views: dict[tuple[Any, ...], tuple[Encoding, F32, F32]] = {}

    @classmethod
    def read(cls, folder: Path) -> Rows:
        """From a folder that ``write`` made; the matrix by memory map."""
        about = json.loads((folder / "task.json").read_text())
        task = Task(tuple(Feature(**f) for f in about["features"]), about["classes"], about["absolute"])
        x = np.load(folder / "x.npy", mmap_mode="r")
        return cls(x, np.load(folder / "y.npy"), task, in_time=about["in_time"], folder=folder)

    def write(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        np.save(folder / "x.npy", self.x)
        np.save(folder / "y.npy", self.y)
        about = {
            "features": [asdict(f) for f in self.task.features],
            "classes": self.task.classes,
            "absolute": self.task.absolute,
            "in_time": self.in_time,
        }
        (folder / "task.json").write_text(json.dumps(about))

    def parts(self, name: str) -> I64:
        if name not in self._parts:
            assert self.folder is not None
            self._parts[name] = np.load(self.folder / f"{name}.parts.npy")
        return self._parts[name]

    def sides(self, job: Job) -> tuple[I64, I64]:
        """The positions of the rows to train on, and of the rows to predict."""
        parts = self.parts(job.parts)
        out = np.flatnonzero(parts == job.split)
        known = (parts >= 0) & (parts < job.split) if self.in_time else (parts >= 0) & (parts != job.split)
        train = np.flatnonzero(known)
        if job.rows is not None and job.rows < len(train):
            chosen = np.random.default_rng(job.seed).permutation(len(train))[: job.rows]
            train = train[-job.rows :] if self.in_time else train[np.sort(chosen)]
        return train, out

    def _below(self, job: Job) -> F32:
        """What the members that a stacked one stands on predict for each row that they have not seen."""
        assert self.folder is not None
        return np.load(self.folder / below_file(job.parts, str(job.params["on"])), mmap_mode="r")

    def run(self, job: Job, custom: Any = None) -> Done:
        began = time.perf_counter()
        train, out = self.sides(job)
        y, y_out = self.y[train], self.y[out]
        view_name = (encoding_key(job.kind, job.params), job.parts, job.split, job.rows)
        if view_name not in self._views:
            split = SplitRows(np.asarray(self.x[train]), y, np.asarray(self.x[out]), y_out)
            view, seen = encoding_of(job.kind, job.params, split, self.task, job.seed)
            if len(self._views) >= 4:
                self._views.pop(next(iter(self._views)))
            self._views[view_name] = (view, seen, view.transform(split.x_out))
        view, seen, seen_out = self._views[view_name]
        if job.kind == STACKED:
            said = self._below(job)
            seen, seen_out = (np.concatenate([s, said[r]], axis=1) for s, r in ((seen, train), (seen_out, out)))
        if job.kind == "custom":
            model = fit_custom(custom, job.params, seen, y, self.task.classes)
        else:
            model = fit(job.kind, job.params, view, (seen, y), (seen_out, y_out), self.task, job.seed, job.limit_s)
        member = Ensemble([view], [Member(0, model, 1.0)])
        prediction = model.predict(seen_out)
        if not np.isfinite(prediction).all():
            raise ValueError("its predictions are not finite")
        blob = to_bytes(member)
        return Done(job.name, prediction.astype(np.float32), time.perf_counter() - began, blob, member.nodes)


def below_file(parts: str, on: str) -> str:
    return f"{parts}.{hashlib.sha256(on.encode()).hexdigest()[:12]}.below.npy"


def fit_custom(estimator: Any, params: Params, x: F32, y: F64, classes: int) -> Any:
    """A clone of the caller's estimator with these parameters, as a member."""
    from sklearn.base import clone

    from analytics.models.freeze import freeze

    model: Any = clone(estimator)
    model.set_params(**params)
    model.fit(x, y.astype(np.int64) if classes else y)
    return freeze(model, classes, x.shape[1])
