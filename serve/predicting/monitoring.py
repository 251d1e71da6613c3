"""How a model fares on rows at hand: their quality, drift against its training rows, and how right it is on them.

Run in a process of its own (``python -m serve.predicting.monitoring``): it reads a question from standard input and prints
the answer, both JSON. A gateway does without the libraries that it needs.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from events.errors import Rejected, Transient

if TYPE_CHECKING:
    from analytics.monitoring.accuracy import Answers
    from analytics.predictive.model import PredictiveModel

MONITORING_S = 150.0
SCORE_DROP = 0.05


class ModelPerformanceMonitor:
    """``score_drop``: a fall of the score by more than that, and more than chance, is degradation."""

    def __init__(self, score_drop: float = SCORE_DROP) -> None:
        from analytics.drift import DriftDetector
        from analytics.monitoring import AccuracyMonitor, PerformanceTracker

        self.performance = PerformanceTracker()
        self.drift = DriftDetector()
        self.accuracy = AccuracyMonitor()
        self._score_drop = score_drop

    def monitor_model_performance(
        self,
        model: PredictiveModel,
        version: Mapping[str, Any],
        reference: Mapping[str, npt.NDArray[Any]],
        new_data: Mapping[str, npt.NDArray[Any]],
        outcomes: npt.NDArray[Any] | None,
    ) -> dict[str, Any]:
        """``performance_metrics``, ``drift_detection``, ``accuracy_metrics``, and ``degraded`` with its ``reason``.

        ``version``: as it was registered (``model_id``, ``profile``, ``score``, ``task``, ``classes``). ``outcomes``: of
        each row, None where it is not known; without any, none is. Raises ``WrongInput``.
        """
        model_id = str(version.get("model_id", model.name))
        rows = len(next(iter(new_data.values())))
        found = model.answer(dict(new_data), rows, model.evidence.level)
        self.performance.expect(model_id, dict(version.get("profile") or {}))
        performance = self.performance.track(model_id, found["prediction"], new_data)
        said = answers(version, found, model.evidence.level)
        accuracy = self._accuracy(model_id, version, said, rows, outcomes)
        reason = self.detect_performance_degradation(version, accuracy)
        return {
            "model_id": model_id,
            "performance_metrics": performance,
            "drift_detection": self._drifted(model_id, reference, new_data),
            "accuracy_metrics": accuracy,
            "degraded": bool(reason),
            "reason": reason,
        }

    def detect_performance_degradation(self, version: Mapping[str, Any], accuracy: Mapping[str, Any]) -> str:
        """Why it counts as degraded; empty where it does not. Without known outcomes nothing is claimed."""
        before, score = version.get("score"), accuracy["score"]
        if before is None or score is None or accuracy["metric"] != version.get("metric", accuracy["metric"]):
            return ""
        if score < before - self._score_drop and accuracy["high"] < before:
            return (
                f"{accuracy['metric']} is {score:.3f} on {accuracy['labels']} rows; it was registered with {before:.3f}"
            )
        return ""

    def _drifted(
        self, model_id: str, reference: Mapping[str, npt.NDArray[Any]], data: Mapping[str, npt.NDArray[Any]]
    ) -> dict[str, Any]:
        shared = {name: values for name, values in reference.items() if name in data}
        if not shared:
            return {"status": "no reference", "drifted": False, "columns": []}
        self.drift.expect(model_id, shared)
        report = self.drift.detect_drift(model_id, {name: data[name] for name in shared})
        told = [
            {"name": c.name, "drifted": c.drifted, "p_value": c.p_value, "status": c.status, "unseen": list(c.unseen)}
            for c in report.columns
        ]
        about = {"p_value": report.p_value, "alarm_rate": report.alarm_rate, "can_alarm": report.can_alarm}
        return {"status": "compared", "drifted": report.drifted, **about, "columns": told}

    def _accuracy(
        self, model_id: str, version: Mapping[str, Any], said: Answers, rows: int, outcomes: npt.NDArray[Any] | None
    ) -> dict[str, Any]:
        came = [None] * rows if outcomes is None else [None if v is None or v != v else v for v in outcomes.tolist()]
        if said.task == "multiclass":
            names = tuple(None if v is None else _name(v) for v in came)
            return self.accuracy.monitor(model_id, said, np.full(rows, np.nan), names)
        classes = [str(c) for c in version.get("classes") or ()]
        return self.accuracy.monitor(model_id, said, np.array([_number(v, classes) for v in came], np.float64))


def answers(version: Mapping[str, Any], found: Mapping[str, npt.NDArray[Any]], level: float) -> Answers:
    """What a model said, as its accuracy is judged."""
    from analytics.monitoring.accuracy import Answers

    task, said = version.get("task", "regression"), found["prediction"]
    shares = [np.asarray(v, np.float64) for name, v in found.items() if name.startswith("probability_")]
    if task == "binary":
        values = np.asarray(said, np.float64) if said.dtype.kind in "fiu" else shares[1]
        return Answers("binary", values)
    if task == "multiclass":
        return Answers("multiclass", np.max(shares, axis=0), tuple(str(v) for v in said.tolist()))
    low, high = (np.asarray(found[side], np.float64) for side in ("low", "high"))
    return Answers("regression", np.asarray(said, np.float64), (), low, high, level, version.get("usual"))


def _name(value: Any) -> str:
    from analytics.monitoring.profile import text_of

    return text_of(value) or ""


def _number(value: Any, classes: list[str]) -> float:
    if value is None:
        return float("nan")
    if len(classes) == 2 and not isinstance(value, bool):
        return float(_name(value) == classes[1])
    return float(value)


async def monitored(question: Mapping[str, Any]) -> dict[str, Any]:
    """The answer of the process. Raises ``Rejected`` for rows that cannot be, ``Transient`` where it takes too long."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-P", "-m", "serve.predicting.monitoring"),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        cwd=Path(__file__).parents[2],
    )
    try:
        said, _ = await asyncio.wait_for(process.communicate(json.dumps(question).encode()), MONITORING_S)
    except TimeoutError:
        process.kill()
        raise Transient(f"the rows could not be compared within {MONITORING_S:g} s; send fewer", 5.0) from None
    found = json.loads(said) if said else {"error": ["", "the process that compares ended without a word"]}
    if "error" in found:
        raise Rejected(*found["error"])
    return found


def answered(question: Mapping[str, Any]) -> dict[str, Any]:
    """``folder`` of the artifacts, ``version`` as it was registered, ``rows`` as objects; an outcome stands in the column
    ``target``."""
    import pyarrow as pa

    from analytics.models.arrays import arrays_of, from_arrow
    from analytics.models.schema import WrongInput
    from serve.predicting.artifacts import Artifacts

    artifacts, version = Artifacts(Path(question["folder"])), question["version"]
    try:
        model = artifacts.model(version["sha256"])
        columns = arrays_of(question["rows"])
        outcomes = columns.pop(question["target"], None)
        reference: dict[str, npt.NDArray[Any]] = {}
        if version.get("reference"):
            with pa.ipc.open_stream(artifacts.read(version["reference"], "arrow")) as reader:
                reference = from_arrow(reader.read_all())
        found = ModelPerformanceMonitor().monitor_model_performance(model, version, reference, columns, outcomes)
    except WrongInput as error:
        return {"error": [error.column, error.reason]}
    except Rejected as error:
        return {"error": [error.field, error.reason]}
    except ValueError as error:
        return {"error": ["rows", str(error)]}
    return found


def _plain(value: Any) -> Any:
    if isinstance(value, np.generic):
        return value.item()
    return asdict(value) if hasattr(value, "__dataclass_fields__") else str(value)


if __name__ == "__main__":
    json.dump(answered(json.load(sys.stdin)), sys.stdout, default=_plain)
