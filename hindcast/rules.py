"""The rules that hold at a start, beside the metrics that there are: what may never fire is worth a word."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from actors.alerts.checking import check
from actors.definitions.inventory import Inventory
from actors.gauges import UNITS
from analytics.rules import ParseError, parse
from config.settings import Settings
from events.errors import Rejected
from events.log import LogSpec
from query.history import History
from query.series import seen_series


def rule_warnings(settings: Settings, definitions: Mapping[str, Any], log: LogSpec) -> Iterator[tuple[str, str]]:
    """(rule, what is wrong with it) of the rules among the ``definitions`` that the directory has, by name.

    A rule that people made is kept when the metric it is about leaves the configuration, so it may be wrong by now.
    """
    reader = log.open(woken=False)
    try:
        seen = seen_series(History(reader, settings.tenant))
    finally:
        reader.close()
    kinds = {source.kind.name for source in settings.asked_sources()}
    among = Inventory.of(definitions, seen)
    for key, rule in sorted(among.specs.items()):
        if key.kind != "rule":
            continue
        name = key.name
        try:
            condition = parse(rule["condition"])
            for warning in check(condition, rule["threshold"], among.measures, seen):
                yield name, warning
        except (Rejected, ParseError) as error:
            yield name, f"can never fire: {error}"
        else:
            if condition.metric in UNITS and "machine" not in kinds:
                yield name, f"can never fire: nothing measures {condition.metric}; see `sources.machine.enabled`"
