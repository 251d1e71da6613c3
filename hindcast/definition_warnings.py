"""Rules and dashboards at a start: what may never fire, and what shows nothing, is worth a word."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from actors.alerts.checking import check
from actors.definitions.dashboard import Dashboard
from actors.definitions.inventory import Inventory
from actors.definitions.kinds import KINDS
from actors.gauges import UNITS
from analytics.expressions import Joint, read
from analytics.rules import ParseError
from config.settings import Settings
from events.errors import Rejected
from events.log import LogSpec
from query.history import History
from query.series import seen_series


def definition_warnings(
    settings: Settings, definitions: Mapping[str, Any], log: LogSpec, topics: Collection[str] | None = None
) -> Iterator[tuple[str, str]]:
    """(definition, what is wrong with it) of the rules and dashboards among the ``definitions`` that the directory has.

    A rule that people made is kept when the metric it is about leaves the configuration, so it may be wrong by now; so may
    be a widget. ``topics``: what can be followed; None where that is not known.
    """
    reader = log.open(woken=False)
    try:
        seen = seen_series(History(reader, settings.tenant))
    finally:
        reader.close()
    known = Inventory.of(definitions, seen)
    among = Inventory(known.specs, seen, topics)
    for key, spec in sorted(among.specs.items()):
        if key.kind == "rule":
            yield from ((f"alert rule {key.name!r}", why) for why in _of_rule(settings, spec, among))
        elif key.kind == "dashboard":
            said = KINDS["dashboard"].check(Dashboard.model_validate(spec), among)
            yield from ((f"dashboard {key.name!r}", why) for why in said)


def _of_rule(settings: Settings, rule: Mapping[str, Any], among: Inventory) -> Iterator[str]:
    kinds = {source.kind.name for source in settings.asked_sources()}
    try:
        condition = read(rule["condition"])
        yield from check(condition, rule["threshold"], among.measures, among.seen)
    except (Rejected, ParseError) as error:
        yield f"can never fire: {error}"
    else:
        metrics = condition.metrics if isinstance(condition, Joint) else (condition.metric,)
        if "machine" not in kinds and (unmeasured := [metric for metric in metrics if metric in UNITS]):
            yield f"can never fire: nothing measures {unmeasured[0]}; see `sources.machine.enabled`"
