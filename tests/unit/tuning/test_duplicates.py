"""Copies of rows: on one side of every split, counted, and no skill; equal rows that are none are left alone."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from analytics.models.schema import WrongInput
from tuning.config import Config
from tuning.data.preparation import Prepared, parts_of, prepare, whole_parts
from tuning.data.splits import in_time
from tuning.pipeline import fit_table

RNG = np.random.default_rng(11)
N = 120


def texts(values: Any) -> Any:
    return np.array([*values, None], object)[:-1]


def noise(rows: int = N) -> dict[str, Any]:
    return {
        "a": RNG.normal(size=rows),
        "b": RNG.normal(size=rows),
        "c": texts(RNG.choice(["u", "v", "w", None], rows)),
        "y": texts(RNG.choice(["yes", "no"], rows)),
    }


def repeated(table: dict[str, Any], times: int) -> tuple[dict[str, Any], Any]:
    """The rows in any order, and which row each was."""
    of = RNG.permutation(np.repeat(np.arange(len(table["y"])), times))
    return {name: values[of] for name, values in table.items()}, of


def apart(prepared: Prepared, of: Any) -> bool:
    """Whether no row has copies on both sides of any split: the holdout, each split, each split of the refits."""
    of = of[prepared.target.rows]
    sides = np.zeros(len(of), np.int64)
    sides[prepared.split.holdout] = 1
    ways = [sides, parts_of(prepared, 0).part, *(whole_parts(prepared, repeat, 5, 0).part for repeat in range(2))]
    return all(len(np.unique(way[of == one])) == 1 for way in ways for one in np.unique(of))


@pytest.mark.parametrize("times", [2, 6])
@pytest.mark.parametrize("problem", ["classes", "values"])
def test_copies_are_on_one_side_of_every_split_and_are_counted(times: int, problem: str) -> None:
    table = noise()
    if problem == "values":
        table["y"] = RNG.normal(size=N)
    columns, of = repeated(table, times)
    prepared = prepare(columns, Config("y"))
    assert prepared.equal_rows == N * (times - 1)
    assert apart(prepared, of)
    [note] = [note for note in prepared.notes if note.code == "twins"]
    assert note.severity == "warning"
    assert f"{N * (times - 1):,} of {N * times:,} rows equal another one" in note.text


def test_a_running_number_or_a_time_stamp_hides_no_copy() -> None:
    for name, stamp in (("id", np.arange(6.0 * N)), ("seen", RNG.normal(size=6 * N))):
        columns, of = repeated(noise(), 6)
        assert apart(prepare({**columns, name: stamp}, Config("y")), of)


def test_copies_in_columns_of_few_values_stay_together_by_as_many_as_the_table_was_repeated() -> None:
    table = {name: texts(RNG.choice(list("abcd"), N)) for name in ("a", "b")} | {"y": texts(RNG.choice(["n", "y"], N))}
    columns, _ = repeated(table, 6)
    prepared = prepare(columns, Config("y"))
    assert prepared.twins is not None
    assert np.bincount(prepared.twins).tolist() == [6] * N
    assert apart(prepared, prepared.twins)


def test_with_groups_neither_a_group_nor_a_copy_is_torn() -> None:
    columns, of = repeated(noise(), 3)
    groups = texts([f"g{i % 200}" for i in range(3 * N)])
    shop = texts([f"g{i % 40}" for i in of])
    assert apart(prepare({**columns, "g": shop}, Config("y", group_col="g")), of)
    prepared = prepare({**columns, "g": groups}, Config("y", group_col="g"))  # every group has copies in others
    assert len(prepared.y) == N and apart(prepared, of)
    assert prepared.groups is not None and apart(prepared, np.unique(groups, return_inverse=True)[1])


def test_in_time_order_the_first_of_the_copies_counts() -> None:
    columns, of = repeated(noise(), 6)
    prepared = prepare({**columns, "t": RNG.permutation(np.arange(6.0 * N))}, Config("y", time_col="t"))
    kept = of[prepared.target.rows]
    assert len(kept) == len(set(kept.tolist())) == N
    assert prepared.times is not None
    assert prepared.times[prepared.split.holdout].min() > prepared.times[prepared.split.train].max()
    assert [note.code for note in prepared.notes if "twins" in note.code] == ["twins", "twins-left-out"]


def test_rows_of_one_time_are_in_one_block() -> None:
    times = np.sort(RNG.integers(0, 40, 500))
    part = in_time(times, 4)
    assert set(part.tolist()) == {0, 1, 2, 3, 4}
    assert all(len(set(part[times == at].tolist())) == 1 for at in np.unique(times))
    assert set(in_time(np.zeros(100), 4).tolist()) == {0, 1, 2, 3, 4}


def test_equal_rows_that_are_no_copies_are_said_and_split_as_ever() -> None:
    n = 1000
    city, plan = RNG.choice(list("abcde"), n), RNG.choice(list("xyz"), n)
    y = texts(np.where(RNG.random(n) < np.where(city == "a", 0.8, 0.3), "yes", "no"))
    prepared = prepare({"city": texts(city), "plan": texts(plan), "y": y}, Config("y"))
    assert prepared.twins is None and prepared.equal_rows > 900
    [note] = [note for note in prepared.notes if note.code == "twins"]
    assert (note.severity, "no copies" in note.text) == ("info", True)
    one, two = RNG.integers(0, 2, (2, n))
    xor = {"p": one * 1.0, "q": two * 1.0, "y": texts(np.where(one ^ two, "odd", "even"))}
    assert prepare(xor, Config("y")).twins is None
    clean = prepare({**noise(n), "y": RNG.normal(size=n)}, Config("y"))
    assert (clean.twins, clean.equal_rows) == (None, 0)


def test_a_few_rows_copied_very_often_are_too_few() -> None:
    columns, _ = repeated(noise(10), 60)
    with pytest.raises(WrongInput, match="600 rows but only 10 different ones; at least 30"):
        prepare(columns, Config("y"))


def test_copies_make_no_column_a_leak_and_a_near_copy_of_the_target_is_one() -> None:
    table = noise()
    table["a"] = np.arange(N) % 40 + 0.5
    columns, _ = repeated(table, 6)
    assert not [note for note in prepare(columns, Config("y")).notes if note.code == "leak"]
    table = noise(1000)
    flipped = RNG.random(1000) < 0.05
    table["said"] = texts(np.where(flipped ^ (table["y"] == "yes"), "Y", "N"))
    [note] = [note for note in prepare(table, Config("y")).notes if note.code == "leak"]
    assert (note.column, note.severity) == ("said", "warning")


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, pytest.param(1, marks=pytest.mark.long)])
def test_noise_six_times_each_has_no_skill_and_is_not_registered(seed: int) -> None:
    columns, _ = repeated(noise(), 6)
    report = fit_table(columns, Config("y", trials=2, seed=seed), lambda _: None).report
    main = report.main()
    assert main.low is not None and main.low < 0.5
    assert main.high is not None and main.high - main.low > 0.25  # 24 different rows, not 144
    assert report.registration is not None and not report.registration.registered
    assert report.data.equal_rows == 600
    assert any(note.code == "twins" for note in report.warnings)
