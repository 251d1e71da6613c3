"""The monitor: follows every answer of every deployed version, and says when one fares badly.

It stands before traffic: the registry hands requests to a deployment only once ``monitoring.started`` names it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec
import pyarrow as pa

from actors.fold import Batch, Outputs, Topic
from actors.models.deployment import RollBack, Watch, rules_of
from actors.models.health import SCORED, Health, quantile_of
from actors.models.registry import Deployed, Model, ModelRegistry
from events.catalog import CONTROL, MODELS, PREDICTIONS, Stream, rows

TOPIC = "model_health"
ALERT, RAISED = "model_performance_degradation", "alert.raised"
STANDS_S = 86_400.0
"""An alert that is not said again for so long ends."""
COLUMNS = (
    *("id", "type", "subject", "cause", "time", "model", "version", "shadow", "value", "label"),
    *("low", "high", "features", "latency_us"),
)


class Watched(msgspec.Struct):
    """``rules`` of the deployment, by its place; ``asked_at``: when another training was last asked for."""

    place: str = ""
    roll_back: dict[str, Any] = {}
    watch: dict[str, Any] = {}
    versions: dict[int, Health] = {}
    asked_at: float | None = None


class State(msgspec.Struct):
    registry: dict[str, Model] = {}
    watched: dict[str, Watched] = {}


Said = tuple[str, str, dict[str, Any]]
"""Type, subject and data of what it has to say."""


@dataclass
class ModelMonitor:
    """The fold over ``predictions`` and ``models``. What it says goes to ``models``; alerts, as programs send them, to
    ``control``."""

    name: str = "model_monitor"
    version: int = 1
    reads: tuple[str, ...] = (MODELS.name, PREDICTIONS.name)
    writes: tuple[str, ...] = (MODELS.name, CONTROL.name)
    topics: Sequence[Topic] = (Topic(TOPIC, "upsert"),)
    _registry: ModelRegistry = field(default_factory=ModelRegistry, repr=False)
    _touched: set[str] = field(default_factory=set[str], repr=False)

    def initial(self) -> State:
        return State()

    def fold(self, state: State, batch: Batch) -> tuple[State, Outputs]:
        said: list[tuple[int, Said]] = []
        if batch.stream == MODELS.name:
            one = [batch.table.slice(i, 1) for i in range(batch.rows)]
            for place, row in enumerate(one):
                alone = Batch(batch.header, batch.first + place, row, last=False)
                state.registry, _ = self._registry.fold(state.registry, alone)
                said += [(place, told) for told in self._follow(state, row)]
            self._registry.changes(state.registry)
        else:
            for place, row in enumerate(batch.table.select(COLUMNS).to_pylist()):
                said += [(place, told) for told in self._answer(state, row)]
        outputs = Outputs()
        for stream in (MODELS, CONTROL):
            mine = [one for one in said if (one[1][0] == RAISED) == (stream is CONTROL)]
            if mine:
                outputs.emit(stream.name, _rows(batch, stream, mine))
        return state, outputs

    # -- deployments -----------------------------------------------------------------------------------------------

    def _follow(self, state: State, row: pa.RecordBatch) -> Iterator[Said]:
        """Watch what a command deploys. Emitted once for each deployment: before any traffic goes there."""
        name = row.column("subject")[0].as_py()
        model = state.registry.get(name or "")
        if model is None or model.wanted is None:
            return
        watched = state.watched.setdefault(name, Watched())
        if watched.place != model.wanted.place:
            self._watch(watched, model, model.wanted)
            self._touched.add(name)
            numbers = [variant.number for variant in model.wanted.variants]
            yield "monitoring.started", name, {"place": model.wanted.place, "numbers": numbers}

    def _watch(self, watched: Watched, model: Model, wanted: Deployed) -> None:
        roll_back, watch = rules_of(wanted.config)
        watched.place = wanted.place
        watched.roll_back, watched.watch = roll_back.model_dump(mode="json"), watch.model_dump(mode="json")
        former, watched.versions = watched.versions, {}
        for variant in wanted.variants:
            known = former.get(variant.number)
            fresh = _health(model.versions[variant.number - 1]) if known is None or known.tripped else known
            watched.versions[variant.number] = fresh

    # -- answers and outcomes --------------------------------------------------------------------------------------

    def _answer(self, state: State, row: dict[str, Any]) -> Iterator[Said]:
        name = row["model"]
        watched = state.watched.get(name or "")
        if watched is None:
            return
        self._touched.add(name)
        at = row["time"].timestamp()
        if row["type"] == "outcome.recorded":
            for health in watched.versions.values():
                if health.settle(row["cause"], row["subject"], row["value"], row["label"]):
                    yield from self._scored(name, watched, health, at)
            return
        health = watched.versions.get(row["version"])
        if health is None:
            return
        if row["type"] == "prediction.failed":
            health.fail()
        else:
            health.see(row, json.loads(row["features"]) if row["features"] else {})
        yield from self._looked(name, watched, health)
        watch = Watch.model_construct(**watched.watch)
        if health.window_rows >= watch.window_rows:
            yield from self._drift(name, watched, watch, health, at)

    def _looked(self, name: str, watched: Watched, health: Health) -> Iterator[Said]:
        rules = RollBack.model_construct(**watched.roll_back)
        if health.since < rules.min_rows:
            return
        errors, p95 = health.look()
        why = ""
        if rules.errors is not None and errors > rules.errors:
            why = f"{errors:.0%} of {rules.min_rows} predictions failed; at most {rules.errors:.0%} may"
        elif rules.latency_ms is not None and p95 is not None and p95 > rules.latency_ms:
            why = f"the 95th percentile of the latency is {p95:g} ms; it may be {rules.latency_ms:g} ms"
        if why and not health.tripped:
            health.tripped = why
            yield "deployment.rolled_back", name, {"numbers": [health.number], "reason": why, "by": self.name}
            yield from _degraded(name, health, {"errors": errors, "latency_p95_ms": p95}, why, watched)

    def _drift(self, name: str, watched: Watched, watch: Watch, health: Health, at: float) -> Iterator[Said]:
        window = health.judge_window(at, watch.alarm_rate)
        drifted, health.drifted = health.drifted, bool(window["drifted"])
        if health.drifted and not drifted:
            yield "model.drifted", name, {"number": health.number, "drifted": window["drifted"], "rows": window["rows"]}
            yield from self._retrain(name, watched, watch, at, f"drift of {', '.join(window['drifted'][:3])}")

    def _scored(self, name: str, watched: Watched, health: Health, at: float) -> Iterator[Said]:
        if len(health.pairs) < SCORED:
            return
        found = health.judge_outcomes(at)
        score, before = found["score"], health.score
        if score is None or before is None:
            return
        rules, watch = RollBack.model_construct(**watched.roll_back), Watch.model_construct(**watched.watch)
        metrics = {"metric": found["metric"], "score": score, "registered_with": before, "outcomes": found["labels"]}
        why = f"{found['metric']} on the last {found['labels']} outcomes is {score:.3f}; it was registered with {before:.3f}"
        fell = found["high"] < before
        if fell and rules.score is not None and score < before - rules.score and not health.tripped:
            health.tripped = why
            yield "deployment.rolled_back", name, {"numbers": [health.number], "reason": why, "by": self.name}
        worse, health.degraded = health.degraded, fell and score < before - watch.score_drop
        if worse and not health.degraded:
            yield RAISED, ALERT, {"status": "resolved", "key": f"{name}:{health.number}"}
        if health.degraded:
            if not worse:
                yield from _degraded(name, health, metrics, why, watched)
            yield from self._retrain(name, watched, watch, at, why)

    def _retrain(self, name: str, watched: Watched, watch: Watch, at: float, why: str) -> Iterator[Said]:
        """Ask for another training, at most once in the cool-down."""
        if watch.retrain and (watched.asked_at is None or at - watched.asked_at >= watch.cool_down_s):
            watched.asked_at = at
            yield "training.requested", name, {"reason": why, "by": self.name}

    # -- what is shown ---------------------------------------------------------------------------------------------

    def view(self, state: State, topic: str) -> Mapping[str, Any]:
        return {name: _shown(watched) for name, watched in state.watched.items()}

    def changes(self, state: State) -> Mapping[str, Mapping[str, Any]]:
        touched, self._touched = self._touched, set()
        return {TOPIC: {name: _shown(state.watched[name]) for name in sorted(touched)}} if touched else {}

    def dump(self, state: State) -> bytes:
        return msgspec.msgpack.encode(state)  # in the order of the state: what is waited for goes oldest first

    def load(self, data: bytes) -> State:
        return msgspec.msgpack.decode(data, type=State)


def _health(version: Mapping[str, Any]) -> Health:
    return Health(
        int(version["number"]),
        str(version.get("model_id", "")),
        str(version.get("task", "regression")),
        [str(c) for c in version.get("classes") or ()],
        version.get("score"),
        version.get("usual"),
        float(version.get("level", 0.9)),
        dict(version.get("profile") or {}),
    )


def _degraded(name: str, health: Health, metrics: dict[str, Any], why: str, watched: Watched) -> Iterator[Said]:
    """The alert of the specification, as a fact about the model and as an alert that is sent."""
    alert = {"type": ALERT, "model_id": health.model_id, "metrics": metrics, "severity": "high"}
    yield "model.degraded", name, {**alert, "number": health.number, "reason": why}
    yield RAISED, ALERT, alarm(name, health.number, alert, why, watched.watch.get("channels", ("dashboard",)))


def alarm(name: str, number: int, alert: Mapping[str, Any], why: str, channels: Sequence[str]) -> dict[str, Any]:
    """The data of ``alert.raised`` for a model that fares badly; there is one alert for each version."""
    return {
        "status": "firing",
        "severity": alert["severity"],
        "key": f"{name}:{number}",
        "message": f"{name}, version {number}: {why}",
        "channels": list(channels),
        "resolve_after_s": STANDS_S,
        "data": {"model": name, "model_id": alert["model_id"], "metrics": alert["metrics"]},
        "by": "model_monitor",
    }


def _shown(watched: Watched) -> dict[str, Any]:
    return {"place": watched.place, "versions": {str(n): _of_version(health) for n, health in watched.versions.items()}}


def _of_version(health: Health) -> dict[str, Any]:
    """As the page needs it. Label coverage is of the answers since the version is watched."""
    answered = health.rows - health.errors
    status = "measured" if health.scores and health.scores[-1]["status"] == "measured" else "labels_pending"
    return {
        "model_id": health.model_id,
        "rows": health.rows,
        "shadow_rows": health.shadow_rows,
        "errors": health.errors,
        "error_rate": health.errors / health.rows if health.rows else 0.0,
        "latency_ms": {q: quantile_of(health.latency, float(q)) for q in ("0.5", "0.95", "0.99")},
        "drift": {
            "drifted": health.windows[-1]["drifted"] if health.windows else [],
            "windows": health.windows,
            "rows_waiting": health.window_rows,
        },
        "accuracy": {
            "status": status,
            "outcomes": health.outcomes,
            "label_coverage": health.outcomes / answered if answered else 0.0,
            "registered_with": health.score,
            "scores": health.scores,
        },
        "degraded": health.degraded,
        "taken_back": health.tripped,
    }


def _rows(batch: Batch, stream: Stream, said: Sequence[tuple[int, Said]]) -> pa.RecordBatch:
    """What is said, at the time of the row that made it so."""
    table = batch.table
    at = pa.array([place for place, _ in said])
    columns = {
        "type": [told[0] for _, told in said],
        "subject": [told[1] for _, told in said],
        "partition_key": [told[1] for _, told in said],
        "data": [json.dumps(told[2], sort_keys=True) for _, told in said],
        "source": "model_monitor",
        "time": table.column("time").take(at),
        "received": table.column("received").take(at),
        "cause": [f"{batch.producer}:{batch.first + place}" for place, _ in said],
    }
    return rows(stream, columns, len(said))
