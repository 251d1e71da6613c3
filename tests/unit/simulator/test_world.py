"""The simulated world: repeatable, believable, and eventful enough that something moves."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import islice, pairwise
from random import Random

import pytest

from config.settings import Settings
from hindcast.simulator import COURSE, SAAS, Event, events
from hindcast.simulator.rhythm import evenings, incidents, office_hours

TUESDAY_NOON = int(datetime(2026, 11, 24, 12, tzinfo=UTC).timestamp() * 1e6)
ERRORS = {"Error Shown", "Payment Failed", "Api Request Failed"}


def timed(seed: int, seconds: float, rate: float = 40.0) -> Iterator[tuple[float, Event]]:
    at = 0.0
    for event in events(seed, TUESDAY_NOON, rate):
        at += event.delay_s
        if at > seconds:
            return
        yield at, event


def named(event: Event) -> str:
    return event.kwargs.get("event", event.kind)


def test_the_same_seed_tells_the_same_story_and_another_seed_another() -> None:
    first, again, other = (list(islice(events(seed, TUESDAY_NOON), 3_000)) for seed in (7, 7, 8))
    assert first == again
    assert first != other


def test_both_platforms_are_in_full_swing_from_the_first_minute_at_about_the_asked_rate() -> None:
    sources = Counter(event.source for _, event in timed(7, 60))
    assert set(sources) == {COURSE, SAAS}
    assert 20 * 60 <= sources.total() <= 60 * 60


def test_the_rate_scales_what_happens() -> None:
    slow, fast = (sum(1 for _ in timed(3, 90, rate)) for rate in (10.0, 100.0))
    assert 7 <= fast / slow <= 14


def test_a_rate_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="rate must be positive"):
        next(events(1, TUESDAY_NOON, 0))


def test_every_event_that_the_presets_count_happens() -> None:
    counted = {kind for metric in Settings.load("demo").metrics for kind in metric.types or ()}
    happened = {named(event) for _, event in timed(7, 1_200)}
    assert counted - happened == {"Order Completed"}  # counted for shops; neither platform is one


def test_somebody_is_behind_every_event() -> None:
    for _, event in timed(7, 60):
        assert event.kwargs.get("user_id") or event.kwargs.get("anonymous_id")
        assert event.delay_s >= 0


def test_people_do_things_in_an_order_that_makes_sense() -> None:
    enrolled: dict[str, int] = {}
    signed_up = set[str]()
    for place, (_, event) in enumerate(timed(7, 900)):
        who = event.kwargs.get("user_id")
        if named(event) == "Signed Up":
            assert who not in signed_up
            signed_up.add(who)
            enrolled[who] = place
        elif named(event) == "Lesson Completed" and who in signed_up:
            assert enrolled[who] < place
    assert signed_up


def test_payments_say_how_much_and_in_what() -> None:
    paid = [
        event.kwargs["properties"]
        for _, event in timed(7, 900)
        if named(event) in ("Payment Succeeded", "Invoice Paid")
    ]
    assert paid
    assert all(properties["revenue"] > 0 and properties["currency"] in ("USD", "EUR", "GBP") for properties in paid)


@pytest.mark.slow
def test_incidents_break_the_calm_and_it_returns() -> None:
    tens = Counter(int(at // 10) for at, event in timed(7, 1_800) if named(event) in ERRORS)
    errors = [tens[ten] for ten in range(180)]
    assert max(errors) >= 20, "no burst that an alert would fire on"
    assert sorted(errors)[90] <= 5, "errors are not the normal state"


def test_the_first_incident_comes_early_and_incidents_never_overlap() -> None:
    plan = list(islice(incidents(Random(5), 120.0), 40))
    assert 90 <= plan[0].start_s <= 150
    assert all(before.end_s < after.start_s for before, after in pairwise(plan))
    assert {incident.trouble for incident in plan} == {"checkout", "api", "quiet", "campaign"}


@pytest.mark.slow
def test_a_silent_site_falls_to_about_a_tenth() -> None:
    counts = Counter(int(at // 10) for at, event in timed(11, 3_600) if event.source == COURSE)
    tens = sorted(counts[ten] for ten in range(360))
    assert tens[2] <= tens[180] / 3


def test_learners_come_in_the_evening_and_marketers_in_office_hours() -> None:
    at = {hour: TUESDAY_NOON + (hour - 12) * 3_600_000_000 for hour in (3, 14, 20)}
    saturday = at[14] + 4 * 86_400_000_000
    assert evenings(at[20]) > 1.5 * evenings(at[3])
    assert office_hours(at[14]) > 2 * office_hours(at[3])
    assert office_hours(saturday) < office_hours(at[14])
