"""From a trained model to a version in the registry: the files by their hash, and the facts about them."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt

from analytics.monitoring.profile import Profile, profile_of
from serve.predicting.artifacts import Artifacts
from tuning.recorder import plain

if TYPE_CHECKING:
    from hindcast.client import Client

Columns = Mapping[str, npt.NDArray[Any]]
PREDICTION = "(prediction)"
REFERENCE_ROWS = 2_000
"""Of the training rows that are kept beside a model: drift of later rows is tested against them."""
LIBRARIES = ("hindcast", "scikit-learn", "lightgbm", "numpy", "skops", "ray")


@dataclass(frozen=True)
class Candidate:
    """A trained model that may be registered. ``predictions``: for rows that it had not seen, as drift compares them."""

    name: str
    experiment: str
    blob: bytes
    metric: str
    score: float
    threshold: float
    scores: Mapping[str, float | None] = field(default_factory=dict[str, float | None])
    columns: Columns = field(default_factory=dict[str, npt.NDArray[Any]])
    predictions: npt.NDArray[Any] | None = None
    data: Mapping[str, Any] = field(default_factory=dict[str, Any])
    recipe: Mapping[str, Any] = field(default_factory=dict[str, Any])
    report: bytes = b""
    usual: float | None = None
    code: str = ""


def register(client: Client, one: Candidate, artifacts: Path | None = None) -> Mapping[str, Any]:
    """Keep its files and register it; answers the version. ``artifacts``: the folder, where it is on this machine.

    Raises ``ApiError`` where the registry refuses it.
    """

    def kept(data: bytes, kind: Literal["skops", "arrow", "json"]) -> str:
        if artifacts is not None:
            return Artifacts(artifacts).put(data, kind)
        return client.keep_artifact(data, kind)["sha256"]

    profile: Profile = profile_of(one.columns)
    if one.predictions is not None and len(one.predictions):
        profile |= {PREDICTION: profile_of({PREDICTION: one.predictions})[PREDICTION]}
    said = {
        "sha256": kept(one.blob, "skops"),
        "version": one.experiment,
        "metric": one.metric,
        "score": one.score,
        "threshold": one.threshold,
        "scores": dict(one.scores),
        "data": dict(one.data),
        "recipe": dict(one.recipe),
        "code": one.code,
        "environment": environment(),
        "profile": profile,
        "reference": kept(reference(one.columns), "arrow") if one.columns else "",
        "report": kept(one.report, "json") if one.report else "",
        "usual": one.usual,
    }
    return client.register_model(one.name, plain(said))


def reference(columns: Columns, rows: int = REFERENCE_ROWS) -> bytes:
    """A sample of rows, the same for the same rows, as an Arrow stream."""
    import pyarrow as pa

    n = len(next(iter(columns.values())))
    some = np.sort(np.random.default_rng(0).permutation(n)[:rows])
    table = pa.table({name: _arrow(np.asarray(values)[some]) for name, values in columns.items()})
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return sink.getvalue().to_pybytes()


def _arrow(values: npt.NDArray[Any]) -> Any:
    import pyarrow as pa

    if values.dtype.kind == "O":
        kinds = {type(v) for v in values.tolist() if v is not None}
        if kinds - {bool}:
            return pa.array([None if v is None else str(v) for v in values.tolist()], pa.string())
    return pa.array(values.tolist() if values.dtype.kind == "O" else values, from_pandas=True)


def environment() -> dict[str, str]:
    """What it was trained with."""
    found = {"python": platform.python_version(), "machine": platform.machine()}
    for name in LIBRARIES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found
