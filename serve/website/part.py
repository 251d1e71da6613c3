"""The part ``website``: whether pages may send what their visitors do, and the collector behind that."""

from __future__ import annotations

from collections.abc import Iterable

from actors.parts import ASKS_ITSELF, Part, PartSection, Within
from actors.topology import CellSpec
from events.collected import WEBSITE_ANALYTICS

LEAST = 1 << 16
"""So many ids are known at least, and all of the last hour."""


class WebsiteSection(PartSection):
    """Off unless it is asked for: it costs a cell."""

    enabled: bool = False


def _cells(section: WebsiteSection, within: Within) -> Iterable[CellSpec]:
    from actors.collectors.push import PushCollector  # here: it needs kernels, and most installations have no such cell
    from actors.edges.intake import Push

    content = ("type", "path", "properties")
    collector = PushCollector(WEBSITE_ANALYTICS.name, WEBSITE_ANALYTICS, content, LEAST, within.bound_us)
    yield CellSpec("collectors", collector, within.tenant, Push())


PART = Part("website", section=WebsiteSection, cells=_cells, routes="serve.routes.website:router", scope=ASKS_ITSELF)
