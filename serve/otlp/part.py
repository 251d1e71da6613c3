"""The part ``otlp``: whether OpenTelemetry may send here, and the collectors behind that."""

from __future__ import annotations

from collections.abc import Iterable

from actors.parts import Part, PartSection, Within
from actors.topology import CellSpec
from events.collected import API_METRICS, SYSTEM_LOGS

LEAST = 1 << 16
"""So many rows are known at least, and all of the last hour, when a request is sent again."""


class OtlpSection(PartSection):
    """Off unless it is asked for: it costs two cells."""

    enabled: bool = False


def _cells(section: OtlpSection, within: Within) -> Iterable[CellSpec]:
    from actors.collectors.push import PushCollector  # here: it needs kernels, and most installations have no such cell
    from actors.edges.intake import Push

    for stream, content in ((SYSTEM_LOGS, ("message", "properties")), (API_METRICS, ("type", "value", "labels"))):
        collector = PushCollector(stream.name, stream, content, LEAST, within.bound_us)
        yield CellSpec("collectors", collector, within.tenant, Push())


PART = Part("otlp", section=OtlpSection, cells=_cells)
