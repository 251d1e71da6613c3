"""Which rows of a quiet stretch may be left out: those at which the alert evaluator would change nothing that matters.

Nearly all samples say that all is well. At such a row, of a key that no alert is active for, the evaluator only notes how
far it is; so of a stretch of them its last row does as well. What is kept: every sample that breaches a rule, is unknown
to one, revises or is of the past; what follows it, up to the next sample of its key; the closing before each row that is
kept; the last sample of each key, and the end.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from actors.alerts.samples import CLOSED
from actors.alerts.state import Closing, Rule, State
from actors.columns import floats, labels, times
from analytics.rules import Verdict


def kept(table: pa.RecordBatch, rules: Sequence[Rule], state: State) -> np.ndarray | None:
    """int64: the rows of ``table`` to fold, in order; None: all of them. The rows are about one definition."""
    if len(state.closings) != 1 or table.num_rows == 0 or any(rule.joint or not rule.plain for rule in rules):
        return None
    closing = next(iter(state.closings.values()))
    if not all(_silence_is_fine(rule, closing) for rule in rules):
        return None
    types, type_names = labels(table, "type")
    closed = np.array([name == CLOSED for name in type_names], np.bool_)[types]
    if not _same_figures(table, closed, closing):
        return None
    keys, key_names = labels(table, "key")
    sampled = np.flatnonzero(~closed)
    loud = np.zeros(table.num_rows, np.bool_)
    loud[sampled] = _loud(table.take(pa.array(sampled)), rules)
    active = {key for rule in rules for key, i in state.instances.get(rule.name, {}).items() if i.active}
    keep = loud.copy()
    for code, at in _by_key(keys, sampled):
        keep[at[-1]] = True
        _follow(keep, loud[at], at, closed, key_names[code] in active)
    if active - {key_names[code] for code in np.unique(keys[sampled]).tolist()}:
        keep |= closed  # nothing but silence is said of it
    closings = np.flatnonzero(closed)
    if len(closings):
        before = np.searchsorted(closings, np.flatnonzero(keep)) - 1
        keep[closings[before[before >= 0]]] = True
        keep[closings[-1]] = True
    keep[-1] = True
    return np.flatnonzero(keep)


def _silence_is_fine(rule: Rule, closing: Closing) -> bool:
    if not closing.figures:
        return False
    verdict = rule.judge_silence(closing.figures).verdict
    return verdict is Verdict.FINE or (verdict is Verdict.UNKNOWN and rule.no_data != "fire")


def _same_figures(table: pa.RecordBatch, closed: np.ndarray, closing: Closing) -> bool:
    """Whether all closings say the same of silence as the last one did."""
    for name in ("count", "sum", "distinct"):
        valid = table.column(name).is_valid().to_numpy(zero_copy_only=False)[closed]
        if len(valid) and not (valid == (name in closing.figures)).all():
            return False
        if (floats(table, name)[closed][valid] != closing.figures.get(name, 0.0)).any():
            return False
    return bool((times(table, "width_us") == closing.width).all())


def _loud(part: pa.RecordBatch, rules: Sequence[Rule]) -> np.ndarray:
    """bool[n]: the samples that say more than that all is well."""
    revision = part.column("revision").fill_null(1).to_numpy(zero_copy_only=False)
    found = (revision > 0) | part.column("subject").is_valid().to_numpy(zero_copy_only=False)
    codes, names = labels(part, "metric")
    for rule in rules:
        about = rule.about
        columns = {
            name: floats(part, "count") / (times(part, "width_us") / 1e6) if name == "rate" else floats(part, name)
            for name in about.aggregates
        }
        mine = np.array([name == rule.metric for name in names], np.bool_)[codes]
        found |= mine & (about.verdicts(columns, rule.threshold) != Verdict.FINE)
    return found


def _by_key(keys: np.ndarray, sampled: np.ndarray) -> list[tuple[int, np.ndarray]]:
    """(code of the key, its samples in order)."""
    order = sampled[np.argsort(keys[sampled], kind="stable")]
    codes, starts = np.unique(keys[order], return_index=True)
    return list(zip(codes.tolist(), np.split(order, starts[1:]), strict=True)) if len(order) else []


def _follow(keep: np.ndarray, loud: np.ndarray, at: np.ndarray, closed: np.ndarray, active: bool) -> None:
    """Keep what follows each loud sample of a key, up to its next sample; and what comes before the first, where an alert is
    active."""
    if active:
        keep[: at[0] + 1] |= closed[: at[0] + 1]
        keep[at[0]] = True
    for place in np.flatnonzero(loud).tolist():
        end = int(at[place + 1]) + 1 if place + 1 < len(at) else len(keep)
        begin = int(at[place])
        keep[begin:end] |= closed[begin:end]
        if place + 1 < len(at):
            keep[at[place + 1]] = True
