"""The validator of definitions: it says the field and the remedy, looks at a set at once, and leaves nobody without what
they need."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from pydantic import BaseModel, SecretStr, TypeAdapter

from actors.definitions.changes import differences
from actors.definitions.channel import SECTIONS
from actors.definitions.channel_section import ChannelSection
from actors.definitions.checking import Accepted, Wanted, accept, read, refuse_circles, refuse_removal
from actors.definitions.inventory import Inventory, Key
from actors.definitions.kinds import KINDS, Kind
from actors.webhook_signing import new_secret
from config.parts import parts
from events.errors import Rejected

SEEN = Wanted("metric", "seen", {"stream": "user_interactions"})
PAID = Wanted("metric", "paid", {"stream": "user_interactions", "key": "currency", "value": "amount", "width_s": 60})
ODD = Wanted("metric", "odd", {"stream": "user_interactions", "width_s": 7})
QUIET = Wanted("rule", "quiet", {"condition": "seen.count < 1", "threshold": 1})
NOTHING = Inventory({})


def held(*wanted: Wanted) -> Inventory:
    return Inventory({one.key: one.spec for one in accept(wanted, NOTHING)})


def said(error: pytest.ExceptionInfo[Rejected]) -> tuple[str, str]:
    return error.value.field, error.value.reason


@pytest.mark.parametrize(
    ("kind", "name", "spec", "field", "why"),
    [
        ("rul", "a", {}, "kind", "did you mean 'rule'?"),
        ("rule", "a", {"condition": "seen.count > 1"}, "threshold", "required"),
        ("rule", "a", {"condition": "sene.count > 1", "threshold": 1}, "condition", "did you mean 'seen'?"),
        ("rule", "a", {"condition": "seen.count > 1", "treshold": 1}, "threshold", "did you mean 'threshold'?"),
        ("rule", "a", {"name": "b", "condition": "seen.count > 1", "threshold": 1}, "name", "rename"),
        ("rule", "a", {**QUIET.spec, "channels": ["dashbord"]}, "channels", "did you mean 'dashboard'?"),
        ("metric", "m", {"stream": "user_interaction"}, "metric", "there is no stream"),
        ("metric", "m", {"stream": "metrics"}, "metric", "cannot be made of it"),
        ("anomaly", "sene.count", {}, "metric", "did you mean 'seen'?"),
        ("anomaly", "seen.mean", {}, "aggregate", "give the metric a `value` column"),
        ("dashboard", "d", {"name": "D", "widgets": [{"id": "w", "type": "measur"}]}, "widgets.0.type", "'measure'"),
        (
            "dashboard",
            "d",
            {"name": "D", "layout": [{"widget": "w", "x": 0, "y": 0, "w": 1, "h": 1}]},
            "dashboard",
            "'w'",
        ),
        ("share", "s", {"dashboards": ["d"]}, "dashboards", "there is no dashboard 'd'"),
        ("share", "s", {"dashboards": ["d", "d"]}, "share", "names one twice"),
        ("share", "s", {"dashboards": ["d"], "origins": ["https://*"]}, "origins.0", "pattern"),
        ("dashboard", "d", {"name": "D", "widgets": [{"id": "w", "type": "heat"}] * 201}, "widgets", "at most 200"),
        ("dashboard", "d", {"name": "D", "filters": [{"field": "a"}] * 2}, "dashboard", "filtered by once"),
        ("dashboard", "d", {"name": "D", "range": "2h"}, "range", "'15m'"),
        ("rule", "a" * 300, QUIET.spec, "name", "200 at most"),
        ("query", "q", {"about": "nothing"}, "sql", "required"),
        ("query", "q", {"sql": "delete from user_interactions"}, "sql", "queries only read"),
        ("query", "q", {"sql": "SELECT 1; SELECT 2"}, "sql", "2 statements"),
        ("query", "q", {"sql": "selec 1"}, "sql", "syntax error"),
        ("trend", "sene.count", {}, "metric", "did you mean 'seen'?"),
        ("trend", "seen.mean", {}, "aggregate", "give the metric a `value` column"),
        ("forecast", "seen.count", {"step_s": 25}, "step_s", "20 would do"),
        ("correlation", "c", {"series": ["seen.count"]}, "series", "at least 2"),
        ("correlation", "c", {"series": ["seen.count", "seen"]}, "correlation", "is no series"),
        ("correlation", "c", {"series": ["seen.count", "sene.count"]}, "series", "did you mean 'seen'?"),
        ("correlation", "c", {"series": ["seen.count", "paid.sum"]}, "series", "has a series for each currency"),
        ("correlation", "c", {"series": ["seen.count[a]", "paid.sum[EUR]"]}, "series", "has no keys"),
        ("correlation", "c", {"series": ["seen.count", "odd.count"]}, "series", "do not fit"),
        ("query", "q", {"sql": "SELECT 1", "abuot": "one"}, "abuot", "did you mean 'about'?"),
    ],
)
def test_what_is_wrong_is_said_with_field_and_remedy(
    kind: str, name: str, spec: dict[str, Any], field: str, why: str
) -> None:
    with pytest.raises(Rejected) as error:
        accept([Wanted(kind, name, spec)], held(SEEN, PAID, ODD))
    found, reason = said(error)
    assert why in str(error.value), reason
    assert found == field


def test_a_file_may_bring_what_it_refers_to_in_any_order() -> None:
    assert [one.key.text for one in accept([QUIET, SEEN], NOTHING)] == ["rule/quiet", "metric/seen"]
    with pytest.raises(Rejected, match="which is no metric"):
        accept([QUIET], NOTHING)


def test_a_spec_is_kept_with_every_default_said() -> None:
    (accepted,) = accept([SEEN], NOTHING)
    assert (accepted.spec["name"], accepted.spec["width_s"]) == ("seen", 10.0)
    assert read(Wanted("metric", None, accepted.spec))[0] == Key("metric", "seen")


def test_what_another_definition_needs_is_not_removed() -> None:
    among = held(SEEN, QUIET)
    with pytest.raises(Rejected, match="is needed by rule 'quiet'"):
        refuse_removal(Key("metric", "seen"), among)
    refuse_removal(Key("rule", "quiet"), among)
    open_ = Wanted("metric", "{type}", {"stream": "user_interactions"})
    refuse_removal(Key("metric", "seen"), held(SEEN, QUIET, open_))


def test_a_change_that_leaves_another_definition_without_what_it_needs_is_refused() -> None:
    spent = Wanted("metric", "spent", {"stream": "user_interactions", "value": "amount"})
    low = Wanted("rule", "low", {"condition": "spent.sum < 1", "threshold": 1})
    with pytest.raises(Rejected, match="rule 'low'"):
        accept([spent._replace(spec={"stream": "user_interactions"})], held(spent, low))


def test_a_secret_comes_as_a_reference_and_never_in_clear() -> None:
    hook = {"kind": "webhook", "url": "https://example.com/hook"}
    with pytest.raises(Rejected, match="env:NAME_OF_IT") as error:
        accept([Wanted("channel", "ops", hook | {"secret": new_secret()})], NOTHING)
    assert "whsec_" not in str(error.value)
    (accepted,) = accept([Wanted("channel", "ops", hook | {"secret": "env:OPS_SECRET"})], NOTHING)
    assert accepted.spec["secret"] == "env:OPS_SECRET"


class Node(BaseModel):
    name: str
    needs: tuple[str, ...] = ()


class Note(ChannelSection):
    """A plug-in's kind of channel."""

    path: str
    token: SecretStr = SecretStr("env:NOTE")


def test_a_channel_of_a_kind_that_a_part_brings_is_as_any_other(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(SECTIONS, "note", Note)
    (accepted,) = accept([Wanted("channel", "n", {"kind": "note", "path": "a"})], NOTHING)
    assert accepted.spec == {"name": "n", "kind": "note", "path": "a", "token": "env:NOTE"}
    with pytest.raises(Rejected) as error:
        accept([Wanted("channel", "n", {"kind": "note", "path": "a", "token": "in clear"})], NOTHING)
    assert said(error)[0] == "token" and "env:NAME_OF_IT" in said(error)[1] and "in clear" not in str(accepted)
    with pytest.raises(Rejected) as error:
        accept([Wanted("channel", "n", {"kind": "note", "pth": "a"})], NOTHING)
    assert "pth" in str(error.value)


def test_what_a_plug_in_that_is_gone_left_behind_hinders_no_other_definition(monkeypatch: pytest.MonkeyPatch) -> None:
    told = Wanted("rule", "told", {"condition": "seen.count < 1", "threshold": 1, "channels": ["n"]})
    monkeypatch.setitem(SECTIONS, "note", Note)
    among = held(SEEN, Wanted("channel", "n", {"kind": "note", "path": "a"}), told)
    monkeypatch.delitem(SECTIONS, "note")
    assert len(accept([SEEN, told, QUIET], among)) == 3
    with pytest.raises(Rejected, match="needed by rule 'told'"):
        refuse_removal(Key("channel", "n"), among)
    gone = Key("metric", "left")
    among = among.changed({gone: {"name": "left", "stream": "of_a_plug_in"}})
    assert len(accept([SEEN, told, QUIET], among)) == 3
    refuse_removal(gone, among)


def test_circles_are_refused_with_the_way_round() -> None:
    def needs(node: Node, _: Inventory) -> Iterator[Key]:
        return (Key("node", name) for name in node.needs)

    kind = Kind("node", "nodes", TypeAdapter(Node), ("name",), lambda *_: [], needs, lambda n: n.model_dump())
    nodes = [
        Node(name="a", needs=("b",)),
        Node(name="b", needs=("c", "d")),
        Node(name="c"),
        Node(name="d", needs=("a",)),
    ]
    among = Inventory({Key("node", n.name): n.model_dump() for n in nodes})
    with pytest.raises(Rejected, match="node/a -> node/b -> node/d -> node/a"):
        refuse_circles({Key("node", "a"): nodes[0]}, among, {"node": kind})
    straight = Inventory({**among.specs, Key("node", "d"): {"name": "d"}})
    refuse_circles({Key("node", "a"): nodes[0]}, straight, {"node": kind})


def test_a_difference_names_the_field() -> None:
    before = {"name": "D", "widgets": [{"id": "a", "type": "heat"}, {"id": "b", "type": "alerts"}]}
    after = {"name": "E", "widgets": [{"id": "b", "type": "ingest"}]}
    assert [tuple(d) for d in differences(before, after)] == [
        ("name", "D", "E"),
        ("widgets.a", {"id": "a", "type": "heat"}, None),
        ("widgets.b.type", "alerts", "ingest"),
    ]


def test_every_kind_takes_what_it_has_told() -> None:
    parts()  # the kinds of sources are brought by parts
    cohort = {"criteria": [{"event": ["page", "order"], "where": [{"name": "n", "op": "in", "value": [1, "a", True]}]}]}
    specs = {
        "metric": SEEN.spec,
        "anomaly": {},
        "rule": QUIET.spec,
        "dashboard": {"name": "D"},
        "query": {"sql": "SELECT 1"},
        "trend": {"windows": 60},
        "forecast": {"step_s": 60, "horizon": 12},
        "correlation": {"series": ["seen.count", "paid.count[EUR]"]},
        "business": {"domain": "course", "revenue": "paid", "eligible": ["page"], "converted": "seen"},
        "cohort": cohort,
        "plan": {"events": {"order": {"properties": {"n": {"type": "number", "required": True}}}}},
        "identity": {"alias": ["same"]},
        "session": {"conversions": ["order"]},
        "route": {"channels": ["dashboard"], "routes": [{"match": ['team=~"shop|web.*"'], "group_wait_s": 5}]},
        "inhibition": {"source": ['severity="critical"'], "target": ['severity="low"'], "equal": ["key"]},
        "source": {"kind": "http", "url": "https://shop.example/items", "auth": {"secret": "env:SHOP"}},
        "feature": {"event": "order", "window": "7d"} | {"aggregate": "count", "where": [{"name": "n", "value": 1}]},
        "label": {
            "outcome": "order",
            "happens": False,
            "domain": ["order"],
            "exclude": [{"event": "x", "unless": "y"}],
        },
        "table": {"rows": [{"key": "a", "at": 5}], "features": [{"name": "n"}, {"name": "m", "metric": "seen"}]},
    }
    names = {"feature": "user.seen", "identity": "people"} | dict.fromkeys(
        ("anomaly", "trend", "forecast"), "seen.count"
    )
    specs["share"] = {"dashboards": ["seen"], "filter": {"plan": "pro"}, "origins": ["https://example.org"]}
    for kind, spec in specs.items():
        among = held(SEEN, PAID, Wanted("dashboard", "seen", {"name": "D"}))
        (one,) = accept([Wanted(kind, names.get(kind, "seen"), spec)], among)
        again: list[Accepted] = accept([Wanted(kind, None, one.spec)], among)
        assert again == [one]
    assert set(specs) | {"channel"} == set(KINDS)


def test_a_trend_of_a_metric_over_insights_would_feed_itself() -> None:
    wanted = [Wanted("metric", "found", {"stream": "insights"}), Wanted("trend", "found.count", {})]
    with pytest.raises(Rejected, match=r"metric/found -> trend/found.count -> metric/found"):
        accept(wanted, NOTHING)


def test_a_watch_of_a_metric_over_anomalies_would_feed_itself() -> None:
    wanted = [
        Wanted("metric", "odd", {"stream": "anomalies"}),
        Wanted("anomaly", "odd.count", {}),
    ]
    with pytest.raises(Rejected, match=r"goes in a circle: .*odd"):
        accept(wanted, held())


def test_streams_between_cells_are_nobodys_to_count() -> None:
    with pytest.raises(Rejected, match="there is no stream 'pasts'") as error:
        accept([Wanted("metric", "m", {"stream": "pasts"})], held())
    assert "past_requests" not in error.value.reason


def test_a_dashboard_may_show_what_nobody_knows_yet_and_says_so() -> None:
    board = Wanted("dashboard", "d", {"name": "D", "widgets": [
        {"id": "a", "type": "metric", "metric": "sen"}, {"id": "b", "type": "table", "topic": "dise"},
        {"id": "c", "type": "metric", "metric": "seen"}, {"id": "e", "type": "table", "topic": "dice"},
    ]})  # fmt: skip
    among = held(SEEN)
    first, second = accept([board], Inventory(among.specs, None, ["dice", "keys"]))[0].warnings
    assert "widget 'a' shows the metric 'sen', which is not defined" in first and "did you mean 'seen'?" in first
    assert "widget 'b' follows the topic 'dise', which nobody shows" in second and "did you mean 'dice'?" in second
    (only,) = accept([board], among)[0].warnings
    assert only == first, "where topics are not known, nothing is said of them"


def test_a_metric_that_a_dashboard_shows_is_not_taken_from_it() -> None:
    board = Wanted("dashboard", "d", {"name": "D", "widgets": [{"id": "a", "type": "metric", "metric": "seen"}]})
    other = Wanted("dashboard", "o", {"name": "O", "widgets": [{"id": "a", "type": "metric", "metric": "never"}]})
    among = held(SEEN, board, other)
    with pytest.raises(Rejected, match="is needed by dashboard 'd'"):
        refuse_removal(Key("metric", "seen"), among)
    refuse_removal(Key("metric", "seen"), held(SEEN, other))


@pytest.mark.parametrize(
    ("kind", "spec", "field", "why"),
    [
        ("route", {"channels": ["dashbord"]}, "channels", "did you mean 'dashboard'"),
        ("route", {"routes": [{"escalate_to": ["nobody"]}]}, "channels", "names channel 'nobody'"),
        ("route", {"match": ["severity is low"]}, "match.0", "is no matcher"),
        ("route", {"match": ['key=~"(a+)+$"']}, "match.0", "write alternatives with"),
        ("route", {"group_wait_s": -1}, "group_wait_s", "greater than or equal to 0"),
        ("inhibition", {"source": ['a="1"'], "target": ['b="2"']}, "target", "in a circle"),
        ("inhibition", {"source": [], "target": ['b="2"']}, "source", "at least 1 item"),
    ],
)
def test_a_route_or_an_inhibition_that_cannot_be_is_refused(
    kind: str, spec: dict[str, Any], field: str, why: str
) -> None:
    with pytest.raises(Rejected) as error:
        accept([Wanted(kind, "x", spec)], held())
    assert (error.value.field, why in error.value.reason) == (field, True), error.value


def test_inhibitions_may_not_keep_each_other_quiet() -> None:
    one = Wanted("inhibition", "one", {"source": ['rule="a"'], "target": ['rule="b"']})
    two = Wanted("inhibition", "two", {"source": ['rule="b"'], "target": ['rule="c"']})
    accept([one, two], held())
    three = Wanted("inhibition", "three", {"source": ['rule="c"'], "target": ['rule=~"a|d"']})
    with pytest.raises(Rejected, match=r"one → two → three → one|three → one → two → three|two → three → one → two"):
        accept([three], held(one, two))
