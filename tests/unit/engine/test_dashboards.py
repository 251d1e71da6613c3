"""Dashboards in a program: what is made, and that each update reaches its own widget."""

from __future__ import annotations

from typing import Any

import pytest

from events.errors import Rejected
from hindcast.engine.dashboards import RealTimeDashboard

SHOP: dict[str, Any] = {
    "id": "shop",
    "name": "The shop",
    "layout": "grid",
    "widgets": [
        {"id": "orders", "type": "number", "topic": "orders", "options": {"value": "today.n"}},
        {"id": "worth", "type": "line", "metric": "revenue"},
        {"id": "active", "type": "measure", "options": {"measure": "active_users"}},
        {"id": "ways", "type": "funnel", "question": {"ask": "funnel", "steps": ["page", "order"]}},
        {"id": "about", "type": "text", "options": {"text": "x"}},
    ],
}


class Client:
    """A system as a program sees it."""

    def __init__(self) -> None:
        self.defined: list[tuple[str, str, dict[str, Any]]] = []
        self.topics: dict[str, Any] = {"orders": {"today": {"n": 3}}, "user_activity": {"active_users": {"v": 7}}}
        self.asked: list[dict[str, Any]] = []

    def define(self, kind: str, name: str, spec: dict[str, Any]) -> dict[str, Any]:
        self.defined.append((kind, name, spec))
        return {"warnings": ["widget 'worth' shows the metric 'revenue', which is not defined"]}

    def dashboard(self, topic: str) -> dict[str, Any]:
        return {"data": self.topics[topic]}

    def metrics(self, metric: str, *, since: str) -> list[dict[str, Any]]:
        return [{"metric": metric, "since": since, "sum": 5.0}]

    def ask(self, question: dict[str, Any]) -> dict[str, Any]:
        self.asked.append(question)
        return {"groups": []}


@pytest.fixture
def boards() -> RealTimeDashboard:
    return RealTimeDashboard(Client(), every_s=3600)  # type: ignore[arg-type]


def test_a_dashboard_is_a_definition_with_its_widgets(boards: RealTimeDashboard) -> None:
    made = boards.create_dashboard(SHOP)
    assert list(made.widgets) == ["orders", "worth", "active", "ways", "about"]
    assert made.warnings and boards.client.defined[0][:2] == ("dashboard", "shop")  # type: ignore[attr-defined]
    extra = boards.create_widget({"id": "late", "type": "late_rows"})
    made.add_widget(extra)
    with pytest.raises(Rejected, match="unique"):
        made.add_widget(extra)


def test_each_update_reaches_its_own_widget_and_no_other(boards: RealTimeDashboard) -> None:
    made = boards.create_dashboard(SHOP)
    told: list[tuple[str, Any]] = []
    for id in made.widgets:
        boards.websocket_manager.listen(id, lambda data, id=id: told.append((id, data)))
    boards.setup_real_time_updates(made)
    boards.data_refresher.refresh()
    shown = {id: widget.shown for id, widget in made.widgets.items()}
    assert shown["orders"] == 3 and shown["active"] == {"v": 7} and shown["about"] is None
    assert shown["worth"] == [{"metric": "revenue", "since": "1h", "sum": 5.0}]
    assert boards.client.asked == [{**SHOP["widgets"][3]["question"], "since": "1h"}]  # type: ignore[attr-defined]
    assert sorted(id for id, _ in told) == ["active", "orders", "ways", "worth"]
    told.clear()
    boards.client.topics["orders"] = {"today": {"n": 4}}  # type: ignore[attr-defined]
    boards.data_refresher.refresh()
    assert told == [("orders", 4)]
    boards.close()


def test_what_is_followed_no_more_is_asked_for_no_more(boards: RealTimeDashboard) -> None:
    made = boards.create_dashboard(SHOP)
    boards.setup_real_time_updates(made)
    boards.setup_real_time_updates(made)
    assert len(boards.data_refresher.sources) == 4
    boards.create_dashboard(SHOP | {"widgets": SHOP["widgets"][:1]})
    assert boards.data_refresher.sources == ()
    boards.close()


def test_results_are_handed_to_the_widgets_that_show_them(boards: RealTimeDashboard) -> None:
    made = boards.create_dashboard(SHOP)
    boards.update_all_dashboards({"orders": {"today": {"n": 9}}, "metric:revenue": [1], "ways": {"groups": [2]}})
    assert [made.widgets[id].shown for id in ("orders", "worth", "ways", "active")] == [9, [1], {"groups": [2]}, None]


def test_a_source_that_fails_keeps_no_other_from_its_update(
    boards: RealTimeDashboard, caplog: pytest.LogCaptureFixture
) -> None:
    made = boards.create_dashboard(SHOP)
    del boards.client.topics["orders"]  # type: ignore[attr-defined]
    boards.setup_real_time_updates(made)
    boards.data_refresher.refresh()
    assert made.widgets["orders"].shown is None and made.widgets["active"].shown == {"v": 7}
    assert "topic:orders" in caplog.text
    boards.close()


@pytest.mark.parametrize(
    ("config", "field"),
    [
        ({**SHOP, "widgets": [{"id": "w", "type": "pie"}]}, "widgets.0.type"),
        ({**SHOP, "widgets": [{"id": "w", "type": "line"}]}, "widgets.0"),
        ({"name": "x"}, "id"),
    ],
)
def test_what_is_wrong_is_refused_with_its_field_before_anything_is_sent(
    boards: RealTimeDashboard, config: dict[str, Any], field: str
) -> None:
    with pytest.raises(Rejected) as refused:
        boards.create_dashboard(config)
    assert refused.value.field == field and boards.client.defined == []  # type: ignore[attr-defined]
