"""What a column of times means, however people write it."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from analytics.columns import columns
from analytics.times import Times, moments, steps_by_clock, times, wall


def read(cells: list[object], type_: pa.DataType | None = None) -> Times:
    return times(pa.chunked_array([pa.array(cells, type_)]), "t")


def last(found: Times) -> str:
    return str(found.us.view("datetime64[us]")[-1].astype("datetime64[s]"))


@pytest.mark.parametrize(
    ("cells", "moment"),
    [
        ([202401, 202402], "2024-02-01T00:00:00"),
        ([174901, 174902], "1749-02-01T00:00:00"),
        ([20240228, 20240229], "2024-02-29T00:00:00"),
        ([2024060], "2024-02-29T00:00:00"),
        ([2024022913], "2024-02-29T13:00:00"),
        ([202402291305], "2024-02-29T13:05:00"),
        ([20240229130501], "2024-02-29T13:05:01"),
        ([20240229130501500], "2024-02-29T13:05:01"),
        ([202401.0, 202402.0], "2024-02-01T00:00:00"),
        (["202401", "202402"], "2024-02-01T00:00:00"),
        (list(range(202401, 202453)), "2024-12-23T00:00:00"),
        ([20241, 20242, 20243, 20244, 20251], "2025-01-01T00:00:00"),
        ([240129, 240130, 240201], "2024-02-01T00:00:00"),
        (["1949-01", "1949-02"], "1949-02-01T00:00:00"),
        (["1949-W03", "1949-W04"], "1949-01-24T00:00:00"),
        (["1949W032"], "1949-01-18T00:00:00"),
        (["1949-W03-2"], "1949-01-18T00:00:00"),
        (["1949-060"], "1949-03-01T00:00:00"),
        (["20240229T1305"], "2024-02-29T13:05:00"),
        (["2024-02-29T13"], "2024-02-29T13:00:00"),
        (["2024-02-29 13:05:01,5"], "2024-02-29T13:05:01"),
        (["2024Q3"], "2024-07-01T00:00:00"),
        (["2024-Q3"], "2024-07-01T00:00:00"),
        (["Feb 2024"], "2024-02-01T00:00:00"),
        (["2024M02"], "2024-02-01T00:00:00"),
        (["02/2024"], "2024-02-01T00:00:00"),
        (["31.12.2024", "01.01.2025"], "2025-01-01T00:00:00"),
        (["31.12.2024 23:59", "1.1.2025 0:05"], "2025-01-01T00:05:00"),
        (["1.3.2024", "29.2.2024"], "2024-02-29T00:00:00"),
        (["01/02/2024", "03/04/2024"], "2024-03-04T00:00:00"),
        (["01/02/2024", "25/04/2024"], "2024-04-25T00:00:00"),
        (["05-03-24", "29-02-24"], "2024-02-29T00:00:00"),
        (["29 Feb 2024"], "2024-02-29T00:00:00"),
        (["February 29, 2024 13:05:01"], "2024-02-29T13:05:01"),
        (["2024/02/29 13:05"], "2024-02-29T13:05:00"),
        ([1709211901], "2024-02-29T13:05:01"),
        ([1709211901000], "2024-02-29T13:05:01"),
        ([1709211901000000], "2024-02-29T13:05:01"),
        ([1709211901000000000], "2024-02-29T13:05:01"),
        (["1709211901"], "2024-02-29T13:05:01"),
    ],
)
def test_times_are_read_at_any_precision_and_numbers_since_1970_still_are_these(
    cells: list[object], moment: str
) -> None:
    found = read(cells)
    assert last(found) == moment and not found.ordinal


@pytest.mark.parametrize("cells", [[1, 2, 3], [1949, 1950], ["1949", "1950"], list(range(20240101, 20240161))])
def test_years_and_numbers_that_count_on_are_places_in_an_order(cells: list[object]) -> None:
    assert read(cells).ordinal


def test_a_form_writes_what_it_reads() -> None:
    for cells in ([202311, 202312], [20240229], ["1948-W53"], ["2024Q4"], ["2024q4"], ["1949-365"], ["Dec 2023"]):
        found = read(list(cells))
        assert found.form is not None and found.form.holds(found.us)
        assert found.form.write(found.us) == [str(cell) for cell in cells]


def test_a_slip_among_dates_is_named_and_never_taken_as_a_number() -> None:
    days = [20240101, 20240103, *range(20240104, 20240125), 20240230]
    with pytest.raises(ValueError, match="column 't', row 24: 20240230 is not a date of the form YYYYMMDD"):
        read(list(days))
    with pytest.raises(ValueError, match="row 2: '2024-01-15' is not a time of the form YYYY-MM, as '2024-01' is"):
        read(["2024-01", "2024-01-15"])
    with pytest.raises(ValueError, match="row 2: 'x' is not a number, as '202401' is"):
        read(["202401", "x"])


def test_text_with_offsets_has_the_clock_of_a_zone_that_fits() -> None:
    found = read(["2024-01-01T00:00:00+01:00", "2024-07-01T00:00:00+02:00"])
    assert found.zone is not None
    assert (wall(found.us, found.zone) % 86_400_000_000 == 0).all()
    assert read(["2024-01-01T00:00:00-05:00"]).zone == "-05:00" and read(["2024-01-01T00:00Z"]).zone == "UTC"


def test_moments_and_the_clock_of_a_zone_are_inverse_but_at_its_changes() -> None:
    hours = np.arange(np.datetime64("2024-01-01T00", "h"), np.datetime64("2025-01-01T00", "h"), 7)
    us = hours.astype("datetime64[us]").astype(np.int64)
    assert (moments(wall(us, "Europe/Berlin"), "Europe/Berlin") == us).mean() > 0.999
    with pytest.raises(ValueError, match="'Nowhere/Land' is not known"):
        wall(us, "Nowhere/Land")


@pytest.mark.parametrize(("hours", "expected"), [(1, False), (24, True), (6, True)])
def test_steps_follow_the_clock_where_only_there_they_are_even(hours: int, expected: bool) -> None:
    clock = np.arange(np.datetime64("2024-03-20T00", "h"), np.datetime64("2024-04-10T00", "h"), hours)
    us = moments(clock.astype("datetime64[us]").astype(np.int64), "Europe/Berlin")
    us = np.unique(us)
    found = Times(us, np.ones(len(us), np.bool_), 1.0, False, "Europe/Berlin")
    assert steps_by_clock(found, np.zeros(len(us), np.int64)) == expected


def test_a_column_that_reads_as_times_is_the_time_whatever_its_name() -> None:
    months = pa.table({"Month": ["1949-01", "1949-02"], "Passengers": [1.0, 2.0]})
    assert columns(months)[:2] == ("Month", "Passengers")
    packed = pa.table({"branch": ["a", "b"], "period": [202401, 202402], "sales": [5, 7]})
    assert columns(packed)[:2] == ("period", "sales")
    with pytest.raises(ValueError, match="which column is the time"):
        columns(pa.table({"order": ["1700000000", "1700000001"], "sales": [5, 7]}))


def test_a_day_that_is_none_is_named_with_the_form_of_the_others() -> None:
    with pytest.raises(
        ValueError, match=r"row 3: '31.02.2024' is not a time of the form DD.MM.YYYY, as '29.02.2024' is"
    ):
        read(["29.02.2024", "01.03.2024", "31.02.2024"])
