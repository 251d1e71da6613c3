"""A metric is known by its name and by what it says, never by its place in the configuration."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from actors.analyzers.anomaly import AnomalyAnalyzer
from actors.analyzers.anomaly_watch import AnomalySpec
from actors.analyzers.metrics import MetricsAnalyzer, MetricSpec
from actors.cell import Cell
from actors.definitions.fingerprints import fingerprint
from actors.fold import Batch
from config.settings import Settings
from events.catalog import STREAMS, rows
from events.entry import EntryHeader, encode
from events.errors import Rejected
from events.log import Commit, Output
from events.memory_log import MemoryLog
from tests.laws.oracle import History
from tests.told import metrics_defined

SECOND = 1_000_000
PAID = MetricSpec("paid", "user_interactions", ("order.placed",), value="value", bound_us=0, lateness_us=0)
SEEN = MetricSpec("seen", "user_interactions", ("page.viewed",), bound_us=0, lateness_us=0)
WIDE = MetricSpec("paid", "user_interactions", ("order.placed",), value="value", bound_us=0, width_us=20 * SECOND)


class Shop:
    """A log with one producer of events, and the metrics cell as each start of the system makes it."""

    def __init__(self) -> None:
        self.log = MemoryLog()
        self._lease = self.log.acquire("t/user_interactions/0", ["user_interactions"])
        self._commits = 0

    def happened(self, *events: tuple[float, str, float]) -> None:
        """(time in s, type, value) rows come in."""
        times, types, values = zip(*events, strict=True)
        at = [int(t * SECOND) for t in times]
        columns = {"time": at, "received": at, "type": list(types), "value": list(values)}
        table = rows(STREAMS["user_interactions"], columns, len(events))
        output = Output("user_interactions", encode(STREAMS["user_interactions"], table), max(at))
        commit = Commit(self._commits, f"{self._commits}".encode(), 1, outputs=(output,))
        self._commits = self.log.commit(self._lease, commit)

    def tells(self, **columns: Any) -> None:
        """Rows of ``control``."""
        n = max((len(c) for c in columns.values() if isinstance(c, list)), default=1)
        table = rows(STREAMS["control"], columns, n)
        cell = "t/control/0"
        lease = self.log.acquire(cell, ["control"])
        commit = self.log.last_commit(cell)[0]
        output = Output("control", encode(STREAMS["control"], table), 0)
        self.log.commit(lease, Commit(commit, str(commit).encode(), 1, outputs=(output,)))

    def started(self, fold: Any) -> Cell[Any]:
        cell: Cell[Any] = Cell(fold, self.log, tenant="t", now=lambda: 1)
        cell.recover()
        return cell

    def samples(self) -> list[tuple[Any, ...]]:
        found = History(self.log).rows("metrics", "t/metrics/0", "type", "metric", "start", "count", "sum")
        return [row[1:] for row in found if row[0] == "metric.sampled"]


def half_a_window(*specs: MetricSpec) -> Shop:
    """Two orders of 5 and three pages in a window that is open when the system is stopped in good order."""
    shop = Shop()
    shop.tells(**metrics_defined(specs))
    shop.happened((1, "order.placed", 5.0), (2, "order.placed", 5.0))
    shop.happened((3, "page.viewed", 0.0), (4, "page.viewed", 0.0), (5, "page.viewed", 0.0))
    cell = shop.started(MetricsAnalyzer())
    while cell.advance():
        pass
    cell.save()
    return shop


def test_metrics_that_are_told_again_in_another_order_go_on_with_their_own_figures() -> None:
    shop = half_a_window(PAID, SEEN)
    shop.tells(**metrics_defined([SEEN, PAID]))
    cell = shop.started(MetricsAnalyzer())
    shop.happened((11, "page.viewed", 0.0))
    cell.advance()
    assert sorted(shop.samples()) == [("paid", 0, 2, 10.0), ("seen", 0, 3, None)]


def test_a_metric_that_is_removed_costs_the_others_nothing_and_frees_its_state() -> None:
    shop = half_a_window(PAID, SEEN)
    shop.tells(type="metric.removed", subject="paid", data="{}", time=0, received=0)
    cell = shop.started(MetricsAnalyzer())
    shop.happened((11, "page.viewed", 0.0))
    cell.advance()
    assert shop.samples() == [("seen", 0, 3, None)]
    assert {name for name, _ in cell.state.series} == {"seen"}


def test_a_metric_that_is_told_while_the_system_stands_still_holds_from_that_place() -> None:
    shop = half_a_window(SEEN)
    shop.tells(**metrics_defined([PAID]))
    cell = shop.started(MetricsAnalyzer())
    cell.advance()
    assert cell.state.defined["paid"].joining.cut == {"t/user_interactions/0": 5}


def test_the_order_of_event_types_is_no_part_of_a_definition() -> None:
    one = MetricSpec("m", "user_interactions", ("a", "b"))
    other = MetricSpec("m", "user_interactions", ("b", "a", "b"))
    assert one.definition == other.definition
    assert one.definition != MetricSpec("m", "user_interactions", ("a",)).definition


def test_a_fingerprint_is_the_same_in_every_version() -> None:
    """Snapshots hold it: were it computed otherwise, every metric of every user would begin anew at an upgrade."""
    assert fingerprint(PAID) == "d29a674bd0c37aa8"


def test_two_definitions_of_one_name_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "own.yaml"
    file.write_text("""
metrics: [{name: events, stream: user_interactions}]
anomalies: [{metric: events}, {metric: events, false_alarms_per_week: 9}]
""")
    with pytest.raises(Rejected, match=r"'events\.count' is there 2 times"):
        Settings.load(file)


# -- what is expected of a metric ------------------------------------------------------------------------------------


def samples(start: int, n: int, **values: float) -> list[tuple[str, int, float]]:
    return [(metric, (start + i) * 10 * SECOND, value) for i in range(n) for metric, value in values.items()]


def watching(*specs: AnomalySpec) -> Any:
    """The state of a fold to which these were told."""
    fold = AnomalyAnalyzer()
    data = [json.dumps({"spec": {"metric": s.metric, "aggregate": s.aggregate}, "owner": "api"}) for s in specs]
    columns = {"type": "anomaly.defined", "subject": [s.name for s in specs], "data": data, "time": 0}
    header = EntryHeader("control", "t/control/0", "t", 0, len(specs), 1, 1, 1, 1)
    return fold.fold(fold.initial(), Batch(header, 0, rows(STREAMS["control"], columns, len(specs)), True))[0]


def scored(state: Any, given: list[tuple[str, int, float]], *widths: int, cause: str | None = None) -> Any:
    fold = AnomalyAnalyzer()
    metric, at, mean = zip(*given, strict=True)
    width_us = [width * SECOND for width in widths or [10] * len(given)]
    columns = {"metric": metric, "key": "", "time": at, "start": at, "mean": mean, "width_us": width_us, "revision": 0}
    table = rows(STREAMS["metrics"], columns | {"cause": cause}, len(given))
    header = EntryHeader("metrics", "t/metrics/0", "t", 0, len(given), 1, 1, 1, 1)
    state, outputs = fold.fold(state, Batch(header, 0, table, True))
    emitted = [b for _, e in outputs.items() for b in e.batches]
    return state, [(r["metric"], r["status"], r["expected"]) for b in emitted for r in b.to_pylist()]


CALM, BUSY = AnomalySpec("calm", "mean"), AnomalySpec("busy", "mean")


def test_what_is_expected_of_a_metric_follows_its_name() -> None:
    fold = AnomalyAnalyzer()
    state, _ = scored(watching(CALM, BUSY), samples(0, 400, calm=1.0, busy=1000.0))
    _, found = scored(fold.load(fold.dump(state)), samples(400, 1, calm=1.0, busy=1000.0))
    expected = {metric: value for metric, _, value in found}
    assert expected == {"busy": pytest.approx(1000.0, rel=0.01), "calm": pytest.approx(1.0, rel=0.01)}


def test_what_was_learned_of_a_metric_does_not_hold_for_another_of_its_name() -> None:
    state, _ = scored(watching(CALM), samples(0, 400, calm=1.0), cause="t/control/0:1")
    _, ((_, status, _),) = scored(state, samples(400, 1, calm=1.0), cause="t/control/0:9")
    assert status == "warming"


def test_what_an_older_release_learned_goes_on() -> None:
    state, _ = scored(watching(CALM), samples(0, 400, calm=1.0))
    (detector,) = state.detectors["calm.mean"].dump()
    spec = AnomalySpec("calm", "mean", of=(PAID.definition,))
    former = [
        {"watched": spec.name, "definition": spec.definition, "width_us": 10 * SECOND, "detector": detector.detector}
    ]
    loaded = AnomalyAnalyzer(former=(spec,)).load(msgspec.msgpack.encode(former))
    _, ((_, status, expected),) = scored(loaded, samples(400, 1, calm=1.0))
    assert (status, expected) == ("ready", pytest.approx(1.0, rel=0.01))


def test_samples_of_two_widths_in_one_entry_are_judged_apart() -> None:
    fold = AnomalyAnalyzer()
    narrow, wide = samples(0, 3, calm=1.0), samples(3, 3, calm=6.0)
    apart, _ = scored(watching(CALM), narrow, *[10] * 3)
    apart, _ = scored(apart, wide, *[20] * 3)
    together, _ = scored(watching(CALM), [*narrow, *wide], *[10] * 3, *[20] * 3)
    apart.places = together.places
    assert fold.dump(together) == fold.dump(apart)
