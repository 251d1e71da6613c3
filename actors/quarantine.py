"""Rows that crash a fold: found by bisection, set aside in the commit that skips them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import pyarrow as pa

from actors.fold import Batch, Fold
from events.catalog import QUARANTINE, rows
from events.errors import Corrupt


class Halted(Corrupt):
    """Over 1 % of the rows crash the fold: a bad deploy, not bad data. The cell stops until it is mended."""


class Poison(RuntimeError):
    """A fold crashed on a batch: a bug or a poisonous row. The cell has reloaded; trying again is safe."""

    def __init__(self, cell: str, batch: Batch, error: Exception) -> None:
        super().__init__(
            f"{cell}: {type(error).__name__}: {error} ({batch.stream} of {batch.producer} at {batch.first})"
        )


class Reloadable(Protocol):
    """A cell as far as the search for poisonous rows needs it."""

    name: str
    fold: Fold[Any]

    @property
    def state(self) -> Any:
        """The state that was committed last."""
        ...

    def recover(self) -> object:
        """Throw away what was folded since the last commit."""
        ...


def isolate(cell: Reloadable, batch: Batch, tolerable: int) -> tuple[list[Batch], list[tuple[int, str]]]:
    """Split ``batch`` into parts that fold and rows that do not: (good parts in order, [(offset, error)]).

    Folds only state that it reloads; commits nothing. Takes O(poison x log rows) reloads. Raises ``Halted`` for more
    than ``tolerable`` rows, and where the fold crashes at the entry's end (its watermark): no row is to blame for that.
    """
    good: list[Batch] = []
    poison: list[tuple[int, str]] = []
    pending = batch.table
    first = batch.first
    while pending.num_rows:
        ok, error = _longest_good(cell, good, batch, pending, first)
        if ok:
            good.append(Batch(batch.header, first, pending.slice(0, ok), batch.last and ok == pending.num_rows))
        if ok < pending.num_rows:
            poison.append((first + ok, error))
            ok += 1
            if len(poison) > tolerable:
                raise Halted(f"{cell.name}: over 1 % of its rows crash it, more than a row's fault; last: {error}")
        pending, first = pending.slice(ok), first + ok
    if batch.last and not (good and good[-1].last):
        good.append(Batch(batch.header, first, batch.table.slice(batch.rows), True))
    _, error = _folded(cell, good)
    if error:
        raise Halted(f"{cell.name} crashes at the end of {batch.stream} of {batch.producer} [{batch.first}…: {error}")
    return good, poison


def _longest_good(
    cell: Reloadable, before: Sequence[Batch], batch: Batch, pending: pa.RecordBatch, first: int
) -> tuple[int, str]:
    """(rows of ``pending`` that fold after ``before``, what the next one raised)."""
    low, high, error = 0, pending.num_rows + 1, ""
    while low < high - 1:
        n = pending.num_rows if high > pending.num_rows else (low + high) // 2
        good, crash = _folded(cell, [*before, Batch(batch.header, first, pending.slice(0, n), False)])
        if good:
            low = n
        else:
            high, error = n, crash
    return low, error


def _folded(cell: Reloadable, parts: Sequence[Batch]) -> tuple[bool, str]:
    """Whether ``parts`` fold after the committed state, and what was raised if not."""
    cell.recover()
    state = cell.state
    try:
        for part in parts:
            state, _ = cell.fold.fold(state, part)
    except Exception as crash:  # noqa: BLE001 - any crash is what is looked for
        return False, f"{type(crash).__name__}: {crash}"[:500]
    return True, ""


def quarantined(fold: str, batch: Batch, poison: Sequence[tuple[int, str]]) -> pa.RecordBatch:
    """The rows for the ``quarantine`` stream."""
    columns = {
        "type": "row.quarantined",
        "fold": fold,
        "stream": batch.stream,
        "producer": batch.producer,
        "offset": [offset for offset, _ in poison],
        "error": [error for _, error in poison],
    }
    return rows(QUARANTINE, columns, len(poison))
