"""The engine: what a driver script asks of a running system, in one call each."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, AsyncIterator, Iterable, Iterator, Mapping
from itertools import islice
from typing import TYPE_CHECKING, Any, TypedDict, TypeVar

from events.errors import Rejected
from events.nearest import did_you_mean
from hindcast.engine.alerting import AlertSystem
from hindcast.engine.analyzers import (
    Analyzer,
    DescriptiveAnalyzer,
    PredictiveAnalyzer,
    PrescriptiveAnalyzer,
    recorded_forecasts,
)
from hindcast.engine.collecting import GROUPS, ROWS, Collected, SourceStatus, collect, streams_of
from hindcast.engine.dashboards import RealTimeDashboard
from hindcast.engine.merging import DataMerger
from hindcast.engine.processing import BatchProcessor, Processor, RealTimeProcessor, StreamProcessor
from hindcast.engine.real_time import RealTimeAnalysis

if TYPE_CHECKING:
    from hindcast.client import Client
    from hindcast.client.sending import Event
    from hindcast.reports import ReportGenerator

T = TypeVar("T")
STREAM_TYPES = ("kafka", "redis", "websocket", "real_time")
"""Where events come from that a program hands over: it names the source of those that name none."""
MOST_EVENTS = 100_000
"""Of one call of ``process_stream``, unless told otherwise."""
STEP = 100
"""Events that are sent together: a receipt names so many refused ones."""


class Insights(TypedDict):
    """What ``process_data`` answers, and how each source fared."""

    data_type: str
    processing_mode: str
    analysis: str
    insights: dict[str, Any]
    """As the analyzer says: of ``descriptive`` ``{rows, subjects, types: {type: {…}}}``."""
    sources: dict[str, SourceStatus]


class Processed(TypedDict):
    """What became of one event of a stream."""

    event: dict[str, Any]
    accepted: bool
    """Whether it is in the log; refused ones are kept in the stream ``dead_letters``."""
    reason: str
    """Why it was refused: the field and what is wrong with it."""
    analysis: dict[str, dict[str, Any]]
    """``{anomaly, trend, correlation}``; empty for a refused event."""


class AnalyticsEngine:
    """Collects, processes and analyses through ``client``: of a system in this process, or of one elsewhere."""

    processors: Mapping[str, Processor] = {
        "real_time": RealTimeProcessor(),
        "stream": StreamProcessor(),
        "batch": BatchProcessor(),
    }

    def __init__(self, client: Client) -> None:
        self.client = client
        self.merger = DataMerger()
        self._analysis = RealTimeAnalysis()
        self.dashboards = RealTimeDashboard(client)
        """Makes dashboards, and follows them."""

    @property
    def visualizers(self) -> Mapping[str, RealTimeDashboard | ReportGenerator | AlertSystem]:
        """What shows what was found: ``dashboards``, ``reports`` (files, as of any moment) and ``alerts``."""
        from hindcast.reports import ReportGenerator  # here: only who makes reports needs the languages

        return {
            "dashboards": self.dashboards,
            "reports": ReportGenerator(self.client),
            "alerts": AlertSystem(self.client),
        }

    def collect_comprehensive_data(self, rows: int = ROWS) -> Collected:
        """The newest ``rows`` of every stream of all four groups, merged by time, and a status for each stream.

        A stream that fails is named in its status and in the program's log; the others are collected all the same.
        """
        return collect(self.client, streams_of(GROUPS), rows)

    def process_data(
        self, data_type: str, processing_mode: str = "real_time", *, analysis: str = "descriptive", rows: int = ROWS
    ) -> Insights:
        """Collect the streams of a group, process them in a mode, and say what happened (``descriptive``), what comes next
        (``predictive``) or what to look at first (``prescriptive``).

        ``data_type`` is one of ``GROUPS``, ``processing_mode`` one of ``processors``; the modes give equal answers for equal
        rows, and matter only to ``descriptive``. Raises ``Rejected`` naming what there is.
        """
        streams = streams_of([data_type])
        processor = _known("processing_mode", processing_mode, self.processors)
        analyzers: dict[str, Analyzer] = {
            "descriptive": DescriptiveAnalyzer(processor),
            "predictive": PredictiveAnalyzer(lambda: recorded_forecasts(self.client)),
            "prescriptive": PrescriptiveAnalyzer(),
        }
        analyzer = _known("analysis", analysis, analyzers)
        collected = collect(self.client, streams, rows)
        return {
            "data_type": data_type,
            "processing_mode": processing_mode,
            "analysis": analysis,
            "insights": analyzer.analyze(collected.rows),
            "sources": collected.sources,
        }

    def run_real_time_analysis(self, event: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
        """``{anomaly, trend, correlation}`` of one event, judged by those that this engine saw before.

        See ``RealTimeAnalysis.analyze``. Nothing is sent anywhere.
        """
        return self._analysis.analyze(event)

    def process_stream(
        self, stream_type: str, data_stream: Iterable[Event], *, limit: int = MOST_EVENTS
    ) -> list[Processed]:
        """Take up to ``limit`` events from ``data_stream``: each is checked, made durable and analysed; one answer each.

        Dashboards and alerts follow the log by themselves, so a call returns as soon as the events are committed. A stream
        that never ends is read up to ``limit``; ``follow_stream`` goes on for ever. ``stream_type`` is one of ``kafka``,
        ``redis``, ``websocket`` and ``real_time``; events that name no source get it as theirs.
        """
        _known("stream_type", stream_type, dict.fromkeys(STREAM_TYPES))
        events = islice(data_stream, limit)
        return [done for piece in _pieces(events) for done in self._processed(stream_type, piece)]

    async def follow_stream(self, stream_type: str, data_stream: AsyncIterable[Event]) -> AsyncIterator[Processed]:
        """``process_stream`` for events that come one by one, for as long as they come; each answer when it is durable."""
        _known("stream_type", stream_type, dict.fromkeys(STREAM_TYPES))
        async for event in data_stream:
            for done in await asyncio.to_thread(self._processed, stream_type, [event]):
                yield done

    def _processed(self, stream_type: str, events: list[Event]) -> list[Processed]:
        named = [dict(event) if "source" in event else {**event, "source": stream_type} for event in events]
        receipt = self.client.send(named)
        refused = {verdict["index"]: f"{verdict['field']}: {verdict['reason']}" for verdict in receipt["rejected"]}
        found: list[Processed] = []
        for i, event in enumerate(named):
            reason = refused.get(i, "")
            analysis = {} if reason else self._analysed(event)
            found.append({"event": event, "accepted": not reason, "reason": reason, "analysis": analysis})
        return found

    def _analysed(self, event: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
        try:
            return self._analysis.analyze(event)
        except ValueError as error:  # it was accepted: its time is in a form that only ingest reads
            return {name: {"status": "error", "error": str(error)} for name in ("anomaly", "trend", "correlation")}


def _pieces(events: Iterator[Event]) -> Iterator[list[Event]]:
    while piece := list(islice(events, STEP)):
        yield piece


def _known(field: str, said: str, known: Mapping[str, T]) -> T:
    if said not in known:
        raise Rejected(
            field, f"is none that there is: {said!r}{did_you_mean(said, known)}; there are {', '.join(known)}"
        )
    return known[said]
