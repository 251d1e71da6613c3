"""The six laws, over every fold and every log."""

from __future__ import annotations

import ast
import importlib
import inspect
import os
import pkgutil
import random
import subprocess
import sys
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import actors
import analytics
from actors.cell import Cell
from events.errors import Fenced, Transient
from tests.examples import up_to
from tests.laws.feeds import Feed, batches, recut
from tests.laws.folds import FOLDS, Case
from tests.laws.machine import (
    BACKENDS,
    FAULTS,
    Pump,
    Runner,
    Twisted,
    Unlucky,
    a_log,
    rebatched,
    run,
    told,
    twice,
)
from tests.laws.oracle import History, consumes_everything_once, replay_equals_live

ROOT = Path(actors.__path__[0]).parent
PACKAGES = ("collectors", "analyzers", "dashboards", "alerts")
calmly = settings(
    deadline=None, database=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)
few = settings(calmly, max_examples=up_to(25))


def examples(backend: str) -> int:
    return 15 if backend == "memory" else 3


def every(cases: list[Case]) -> Any:
    return pytest.mark.parametrize("case", cases, ids=lambda c: c.name)


every_fold = every(FOLDS)
every_reader = every([case for case in FOLDS if case.reads is not None])
every_recorder = every([case for case in FOLDS if case.told is not None])
every_log = pytest.mark.parametrize("backend", BACKENDS)


def cutter(seed: int) -> Callable[[int], list[int]]:
    """Cuts that depend on the seed; each entry is cut anew."""
    rng = random.Random(seed)
    return lambda n: rng.sample(range(1, n), rng.randint(0, min(n - 1, 4))) if n > 1 else []


def live(case: Case, backend: str, data: st.DataObject) -> Iterator[tuple[Any, Runner, list[Feed]]]:
    """A cell that reads and is told things while the log fails now and then; at the end it has read everything."""
    with a_log(backend) as log:
        faults = data.draw(st.lists(st.sampled_from(FAULTS), max_size=25))
        fed = data.draw(case.reads_or_nothing)
        requests = data.draw(case.told_or_nothing)
        runner = Runner(case, Unlucky(log, faults), data.draw(st.sampled_from((1, 3, 1000))))
        pump, turns = Pump(log), data.draw(st.randoms(use_true_random=False))
        while fed or requests:
            if fed and (not requests or turns.random() < 0.5):
                pump.put(fed.pop(0))
                if turns.random() < 0.6:
                    runner.advance()
            else:
                request = requests.pop(0)
                runner.tell(request)
                if turns.random() < 0.2:
                    runner.tell(request)
        while runner.advance():
            pass
        yield log, runner, fed


# -- 1: cutting the same rows otherwise changes no bit ----------------------------------------------------------


@every_reader
def test_law_1_other_slices_of_the_same_entries(case: Case) -> None:
    @few
    @given(fed=case.reads, seed=st.integers(0, 2**20))
    def law(fed: list[Feed], seed: int) -> None:
        assert run(case.make(), batches(fed, cutter(seed))) == run(case.make(), batches(fed))

    law()


@every_reader
def test_law_1_the_same_rows_in_other_entries(case: Case) -> None:
    @few
    @given(fed=case.reads, seed=st.integers(0, 2**20))
    def law(fed: list[Feed], seed: int) -> None:
        state, rows, marks = run(case.make(), batches(fed))
        state_too, rows_too, marks_too = run(case.make(), batches(recut(fed, cutter(seed))))
        assert (rows_too, marks_too) == (rows, marks)
        assert state_too == state

    law()


@every([case for case in FOLDS if case.told is not None and case.reads is None])
def test_law_1_the_same_rows_in_other_requests(case: Case) -> None:
    @few
    @given(requests=case.told, seed=st.integers(0, 2**20))
    def law(requests: list[Feed], seed: int) -> None:
        cuts = cutter(seed)
        finer: list[Feed] = []
        for request in requests:
            n = request.table.num_rows
            places = [0, *sorted(cuts(n)), n]
            finer += [rebatched(request, a, b) for a, b in pairwise(places)]
        assert told(case, finer) == told(case, requests)

    law()


# -- 2 and 4: a crash anywhere changes nothing; replay equals live ----------------------------------------------


@every_log
@every_fold
def test_laws_2_and_4_crash_anywhere_and_replay_the_journal(case: Case, backend: str) -> None:
    @settings(calmly, max_examples=examples(backend))
    @given(data=st.data())
    def law(data: st.DataObject) -> None:
        for log, runner, _ in live(case, backend, data):
            fold, history = case.make(), History(log)
            consumes_everything_once(history, runner.cell.name, fold)
            replay_equals_live(history, runner.cell.name, fold, fold.dump(runner.cell.state))
            assert fold.dump(runner.start().state) == fold.dump(runner.cell.state)

    law()


@every_fold
def test_a_state_survives_being_stored(case: Case) -> None:
    @few
    @given(fed=case.reads_or_nothing, requests=case.told_or_nothing)
    def law(fed: list[Feed], requests: list[Feed]) -> None:
        """Stored and loaded between any two steps, it goes on as if it had not been."""
        state, rows, marks = run(case.make(), batches(fed)) if fed else told(case, requests) if requests else ("", 0, 0)
        again = Reloading(case.make())
        if fed:
            assert run(again, batches(fed)) == (state, rows, marks)
        elif requests:
            assert told(case._replace(make=lambda: again), requests) == (state, rows, marks)

    law()


class Reloading:
    """A fold whose state is stored and loaded before each step."""

    def __init__(self, fold: Any) -> None:
        self._fold = fold

    def __getattr__(self, name: str) -> Any:
        attribute = getattr(self._fold, name)
        if name not in ("fold", "admit", "idle", "settle"):
            return attribute
        return lambda state, *given: attribute(self._fold.load(self._fold.dump(state)), *given)


# -- 3: of two instances only the newer commits ----------------------------------------------------------------


@every_log
@every_fold
def test_law_3_an_older_instance_with_other_code_commits_nothing(case: Case, backend: str) -> None:
    @settings(calmly, max_examples=examples(backend))
    @given(data=st.data())
    def law(data: st.DataObject) -> None:
        with a_log(backend) as log:
            fed = data.draw(case.reads_or_nothing)
            requests = data.draw(case.told_or_nothing)
            pump = Pump(log)
            old, new = Runner(case, log, 1000), Runner(case, log, 1000)
            old.cell.fold = Twisted(old.cell.fold)  # type: ignore[assignment]
            for feed in fed:
                pump.put(feed)
            before = [(s, log.head(s, new.cell.name)) for s in new.cell.fold.writes]
            if any(log.head(*source) for source in old.cell.sources()):
                with pytest.raises(Fenced):
                    old.cell.advance()
            for request in requests if not fed else []:
                if not _twisted_tell(case, old.cell, request):
                    break
            assert before == [(s, log.head(s, new.cell.name)) for s in new.cell.fold.writes]
            for request in requests:
                new.tell(request)
            while new.advance():
                pass
            replay_equals_live(History(log), new.cell.name, case.make(), None)

    law()


def _twisted_tell(case: Case, cell: Cell[Any], request: Feed) -> bool:
    """Tell an instance of other code; whether it goes on. It may answer only where it has nothing to commit."""

    def step(state: Any) -> Any:
        assert case.record
        state, outputs, answer = case.record(case.make(), state, request)
        committed.append(bool(outputs))
        return state, twice(outputs), answer

    committed: list[bool] = []
    try:
        cell.record(step)
    except Fenced:
        return False
    assert committed == [False]
    return True


# -- 5: no hidden input -----------------------------------------------------------------------------------------

FORBIDDEN = {
    "asyncio", "httpx", "os", "random", "ray", "redis", "requests", "secrets", "socket", "sqlite3", "subprocess",
    "threading", "time", "urllib", "uuid",
}  # fmt: skip
PURE = {"urllib.parse"}
"""Of a package that sees the world, what only takes text apart."""
CLOCKS = {"now", "utcnow", "today", "perf_counter", "monotonic", "time_ns", "getenv", "urandom", "default_rng"}
UNSTABLE = {"hash", "id", "open", "input"}


def fold_modules() -> list[str]:
    found = [f"actors.{package}.{m.name}" for package in PACKAGES for m in _modules(f"actors/{package}")]
    below = pkgutil.walk_packages(analytics.__path__, "analytics.")
    return found + [f"{m.name}.__init__" if m.ispkg else m.name for m in below]


def _modules(folder: str) -> list[pkgutil.ModuleInfo]:
    return list(pkgutil.iter_modules([str(ROOT / folder)]))


@pytest.mark.parametrize("module", fold_modules())
def test_law_5_a_module_of_folds_cannot_see_the_world(module: str) -> None:
    tree = ast.parse((ROOT / (module.replace(".", "/") + ".py")).read_text())
    for node in ast.walk(tree):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [node.module or ""]
        seen = FORBIDDEN & {name.split(".")[0] for name in names if name not in PURE}
        assert not seen, f"{module}:{node.lineno} imports {seen}"  # type: ignore[attr-defined]
        if isinstance(node, ast.Call):
            called = node.func
            name = called.attr if isinstance(called, ast.Attribute) else getattr(called, "id", "")
            if name == "default_rng" and node.args:
                continue  # a seed makes it a function of its arguments
            hidden = name in CLOCKS or (isinstance(called, ast.Name) and name in UNSTABLE)
            assert not hidden, f"{module}:{node.lineno} calls {name}()"


@pytest.mark.slow
def test_law_5_another_process_on_another_day_gives_the_same_bytes() -> None:
    """Two processes with other hash seeds, time zones, languages and clocks; one digest for every fold."""
    seen = [_digests(PYTHONHASHSEED="0", TZ="UTC", LC_ALL="C", FROZEN_AT="0")]
    seen.append(_digests(PYTHONHASHSEED="4711", TZ="Asia/Kathmandu", LC_ALL="C.UTF-8", FROZEN_AT="4102444800"))
    assert seen[0] == seen[1]
    assert len(seen[0].splitlines()) == len(FOLDS)


def _digests(**environment: str) -> str:
    command = [sys.executable, "-m", "tests.laws.digest"]
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "NUMBA_CACHE_DIR") if name in os.environ}
    done = subprocess.run(
        command, cwd=ROOT, env={**kept, **environment}, capture_output=True, text=True, timeout=600, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


# -- 6: an answer leaves after the commit -----------------------------------------------------------------------


@every_log
@every_recorder
def test_law_6_no_answer_leaves_before_its_commit(case: Case, backend: str) -> None:
    @settings(calmly, max_examples=examples(backend))
    @given(data=st.data())
    def law(data: st.DataObject) -> None:
        assert case.record
        with a_log(backend) as log:
            runner = Runner(case, Unlucky(log, ["refused"]), 1000)
            pump = Pump(log)
            for feed in data.draw(case.reads_or_nothing):
                pump.put(feed)
            answers: list[Any] = []
            for request in data.draw(case.told_or_nothing):
                heads = [log.head(s, runner.cell.name) for s in runner.cell.fold.writes]
                try:
                    answers.append(runner.cell.record(lambda state, r=request: case.record(case.make(), state, r)))  # type: ignore[misc]
                except Transient:
                    assert heads == [log.head(s, runner.cell.name) for s in runner.cell.fold.writes]
                    with pytest.raises(Exception, match="recover it first"):
                        _ = runner.cell.state
                    return
                assert heads == [log.head(s, runner.cell.name) for s in runner.cell.fold.writes]

    law()


# -- nobody is exempt -------------------------------------------------------------------------------------------


def test_every_fold_there_is_stands_under_the_laws() -> None:
    registered = {type(case.make()) for case in FOLDS}
    missing: list[str] = []
    for name in fold_modules():
        if name.startswith("actors."):
            for _, cls in inspect.getmembers(importlib.import_module(name), inspect.isclass):
                is_fold = cls.__module__ == name and all(hasattr(cls, m) for m in ("fold", "initial", "dump", "load"))
                if is_fold and cls not in registered:
                    missing.append(f"{name}.{cls.__name__}")
    assert not missing, f"add a line to tests/laws/folds.py for {missing}"
