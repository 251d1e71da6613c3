"""Rules that can never fire are refused with a remedy; what may be a mistake is warned of; the rest is let be."""

from __future__ import annotations

import pytest

from actors.alerts.checking import Measure, check
from analytics.rules import AGGREGATES, parse
from events.errors import Rejected

EVENTS = Measure("events", ("events",))
ORDERS = Measure("orders", ("orders",), key="currency", value=True, distinct=True)
PLAIN = Measure("plain", ("plain",), value=True, distinct=True, sketches=False)
GAUGES = Measure("{type}", ("cpu.percent", "memory.percent"), key="source", value=True)
OPEN = Measure("{type}", None, key="source")
CLOSED = (EVENTS, ORDERS, PLAIN, GAUGES)


def warned(condition: str, threshold: float = 5.0, measures: tuple[Measure, ...] = CLOSED, **seen: set[str]) -> str:
    found = {name.replace("__", "."): keys for name, keys in seen.items()}
    return "; ".join(check(parse(condition), threshold, measures, found or None))


@pytest.mark.parametrize(
    ("condition", "why"),
    [
        ("evnets.count > 5", "is about 'evnets', which is no metric (did you mean 'events'?); there are cpu.percent"),
        ("Events.count > 5", "did you mean 'events'?"),
        ("cpu.precent.mean > 5", "did you mean 'cpu.percent'?"),
        ("nothing_like_it.count > 5", "there are cpu.percent, events, memory.percent, orders, plain"),
        (
            "events.p95 > 5",
            "asks for p95, which the metric 'events' does not have: it has count, rate; give the metric a `value`",
        ),
        ("events.sum > 5", "a `value` column"),
        ("events.distinct > 5", "a `distinct` column"),
        ("cpu.percent.distinct > 5", "a `distinct` column"),
        ("plain.p95 > 5", "`sketches: true`"),
        ("plain.distinct > 5", "`sketches: true`"),
        ("events.count > 5 or events.mean > 5", "asks for mean"),
        ('events.count{key="web"} > 5', "has no keys: leave {key=…} out"),
        ("events.count < 0", "no window has count < 0 (counts are whole numbers from 0 on)"),
        ("events.rate < 0", "can never hold"),
        ("events.count > 5 and events.count < 5", "can never hold"),
        ("events.count > 5 and events.count < 6", "can never hold"),
        ("events.count == 2.5", "can never hold"),
        ("events.count == 3 and events.count != 3", "can never hold"),
        ("orders.mean >= 7 and orders.mean <= 6.5", "can never hold"),
        ("orders.mean > 1e999", "can never hold"),
        ("events.count < threshold", "can never hold"),
    ],
)
def test_what_can_never_fire_is_refused_with_its_remedy(condition: str, why: str) -> None:
    with pytest.raises(Rejected) as refused:
        check(parse(condition), 0.0, CLOSED)
    assert refused.value.field == "condition"
    assert why in refused.value.reason


@pytest.mark.parametrize(
    "condition",
    [
        "events.count > 5",
        "events.rate >= 0.5",
        "events.count < 1",
        "events.count > 5 and events.count < 7",
        "events.rate > 5 and events.rate < 6",
        "orders.mean > 5 and orders.mean < 5.0001",
        "orders.min < -3",
        'orders.p99{key="EUR"} > 5',
        "orders.distinct > 5",
        "plain.max > 5",
        'cpu.percent.mean{key="web-1"} > 5',
        'events.count{key=""} > 5',
        "orders.sum == 2.5",
    ],
)
def test_what_can_fire_passes_without_a_word(condition: str) -> None:
    assert [w for w in check(parse(condition), 5.0, CLOSED) if "threshold" not in w] == []


def test_a_metric_that_a_column_names_may_come_later_and_is_warned_of() -> None:
    measures = (EVENTS, OPEN)
    assert "no sample of a metric 'page.veiwed' has been seen" in warned(
        "page.veiwed.count > 5", measures=measures, page__viewed={"shop"}
    )
    assert "(did you mean 'page.viewed'?)" in warned("page.veiwed.count > 5", measures=measures, page__viewed={"shop"})
    assert warned("page.viewed.count > 5", measures=measures, page__viewed={"shop"}) == ""
    assert check(parse("page.veiwed.count > 5"), 5.0, measures) == [], "nothing is said where nothing is known"
    with pytest.raises(Rejected, match="asks for mean"):
        check(parse("page.viewed.mean > 5"), 5.0, measures)


def test_a_key_that_was_never_seen_is_warned_of() -> None:
    assert "with the key 'eur' has been seen lately (did you mean 'EUR'?)" in warned(
        'orders.count{key="eur"} > 5', orders={"EUR", "USD"}
    )
    assert warned('orders.count{key="EUR"} > 5', orders={"EUR", "USD"}) == ""
    assert "none with the key 'EUR'" in warned('orders.count{key="EUR"} > 5', events={""})


def test_likely_mistakes_are_warned_of() -> None:
    assert "holds for every window" in warned("events.count >= 0")
    assert "the threshold 7 is not used" in warned("events.count > 5", threshold=7)
    assert "part 1 of the condition can never hold" in warned("events.count < 0 or events.count > threshold")


def test_every_aggregate_of_the_language_is_one_that_a_metric_can_have() -> None:
    assert set(ORDERS.aggregates) == set(AGGREGATES)
