"""What every fold must keep to, tried on batches of its author's."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pyarrow as pa

from actors.fold import Batch, Fold, Outputs
from events.catalog import STREAMS, rows
from events.entry import NO_WATERMARK, EntryHeader


def cut(stream: str, entries: Sequence[Sequence[dict[str, Any]]], watermark: int = NO_WATERMARK) -> list[Batch]:
    """Batches of ``stream``, one an entry; each entry is a list of rows, and a row a mapping of columns to values.

    Times are microseconds; ``received`` is ``time`` unless given.
    """
    found: list[Batch] = []
    first = 0
    for number, entry in enumerate(entries, 1):
        whole = [{"received": row.get("time"), **row} for row in entry]
        names = {name for row in whole for name in row}
        table = rows(STREAMS[stream], {name: [row.get(name) for row in whole] for name in names}, len(whole))
        version = STREAMS[stream].version
        header = EntryHeader(stream, f"t/{stream}/0", "t", first, len(whole), number, number, 1, version, watermark)
        found.append(Batch(header, first, table, True))
        first = header.end
    return found


def keeps_the_fold_laws(make: Callable[[], Fold[Any]], batches: Sequence[Batch]) -> Outputs:
    """Fails where a fold breaks a law on ``batches``; answers what it emitted.

    Checked: other slices of the same entries, down to one row each, change no bit of the state or the output; a state that
    is stored and loaded between any two steps goes on as one that was not; equal states are stored as equal bytes; what it
    emits is declared in ``writes``, and its views are there for each of its topics.
    """
    state, outputs = _run(make(), batches)
    undeclared = {stream for stream, _ in outputs.items()} - {*make().writes}
    assert not undeclared, f"emits to {sorted(undeclared)}, which `writes` does not declare"
    fine = [part for batch in batches for part in _row_by_row(batch)]
    assert _run(make(), fine)[0] == state, "another state when the same rows come one by one"
    assert _plain(_run(make(), fine)[1]) == _plain(outputs), "other output when the same rows come one by one"
    stored, told = _run(make(), batches, reload=True)
    assert stored == state, "another state when it is stored and loaded between steps"
    assert _plain(told) == _plain(outputs), "other output when the state is stored and loaded between steps"
    fold = make()
    for topic in getattr(fold, "topics", ()):
        assert getattr(fold, "view")(fold.load(state), topic.name) is not None  # noqa: B009 - not every fold has views
    return outputs


def _run(fold: Fold[Any], batches: Sequence[Batch], *, reload: bool = False) -> tuple[bytes, Outputs]:
    state, outputs = fold.initial(), Outputs()
    for batch in batches:
        if reload:
            state = fold.load(fold.dump(state))
        state, emitted = fold.fold(state, batch)
        outputs.extend(emitted)
    return fold.dump(state), outputs


def _row_by_row(batch: Batch) -> list[Batch]:
    n = batch.rows
    if n < 2:
        return [batch]
    return [Batch(batch.header, batch.first + i, batch.table.slice(i, 1), batch.last and i == n - 1) for i in range(n)]


def _plain(outputs: Outputs) -> dict[str, tuple[list[Any], int]]:
    found: dict[str, tuple[list[Any], int]] = {}
    for stream, emission in outputs.items():
        said = pa.Table.from_batches(emission.batches, schema=STREAMS[stream].schema).to_pylist()
        if said or emission.watermark != NO_WATERMARK:
            found[stream] = ([repr(row) for row in said], emission.watermark)
    return found
