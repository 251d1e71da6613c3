"""Dashboards in a program: made as definitions, and followed by widgets that each get their own updates.

The page draws every dashboard by itself; this is for programs that want the same figures as they come.
"""

from __future__ import annotations

import json
import logging
import threading
from collections import defaultdict
from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from actors.definitions.dashboard import Dashboard as DashboardSpec
from actors.definitions.widget import Widget as WidgetSpec
from events.errors import Rejected

if TYPE_CHECKING:
    from hindcast.client import Client

logger = logging.getLogger(__name__)
Update = Callable[[Any], None]
EVERY_S = 1.0
VIEWS: Mapping[str, str] = {
    "user_activity": "user_activity",
    "measure": "user_activity",
    "top_events": "top_events",
    "heat": "activity_heat",
    "ingest": "ingest",
    "system_health": "system_health",
    "alert_system": "alerts",
    "late_rows": "late_rows",
    "business_metrics": "business_metrics",
    "campaign_performance": "campaign_performance",
    "revenue_tracking": "revenue_tracking",
}
"""The live topic of each type with a view of its own."""


class Widget:
    """One widget: ``id``, its ``data_source``, and what it shows (``shown``, None before its first update)."""

    def __init__(self, spec: WidgetSpec) -> None:
        self.spec = spec
        self.id = spec.id
        self.shown: Any = None

    @property
    def data_source(self) -> str:
        """``topic:NAME``, ``metric:NAME``, ``query:NAME`` or ``question:`` with it as JSON; empty for a text."""
        spec = self.spec
        topic = spec.topic or VIEWS.get(spec.type)
        if topic is not None:
            return f"topic:{topic}"
        if spec.metric is not None:
            return f"metric:{spec.metric}"
        if spec.query is not None:
            return f"query:{spec.query}"
        return f"question:{json.dumps(spec.question, sort_keys=True)}" if spec.question is not None else ""

    def process_data(self, data: Any) -> Any:
        """What of the source's data this widget shows: the field that ``options.value`` or ``rows`` names, or all of it."""
        options = self.spec.options
        way = options.rows or (options.value if self.spec.type in ("number", "gauge") else None)
        if self.spec.type == "measure":
            way = options.measure
        for step in way.split(".") if way and isinstance(data, Mapping) else ():
            data = data.get(step) if isinstance(data, Mapping) else None
        return data

    def update_display(self, data: Any) -> None:
        """Show what ``process_data`` made."""
        self.shown = data


class Dashboard:
    """A dashboard and its widgets, by id. ``warnings``: what may be a mistake in it."""

    def __init__(self, spec: DashboardSpec, warnings: list[str] | None = None) -> None:
        self.id = spec.id
        self.name = spec.name
        self.layout = spec.layout
        self.widgets: dict[str, Widget] = {widget.id: Widget(widget) for widget in spec.widgets}
        self.warnings = warnings or []
        self.leave: list[Callable[[], None]] = []
        """What ends its updates."""

    def add_widget(self, widget: Widget) -> None:
        """Raises ``Rejected`` for an id that another widget has."""
        if widget.id in self.widgets:
            raise Rejected("widgets", f"{widget.id!r} is there already; ids are unique")
        self.widgets[widget.id] = widget


class WebSocketManager:
    """Hands updates of widgets on to those who listen to one of them."""

    def __init__(self) -> None:
        self._widgets: dict[str, Widget] = {}
        self._listeners: defaultdict[str, list[Update]] = defaultdict(list)

    def add_widget(self, widget: Widget) -> None:
        self._widgets[widget.id] = widget

    def listen(self, id: str, update: Update) -> Callable[[], None]:
        """Call ``update`` with what the widget shows, whenever it does; returns what ends that."""
        self._listeners[id].append(update)
        return partial(self._listeners[id].remove, update)

    def send_update(self, id: str, data: Any) -> None:
        """Tell those who listen to the widget ``id``, and nobody else. Raises ``Rejected`` for one that was not added."""
        if id not in self._widgets:
            raise Rejected("id", f"there is no widget {id!r}; add it first")
        for update in tuple(self._listeners[id]):
            update(data)


class DataRefresher:
    """Asks for each source that somebody subscribed to, once for all who did, and hands each its own."""

    def __init__(self, fetch: Callable[[str], Any], every_s: float = EVERY_S) -> None:
        self._fetch = fetch
        self._every_s = every_s
        self._callbacks: defaultdict[str, list[Update]] = defaultdict(list)
        self._last: dict[str, Any] = {}
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._ended = threading.Event()

    def subscribe(self, data_source: str, callback: Update) -> Callable[[], None]:
        """Call ``callback`` with the source's data whenever they change; returns what ends the subscription."""
        with self._lock:
            self._callbacks[data_source].append(callback)
        return partial(self._unsubscribe, data_source, callback)

    def _unsubscribe(self, data_source: str, callback: Update) -> None:
        with self._lock:
            if callback in self._callbacks[data_source]:
                self._callbacks[data_source].remove(callback)
            if not self._callbacks[data_source]:
                del self._callbacks[data_source]
                self._last.pop(data_source, None)

    @property
    def sources(self) -> tuple[str, ...]:
        """What is asked for."""
        with self._lock:
            return tuple(self._callbacks)

    def refresh(self) -> None:
        """Ask once for every source, and tell those whose data are others than before. A source that fails is logged."""
        for source in self.sources:
            try:
                data = self._fetch(source)
            except Exception:
                logger.exception("dashboards: %s", source)
                continue
            with self._lock:
                same = source in self._last and self._last[source] == data
                callbacks = () if same else tuple(self._callbacks.get(source, ()))
                self._last[source] = data
            for callback in callbacks:
                callback(data)

    def start(self) -> None:
        """Refresh again and again in a thread of its own, until ``stop``; again, it changes nothing."""
        if self._thread is None:
            self._ended.clear()
            self._thread = threading.Thread(target=self._run, name="dashboards", daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """End the thread; returns when it has."""
        self._ended.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None

    def _run(self) -> None:
        while not self._ended.wait(self._every_s):
            self.refresh()


class RealTimeDashboard:
    """Makes dashboards in a running system, and follows them. ``range``: of what is asked of the log, such as ``1h``."""

    def __init__(self, client: Client, *, every_s: float = EVERY_S, range: str = "1h") -> None:
        self.client = client
        self.range = range
        self.dashboards: dict[str, Dashboard] = {}
        self.websocket_manager = WebSocketManager()
        self.data_refresher = DataRefresher(self._fetch, every_s)

    def create_dashboard(self, config: Mapping[str, Any]) -> Dashboard:
        """Make ``{id, name, layout, widgets}`` in the system, or a new version of the one of that id; the page shows it.

        Raises ``Rejected`` with the field that is wrong, before anything is sent, and ``ApiError`` for what the system
        refuses.
        """
        spec = _valid(DashboardSpec, config)
        told = self.client.define("dashboard", spec.id, spec.model_dump(mode="json", exclude_none=True))
        made = Dashboard(spec, list(told.get("warnings", ())))
        if spec.id in self.dashboards:
            self.end_real_time_updates(self.dashboards[spec.id])
        self.dashboards[spec.id] = made
        for widget in made.widgets.values():
            self.websocket_manager.add_widget(widget)
        return made

    def create_widget(self, config: Mapping[str, Any]) -> Widget:
        """A widget of ``{id, type, title, topic | metric | question | query, options}``. Raises ``Rejected``."""
        widget = Widget(_valid(WidgetSpec, config))
        self.websocket_manager.add_widget(widget)
        return widget

    def setup_real_time_updates(self, dashboard: Dashboard) -> None:
        """Follow the source of every widget of ``dashboard``; each update reaches its own widget, and no other."""
        self.end_real_time_updates(dashboard)
        for widget in dashboard.widgets.values():
            if widget.data_source:
                update = partial(self.update_widget, widget)
                dashboard.leave.append(self.data_refresher.subscribe(widget.data_source, update))
        self.data_refresher.start()

    def end_real_time_updates(self, dashboard: Dashboard) -> None:
        """Follow it no more."""
        while dashboard.leave:
            dashboard.leave.pop()()

    def update_widget(self, widget: Widget, data: Any) -> None:
        """``process_data``, ``update_display``, ``send_update``."""
        shown = widget.process_data(data)
        widget.update_display(shown)
        self.websocket_manager.send_update(widget.id, shown)

    def update_all_dashboards(self, results: Mapping[str, Any]) -> None:
        """Hand data to the widgets that show them. ``results``: by ``data_source``, by the bare name of the source, or by
        the widget's id."""
        for dashboard in self.dashboards.values():
            for widget in dashboard.widgets.values():
                source = widget.data_source
                for name in (source, source.partition(":")[2], widget.id):
                    if name and name in results:
                        self.update_widget(widget, results[name])
                        break

    def close(self) -> None:
        """Follow nothing any more."""
        for dashboard in self.dashboards.values():
            self.end_real_time_updates(dashboard)
        self.data_refresher.stop()

    def _fetch(self, source: str) -> Any:
        kind, _, name = source.partition(":")
        if kind == "topic":
            return self.client.dashboard(name)["data"]
        if kind == "metric":
            return self.client.metrics(metric=name, since=self.range)
        if kind == "query":
            kept = self.client.definition("query", name)["spec"]
            return self.client.result(kept["sql"])
        asked = json.loads(name)
        return self.client.ask(asked if asked["ask"] == "cohort" else {**asked, "since": self.range})


def _valid(schema: Any, config: Mapping[str, Any]) -> Any:
    """Raises ``Rejected`` with the first field that is wrong."""
    try:
        return schema.model_validate(dict(config))
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        place = ".".join(str(one) for one in first["loc"]) or schema.__name__.lower()
        raise Rejected(place, first["msg"].removeprefix("Value error, ")) from None
