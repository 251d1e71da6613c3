"""The state of every product fold after fixed input, as its cell would save it, and what its definitions are known by."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import msgspec

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
    results = make(SEED, ENTRIES, MOST_ROWS, (case.stream_told,)) if case.record else []
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


def keeps(saved: Any, today: Any) -> bool:
    """Whether all that ``saved`` says is in ``today``, which may say more: a field that was added with a default."""
    if isinstance(saved, bytes) and isinstance(today, bytes):
        return saved == today or (
            _is_map(saved) and _is_map(today) and keeps(*map(msgspec.msgpack.decode, (saved, today)))
        )
    if isinstance(saved, dict) and isinstance(today, dict):
        return all(name in today and keeps(value, today[name]) for name, value in saved.items())
    if isinstance(saved, list) and isinstance(today, list):
        return len(saved) == len(today) and all(keeps(a, b) for a, b in zip(saved, today, strict=True))
    return saved == today


def _is_map(data: bytes) -> bool:
    """Whether the bytes begin as a map of msgpack does."""
    return data[:1] in (b"\xde", b"\xdf") or b"\x80" <= data[:1] <= b"\x8f"


def files() -> Iterator[tuple[str, bytes]]:
    """Each fold's saved state, and beside it the fingerprints of its definitions."""
    for case in PRODUCTS:
        fold = case.make()
        name = f"states/{fold.name}.v{fold.version}"
        yield f"{name}.state", fold.dump(state_of(case))
        known = {"definitions": definitions_of(fold)}
        yield f"{name}.json", json.dumps(known, indent=1, sort_keys=True, ensure_ascii=False).encode() + b"\n"
