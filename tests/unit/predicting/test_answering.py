"""What a replica answers: requests together, each bad row alone; and which version answers whom."""

from __future__ import annotations

import asyncio
import itertools
import json
from collections import Counter
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from analytics.models.blob import Untrusted, to_bytes
from analytics.models.table import TableModel
from events.errors import Rejected, Transient
from serve.predicting.artifacts import Artifacts, predictor
from serve.predicting.calls import ModelCalls
from serve.predicting.cases import Answer, Item, Wrong
from serve.predicting.judging import judged
from serve.predicting.recording import figures, spread
from serve.predicting.replica import Models, predict
from serve.predicting.variants import chosen, share_of
from tests.small_models import small

MODEL = predictor(small())


def of(*rows: dict[str, Any]) -> Item:
    return Item(rows=rows)


def arrow(table: pa.Table) -> Item:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return Item(arrow=sink.getvalue().to_pybytes())


def test_requests_that_are_answered_together_get_what_they_would_get_alone() -> None:
    items = [of({"x": 1, "plan": "pro"}), of({"x": None, "plan": "new"}, {"x": -1.5, "plan": None})]
    items.append(arrow(pa.table({"x": [0.5, 1.0], "plan": ["free", "pro"], "more": [1, 2]})))
    together = predict(MODEL, items, 0.9, shown=True)
    for item, answer in zip(items, together, strict=True):
        (alone,) = predict(MODEL, [item], 0.9, shown=True)
        assert isinstance(answer, Answer)
        assert isinstance(alone, Answer)
        assert answer.columns["probability_yes"] == pytest.approx(alone.columns["probability_yes"], abs=1e-12)
        assert answer.shown == alone.shown


@pytest.mark.parametrize(
    ("bad", "field", "reason"),
    [
        ({"x": "three", "plan": "pro"}, "x", "'three' is not a number"),
        ({"plan": "pro"}, "x", "is missing"),
        ({"x": [1], "plan": "pro"}, "x", "is a list"),
        ({"x": {"a": 1}, "plan": "pro"}, "x", "is an object"),
    ],
)
def test_one_bad_row_never_fails_its_neighbours(bad: dict[str, Any], field: str, reason: str) -> None:
    good = {"x": 1.0, "plan": "pro"}
    first, wrong, last = predict(MODEL, [of(good), of(bad), of(good)], 0.9, shown=False)
    assert isinstance(first, Answer)
    assert isinstance(last, Answer)
    assert isinstance(wrong, Wrong)
    assert wrong.field == field
    assert reason in wrong.reason
    (mixed,) = predict(MODEL, [of(good, bad, good)], 0.9, shown=False)
    assert isinstance(mixed, Answer)
    assert (mixed.good, [w.row for w in mixed.wrong], mixed.rows) == ([0, 2], [1], 3)
    assert mixed.columns["probability_yes"] == first.columns["probability_yes"] * 2


def test_a_table_without_a_column_is_refused_whole_and_bad_cells_by_row() -> None:
    (wrong,) = predict(MODEL, [arrow(pa.table({"plan": ["pro"]}))], 0.9, shown=False)
    assert isinstance(wrong, Wrong)
    assert (wrong.field, wrong.row) == ("x", None)
    table = pa.table({"x": ["1"] * 50 + ["?!"] + ["2"] * 50, "plan": ["pro"] * 101})
    (answer,) = predict(MODEL, [arrow(table)], 0.9, shown=False)
    assert isinstance(answer, Answer)
    assert [(w.row, w.field) for w in answer.wrong] == [(50, "x")]
    assert len(answer.columns["prediction"]) == 100


def test_a_key_always_gets_the_same_variant_and_shares_are_as_weighted() -> None:
    variants = [
        {"name": "a", "weight": 0.9, "shadow": False},
        {"name": "b", "weight": 0.1, "shadow": False},
        {"name": "s", "weight": 1.0, "shadow": True},
    ]
    keys = [f"user-{i}" for i in range(20_000)]
    first = {key: chosen("m", variants, key)["name"] for key in keys}
    assert first == {key: chosen("m", variants, key)["name"] for key in keys}
    shares = Counter(first.values())
    assert shares["b"] / len(keys) == pytest.approx(0.1, abs=0.01)
    assert "s" not in shares
    more = [{**variants[0], "weight": 0.7}, {**variants[1], "weight": 0.3}]
    moved = [key for key in keys if first[key] == "b" and chosen("m", more, key)["name"] != "b"]
    assert moved == []  # who was in the canary stays there as it grows
    assert share_of("m", "u") != share_of("n", "u")


def test_of_a_large_request_rows_are_recorded_evenly_spread() -> None:
    assert spread(3) == [0, 1, 2]
    some = spread(100_000)
    assert len(some) == 1_000
    assert {b - a for a, b in itertools.pairwise(some)} == {100}
    told = figures({"prediction": ["yes"], "probability_no": [0.2], "probability_yes": [0.8]}, [0])
    assert (told["value"], told["label"]) == ([0.8], ["yes"])
    assert figures({"prediction": [3.5], "low": [1.0], "high": [None]}, [0])["low"] == [1.0]


def test_a_replica_holds_so_many_models_and_reads_only_what_was_recorded(tmp_path: Path) -> None:
    artifacts = Artifacts(tmp_path)
    first = artifacts.put(to_bytes(small()))
    second = artifacts.put(to_bytes(TableModel(**{**vars(small()), "target": "goes"})))
    models = Models(tmp_path, 1)
    models.get(first)
    models.get(second)
    assert models.held == [second]
    artifacts.path(first).write_bytes(artifacts.read(second))
    with pytest.raises(Untrusted, match="recorded was"):
        models.get(first)
    with pytest.raises(Rejected, match="hexadecimal"):
        artifacts.path("../../etc/passwd")


def test_a_foreign_file_is_refused_before_it_is_registered(tmp_path: Path) -> None:
    import skops.io
    from sklearn.linear_model import LinearRegression

    artifacts = Artifacts(tmp_path)
    name = artifacts.put(skops.io.dumps(LinearRegression()))
    with pytest.raises(Rejected, match="no model that can be served"):
        asyncio.run(judged(artifacts.path(name), name))
    good = artifacts.put(to_bytes(small()))
    facts = asyncio.run(judged(artifacts.path(good), good))
    assert (facts["task"], facts["classes"]) == ("binary", ["no", "yes"])
    assert [one["name"] for one in facts["inputs"]] == ["x", "plan"]
    json.dumps(facts)


def test_calls_outlive_a_replica_that_dies_and_go_together() -> None:
    class Dying:
        calls: list[int] = []  # noqa: RUF012
        deaths = 2

        async def predict(self, sha256: str, items: list[Item], level: float, shown: bool) -> list[Any]:
            self.calls.append(len(items))
            await asyncio.sleep(0.01)
            if self.deaths:
                self.deaths -= 1
                raise Transient("it died", 0.01)
            return [Wrong("x", str(item.rows)) for item in items]

        async def explain(self, sha256: str, item: Item) -> Any:
            raise AssertionError

    async def ask() -> list[Any]:
        calls = ModelCalls(Dying())
        return await asyncio.gather(*(calls.predict("a", of({"x": i}), 0.9, True) for i in range(20)))

    found = asyncio.run(ask())
    assert [w.reason for w in found] == [str(({"x": i},)) for i in range(20)]
    assert Dying.calls[-1] == 19  # while the first one was asked, the others waited for each other
