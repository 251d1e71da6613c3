"""Numbers and times as people write them: each column has one spelling, and nothing else is taken for one."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics.column_values import times_of
from analytics.models.number_formats import (
    CLOCK,
    COMMA,
    POINT,
    is_certain,
    number_spelling,
    numbers_of,
    time_spelling,
)


@pytest.mark.parametrize(
    ("texts", "spelling", "numbers"),
    [
        (["$1,234.50", "$5", "-$0.5"], POINT, [1234.5, 5.0, -0.5]),
        (["1.234,50 €", "3,2 €"], COMMA, [1234.5, 3.2]),
        (["12%", "3.5 %"], POINT, [12.0, 3.5]),
        (["1,234", "999"], POINT, [1234.0, 999.0]),
        (["1,234", "0,5"], COMMA, [1.234, 0.5]),
        (["(5)", "3"], POINT, [-5.0, 3.0]),
        (["−5,5", "3"], COMMA, [-5.5, 3.0]),
        (["1 234 567", "5"], POINT, [1234567.0, 5.0]),
        (["USD 1,000.5", "USD 7"], POINT, [1000.5, 7.0]),
        (["$5", "0"], POINT, [5.0, 0.0]),
        (["0:02:35", "1:00:00", "-0:00:01"], CLOCK, [155.0, 3600.0, -1.0]),
        (["9:30", "10:05"], CLOCK, [570.0, 605.0]),
        ([".5", "1e3", "?", "N/A"], POINT, [0.5, 1000.0, None, None]),
    ],
)
def test_numbers_are_read_as_the_whole_column_spells_them(
    texts: list[str], spelling: str, numbers: list[float | None]
) -> None:
    found = number_spelling(texts)
    assert found is not None
    assert (found.spelling, found.strays) == (spelling, ())
    assert np.array_equal(numbers_of(texts, spelling), np.array(numbers, float), equal_nan=True)


@pytest.mark.parametrize(
    "texts",
    [
        ["$5", "5 €"],  # two units
        ["18-24", "25-34"],
        ["0", "1", "2", "3+"],  # an answer of its own, not a slip
        ["1,2", "3,4,5"],
        ["16:9", "4:3"],
        ["C536365", "C536366"],
        ["192.168.0.1", "10.0.0.1"],
        ["?", "-"],
        ["yes", "no"],
        [],
    ],
)
def test_what_is_no_number_is_none(texts: list[str]) -> None:
    assert number_spelling(texts) is None


def test_half_a_surrogate_pair_is_no_number_and_no_time() -> None:
    assert np.isnan(numbers_of(["\ud800"] * 100, POINT)).all()
    assert np.isnat(times_of(["\ud800"], "%d.%m.%Y")).all()


def test_few_slips_among_many_numbers_are_strays_and_many_are_not() -> None:
    numbers = [f"{n / 7:.2f}" for n in range(200)]
    assert number_spelling([*numbers, *["unknown"] * 90]) is not None  # one text that recurs
    found = number_spelling([*numbers, "abc", "x", "1.2.3", "12o"])
    assert found is not None
    assert set(found.strays) == {"abc", "x", "1.2.3", "12o"}
    assert number_spelling([*numbers, *[f"lot {i}" for i in range(20)]]) is None


@given(st.lists(st.floats(-1e9, 1e9).map(lambda v: round(v, 2)), min_size=1, max_size=20))
def test_what_was_written_is_read(values: list[float]) -> None:
    """A column of two decimals each, as it is written on both sides of the Atlantic."""
    american = [f"{v:,.2f}" for v in values]
    european = [t.translate(str.maketrans(",.", ".,")) for t in american]
    for texts, spelling in ((american, POINT), (european, COMMA)):
        found = number_spelling(texts)
        assert found is not None
        assert found.spelling == spelling
        assert numbers_of(texts, spelling).tolist() == values


@pytest.mark.parametrize(
    ("texts", "spelling", "first"),
    [
        (["13.11.2024", "05.02.2024"], "%d.%m.%Y", "2024-11-13"),
        (["11/13/2024", "02/05/2024"], "%m/%d/%Y", "2024-11-13"),
        (["05/02/2024", "13/11/2024"], "%d/%m/%Y", "2024-02-05"),
        (["1/31/24 3:04"], "%m/%d/%y %H:%M", "2024-01-31T03:04"),
        (["12/31/2024 11:59:59 PM"], "%m/%d/%Y %I:%M:%S %p", "2024-12-31T23:59:59"),
        (["3 Mar 2024", "03 April 2024"], "%d %b %Y", "2024-03-03"),
        (["Mar 3, 2024"], "%b %d, %Y", "2024-03-03"),
        (["2024/03/01"], "%Y/%m/%d", "2024-03-01"),
    ],
)
def test_times_are_read_as_the_whole_column_spells_them(texts: list[str], spelling: str, first: str) -> None:
    found = time_spelling(texts)
    assert found is not None
    assert found.spelling == spelling
    assert times_of(texts, spelling)[0] == np.datetime64(first, "us")


@pytest.mark.parametrize("texts", [["31/31/2024"], ["1.2.3"], ["12:30"], ["SKU 1234"], ["13/13/2024", "1/1/2024"], []])
def test_what_is_no_time_is_none(texts: list[str]) -> None:
    assert time_spelling(texts) is None


def test_whether_days_or_months_come_first_is_certain_only_where_a_row_tells() -> None:
    assert not is_certain(["01/02/2024", "03/04/2024"], "%m/%d/%Y")
    assert is_certain(["01/02/2024", "03/14/2024"], "%m/%d/%Y")
    assert is_certain(["01.02.2024"], "%d.%m.%Y")
