"""The walk from what is sent to what people are told and shown, with one collector and with several: the same answers."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from typing import Any

import pytest

from actors.analyzers.anomaly import AnomalyAnalyzer
from actors.analyzers.metrics import MetricSpec
from actors.dashboards.alert_system import AlertSystem
from actors.dashboards.system_health import SystemHealth
from actors.dashboards.user_activity import UserActivity
from events.catalog import CONTROL
from events.memory_log import MemoryLog
from tests.laws.oracle import History
from tests.life import Life

METRICS = (
    MetricSpec("events", "user_interactions"),
    MetricSpec("revenue", "user_interactions", ("order.placed",), key="currency", value="value", distinct="subject"),
    MetricSpec("by_site", "user_interactions", key="source"),
    MetricSpec("{type}", "system_metrics", key="source", value="value"),
)
RULES = (
    {"name": "busy", "condition": "events.count > 12", "for_s": 10},
    {"name": "no orders", "condition": "revenue.count < 1"},
    {"name": "site silent", "condition": 'by_site.count{key="a"} < 1', "for_s": 20},
    {"name": "hot", "condition": "cpu.percent.mean > 80"},
)
WATCHED = ("events", "by_site")


class Whole(Life):
    """A life with everything that reads."""

    def __init__(self, partitions: int, *, tenant: str = "t", log: MemoryLog | None = None) -> None:
        super().__init__(METRICS, RULES, partitions=partitions, tenant=tenant, log=log)
        self.anomaly = self._cell(AnomalyAnalyzer())
        for metric in WATCHED:
            said = json.dumps({"spec": {"metric": metric, "aggregate": "count"}, "owner": "api"})
            self._push(self.control, CONTROL, 1, type="anomaly.defined", subject=f"{metric}.count", data=said)
        self.shown = [self._cell(fold) for fold in (UserActivity(), SystemHealth(), AlertSystem())]
        self.readers += [self.anomaly, *self.shown]

    def lives(self, seed: int, seconds: int) -> Whole:
        """Traffic, bursts, silence of some or of all, a restart; another collector brings a part of it."""
        rng = random.Random(seed)
        mood = "busy"
        for second in range(seconds):
            if second % 20 == 0:
                mood = rng.choice(("busy", "calm", "one", "silent", "burst"))
            n = {"busy": 2, "calm": int(second % 3 == 0), "one": 1, "silent": 0, "burst": 5}[mood]
            for _ in range(n):
                subject = "u0" if mood == "one" else f"u{rng.randrange(40)}"
                deed = self.imports if rng.random() < 0.3 else self.sends
                deed(
                    1,
                    rng.choice(("order.placed", "page.viewed")),
                    ago=rng.choice((0, 0.25, 3)),
                    subject=subject,
                    source=rng.choice("ab"),
                    currency=rng.choice(("EUR", "USD")),
                    value=rng.choice((2.5, 10.0, 99.0)),
                )
            self.measures("cpu.percent", rng.choice((20.0, 95.0)))
            if second == seconds // 2:
                self.restarts()
            self.passes(1)
        self.passes(240, step=2)
        return self

    def answers(self) -> dict[str, Any]:
        """All that anybody can ask: figures, expectations, alerts, what people were told, what the page shows."""
        figures = ("metric", "key", "start", "count", "sum", "mean", "min", "max", "p50", "p95", "p99", "distinct")
        samples = self.history("metrics", self.metrics.name, "type", "revision", *figures)
        closed = [(m, at) for t, m, at in self.history("metrics", self.metrics.name, "type", "metric", "time")]
        expected = ("metric", "key", "start", "value", "expected", "lower", "upper", "score", "is_anomaly")
        alerts = self.history("alerts", self.alerts.name, "type", "rule", "key", "time", "value", "alert")
        return {
            "samples": sorted(map(repr, (row[2:] for row in samples if row[0] == "metric.sampled"))),
            "revisions": [row for row in samples if row[1]],
            "closed": {metric: max(at for m, at in closed if m == metric) for metric, _ in closed},
            "anomalies": sorted(map(repr, self.history("anomalies", self.anomaly.name, *expected))),
            "alerts": sorted(map(repr, alerts)),
            "told": sorted(self.owed()),
            "late": self.history("late_rows", self.metrics.name, "id"),
            "shown": {
                topic.name: cell.fold.view(cell.state, topic.name) for cell in self.shown for topic in cell.fold.topics
            },
        }


@pytest.mark.parametrize("seed", range(4))
def test_four_partitions_and_a_second_collector_answer_as_one_does(seed: int) -> None:
    one, four = Whole(1).lives(seed, 200), Whole(4).lives(seed, 200)
    expected, found = one.answers(), four.answers()
    assert expected["alerts"], "something happened"
    for question, answer in expected.items():
        assert found[question] == answer, question
    writers = [len(History(four.log).rows("user_interactions", door.name, "id")) for door in four.doors]
    assert all(writers), "every partition had rows"


@pytest.mark.slow
def test_two_tenants_on_one_log_never_see_each_other() -> None:
    log = MemoryLog()
    ours, theirs = Whole(4, log=log), Whole(1, tenant="u", log=log)
    turns: Sequence[Whole] = (ours, theirs)
    alone = {whole.tenant: Whole(len(whole.doors), tenant=whole.tenant) for whole in turns}
    rng = random.Random(5)
    for second in range(150):
        for whole in turns:
            n = rng.choice((0, 1, 6)) if (second // 30) % 2 == 0 else 0
            for each in (whole, alone[whole.tenant]):
                each.sends(n, "order.placed", subject=f"{whole.tenant}{second}", source="a", currency="EUR", value=1.0)
                each.measures("cpu.percent", 95.0 if whole is ours else 10.0)
                each.passes(1)
    for whole in turns:
        whole.passes(120, step=2)
        alone[whole.tenant].passes(120, step=2)
    for whole in turns:
        assert whole.answers() == alone[whole.tenant].answers(), whole.tenant
    assert ours.answers()["alerts"] != theirs.answers()["alerts"]
