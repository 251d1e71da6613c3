"""The state of every product fold after fixed input, as its cell would save it, and what its definitions are known by."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from tests.laws.feeds import batches, make
from tests.laws.folds import FOLDS, Case

TOYS = "tests.laws.toys"
PRODUCTS = [case for case in FOLDS if type(case.make()).__module__ != TOYS]
SEED, ENTRIES, MOST_ROWS = 16, 40, 12
EVERY = 5
"""A recorded fold that also reads is told one result of the world after so many entries."""


def state_of(case: Case) -> Any:
    """What the fold makes of entries of the streams that it reads, and of what the world tells it."""
    fold = case.make()
    state = fold.initial()
    fed = make(SEED, ENTRIES, MOST_ROWS, fold.reads) if fold.reads else []
    results = make(SEED, ENTRIES, MOST_ROWS, (fold.reads or fold.writes)[:1]) if case.record else []
    for number, batch in enumerate(batches(fed), 1):
        state, _ = fold.fold(state, batch)
        if case.record and number % EVERY == 0:
            state, _, _ = case.record(fold, state, results.pop())
    if case.record and not fed:
        for feed in results:
            state, _, _ = case.record(fold, state, feed)
    return state


def definitions_of(fold: Any) -> dict[str, str]:
    """By what each definition's part of the state is known; none for a fold without definitions."""
    return dict(getattr(fold, "definitions", {}))


def files() -> Iterator[tuple[str, bytes]]:
    """Each fold's saved state, and beside it the fingerprints of its definitions."""
    for case in PRODUCTS:
        fold = case.make()
        name = f"states/{fold.name}.v{fold.version}"
        yield f"{name}.state", fold.dump(state_of(case))
        known = {"definitions": definitions_of(fold)}
        yield f"{name}.json", json.dumps(known, indent=1, sort_keys=True, ensure_ascii=False).encode() + b"\n"
