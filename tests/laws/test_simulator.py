"""A thousand lives of a small system, each with its own misfortunes; and logs that break a promise must not survive.

A system has one partition, two or four, and one tenant or two.

``HINDCAST_SEED=7 python -m pytest tests/laws/test_simulator.py`` replays one seed; ``HINDCAST_SEEDS=20000`` widens the run.
"""

from __future__ import annotations

import os

import pytest

from events.memory_log import MemoryLog
from tests.laws.machine import redis_spec
from tests.laws.mutants import MUTANTS
from tests.laws.simulator import simulate

SEEDS = int(os.environ.get("HINDCAST_SEEDS", "1000"))
FAST = 100
"""Seeds that every `make check` lives through; the others are for the whole suite."""
BLOCK = 50
ONLY = os.environ.get("HINDCAST_SEED")


def blocks() -> list[object]:
    if ONLY is not None:
        return [pytest.param(range(int(ONLY), int(ONLY) + 1))]
    found = [range(first, min(first + BLOCK, SEEDS)) for first in range(0, SEEDS, BLOCK)]
    return [pytest.param(seeds, marks=[pytest.mark.slow] if seeds.start >= FAST else []) for seeds in found]


@pytest.mark.parametrize("seeds", blocks(), ids=lambda r: f"{r.start}-{r.stop - 1}")
def test_whatever_happens_nothing_is_lost_and_nothing_comes_twice(seeds: range) -> None:
    for seed in seeds:
        try:
            simulate(seed)
        except AssertionError as error:
            replay = f"HINDCAST_SEED={seed} python -m pytest tests/laws/test_simulator.py"
            pytest.fail(f"{error}\n\nReplay it: {replay}", pytrace=ONLY is not None)


@pytest.mark.slow
@pytest.mark.skipif(ONLY is not None, reason="one seed alone is replayed")
def test_on_a_server_it_is_no_different() -> None:
    for seed in range(FAST, FAST + 40):
        log = redis_spec().open(woken=False)
        simulate(seed, log)
        log.close()


def test_without_misfortunes_the_cells_do_what_plain_python_says() -> None:
    for seed in range(20):
        simulate(seed, calm=True)


def test_a_seed_is_one_life_and_no_other() -> None:
    assert simulate(11).trace == simulate(11).trace != simulate(12).trace


@pytest.mark.skipif(ONLY is not None, reason="one seed alone is replayed")
@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda m: m.__name__)
def test_a_log_that_breaks_a_promise_dies(mutant: type[MemoryLog]) -> None:
    for seed in range(SEEDS):
        try:
            simulate(seed, mutant())
        except AssertionError:
            return
    pytest.fail(f"{mutant.__name__} ({mutant.__doc__}) lived through {SEEDS} seeds")
