"""Tuning by budget: the threshold of a rule with which it would have called somebody at most so often, from history.

All candidates are rules of one backtest: one reading of the log judges them all. Candidates are quantiles of the figure that
the condition compares, or, for a condition over several series, steps around the threshold that it has.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import numpy as np

from actors.alerts.state import Rule
from actors.backtest import alerting
from actors.backtest.asked import RULES, setting
from actors.backtest.budget import Budget
from actors.backtest.run import pages_of
from actors.columns import floats, labels, times
from actors.definitions.inventory import Inventory
from actors.definitions.then import definitions_then
from analytics.episodes import a_week
from events.catalog import METRICS
from events.errors import Rejected
from events.log import LogReader
from query.as_of import iso
from query.history import History

CANDIDATES = 40
MOST_VALUES = 2_000_000
"""So many of the newest figures are looked at."""
FACTORS = (0.1, 0.2, 0.35, 0.5, 0.65, 0.8, 0.9, 1.0, 1.1, 1.25, 1.5, 2.0, 3.0, 5.0, 10.0)


def tuned(log: LogReader, tenant: str, budget: Budget) -> dict[str, Any]:
    """``threshold``: the one that calls as often as it may and no more, None where none does; ``proposals``: how often each
    candidate calls. Raises ``Rejected`` for a rule that cannot be, or does not say ``threshold`` once."""
    among = Inventory.of(definitions_then(log, tenant))
    rule = setting(RULES, [budget.rule], None, {}, among).rules[0]
    rule = msgspec.structs.replace(rule, clear_threshold=None)
    rising = _rises(rule)
    named = frozenset(name for name in among.names("metric") if not name.startswith("{"))
    values = _candidates(log, tenant, rule)
    if not len(values):
        raise Rejected("rule", f"{rule.metric!r} has no samples yet: there is no history to tune by")
    made = [msgspec.structs.replace(rule, name=str(i), threshold=value) for i, value in enumerate(values)]
    found = alerting.evaluated(log, tenant, alerting.grouped(made, named), named)
    counts = pages_of(found.turns, found.first, found.last)
    span = found.last - found.first
    proposals = [
        {"threshold": value, "pages": counts.get(str(i), 0), "pages_per_week": a_week(counts.get(str(i), 0), span)}
        for i, value in enumerate(values)
    ]
    within = [p for p in proposals if p["pages_per_week"] is not None and p["pages_per_week"] <= budget.pages_per_week]
    fit: Mapping[str, Any] | None = None
    if within:  # the most sensitive one from which on none calls more often
        ordered = proposals if not rising else proposals[::-1]
        for proposal in ordered:
            if proposal not in within:
                break
            fit = proposal
    return {
        "rule": rule.name,
        "pages_per_week": budget.pages_per_week,
        "from": iso(found.first),
        "to": iso(found.last),
        "samples": found.samples,
        "threshold": None if fit is None else fit["threshold"],
        "pages": None if fit is None else fit["pages"],
        "proposals": proposals,
    }


def _rises(rule: Rule) -> bool:
    """Whether a greater threshold calls less often. Raises ``Rejected`` where that cannot be told."""
    if rule.joint is not None:
        ops = {rule.joint.first.op} if rule.joint.uses_threshold() else set[str]()
    else:
        ops = {c.op for group in rule.about.alternatives for c in group if c.bound is None}
    if len(ops) != 1 or not ops & {">", ">=", "<", "<="}:
        raise Rejected("rule", "cannot be tuned: its condition must compare with `threshold`, always in one direction")
    return bool(ops & {">", ">="})


def _candidates(log: LogReader, tenant: str, rule: Rule) -> Sequence[float]:
    if rule.joint is not None:
        base = rule.threshold or 1.0
        return sorted({float(f"{base * factor:.6g}") for factor in FACTORS})
    about = rule.about
    aggregate = next(c.aggregate for group in about.alternatives for c in group if c.bound is None)
    kept: list[np.ndarray] = []
    for batch in History(log, tenant).batches(METRICS.name):
        codes, names = labels(batch, "metric")
        mine = np.array([name == rule.metric for name in names], np.bool_)[codes]
        if about.key is not None:
            key_codes, keys = labels(batch, "key")
            mine &= np.array([key == about.key for key in keys], np.bool_)[key_codes]
        if aggregate == "rate":
            values = floats(batch, "count") / np.maximum(times(batch, "width_us") / 1e6, 1e-6)
        else:
            values = floats(batch, aggregate)
        kept.append(values[mine & ~np.isnan(values)])
    known = np.concatenate(kept)[-MOST_VALUES:] if kept else np.empty(0)
    if not len(known):
        return []
    tail = 1 - np.geomspace(0.5, 1 / max(len(known), 2), CANDIDATES)
    shares = np.concatenate((tail, 1 - tail))
    quantiles = np.quantile(known, np.concatenate(([0.0, 1.0], shares)))
    beyond = [known.max() + max(abs(known.max()) * 0.1, 1.0), known.min() - max(abs(known.min()) * 0.1, 1.0)]
    return sorted({float(f"{value:.4g}") for value in [*quantiles, *beyond]})
