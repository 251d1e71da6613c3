"""What definitions cost that an event is not about: the analyzer and the alert evaluator with and without 10,000 of each.

500 k events of two types, 1,000 a second of event time, in entries of 5,000 rows. Five metrics and a rule are about them; in
the second run 10,000 metrics (windows of a minute) of types that never come are there besides, and a rule about each.
Processor time an event, of folding and of what is told. Prints JSON lines ``{name, value, unit, against, ratio}``;
``python -m benchmarks.definitions``
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from time import process_time
from typing import Any

import numpy as np

from actors.alerts.evaluator import AlertEvaluator
from actors.analyzers.metrics import MetricsAnalyzer
from actors.fold import Batch
from benchmarks.kernels import report
from events.catalog import CONTROL, METRICS, USER_INTERACTIONS, rows
from events.entry import EntryHeader

N, ROWS, MANY = 500_000, 5_000, 10_000
BEGIN = 1_780_000_000_000_000


def told(type_: str, said: dict[str, dict[str, Any]]) -> Batch:
    """Rows of ``control``, one a name."""
    columns = {
        "type": type_,
        "subject": [*said],
        "data": [json.dumps({"spec": spec, "bound_s": 5.0}) for spec in said.values()],
        "time": BEGIN,
        "received": BEGIN,
    }
    header = EntryHeader(CONTROL.name, "demo/control/0", "demo", 0, len(said), 1, 1, 1, 1)
    return Batch(header, 0, rows(CONTROL, columns, len(said)), True)


def events() -> Iterator[Batch]:
    rng = np.random.default_rng(0)
    for first in range(0, N, ROWS):
        time = BEGIN + np.arange(first, first + ROWS) * 1_000
        columns = {
            "time": time, "received": time,
            "type": [("order.placed", "page.viewed")[i] for i in rng.integers(0, 2, ROWS)],
            "source": [("web", "app")[i] for i in rng.integers(0, 2, ROWS)],
            "subject": [f"u{i}" for i in rng.integers(0, 5_000, ROWS)],
            "value": rng.lognormal(3, 1, ROWS),
        }  # fmt: skip
        number = first // ROWS + 1
        header = EntryHeader(
            USER_INTERACTIONS.name,
            "demo/user_interactions/0",
            "demo",
            first,
            ROWS,
            number,
            1,
            1,
            1,
            int(time[-1]) - 5_000_000,
        )
        yield Batch(header, first, rows(USER_INTERACTIONS, columns, ROWS), True)


def processor_us(batches: list[Batch], many: int) -> float:
    """Processor time an event, us."""
    metrics, alerts = MetricsAnalyzer(), AlertEvaluator()
    common = {"stream": USER_INTERACTIONS.name, "width_s": 10}
    mine: dict[str, dict[str, Any]] = {
        "events": {"sketches": False},
        "by_type": {"key": "type", "sketches": False},
        "by_source": {"key": "source", "sketches": False},
        "users": {"distinct": "subject"},
        "spent": {"types": ["order.placed"], "value": "value"},
    }
    mine = {name: {"name": name, **common, **spec} for name, spec in mine.items()}
    quiet = {f"m{i}": {"name": f"m{i}", **common, "types": [f"type {i}"], "width_s": 60} for i in range(many)}
    windows, _ = metrics.fold(metrics.initial(), told("metric.defined", mine | quiet))
    rules = {f"r {name}": f"{name}.count > 1e9" for name in ("events", *quiet)}
    asked = {name: {"name": name, "condition": said, "threshold": 1e9} for name, said in rules.items()}
    judged, _ = alerts.fold(alerts.initial(), told("rule.defined", asked))
    begin, offset = process_time(), 0
    for batch in batches:
        windows, outputs = metrics.fold(windows, batch)
        for stream, emission in outputs.items():
            for samples in emission.batches if stream == METRICS.name else ():
                header = EntryHeader(METRICS.name, "demo/metrics/0", "demo", offset, samples.num_rows, 1, 1, 1, 1)
                judged, _ = alerts.fold(judged, Batch(header, offset, samples, True))
                offset += samples.num_rows
    return (process_time() - begin) / N * 1e6


def main() -> None:
    batches = list(events())
    processor_us(batches[:10], 10)
    none, many = ([processor_us(batches, n) for _ in range(3)] for n in (0, MANY))
    report("an event, 10,000 metrics and rules beside", min(many), "us of a processor", "none beside", min(none))


if __name__ == "__main__":
    main()
