"""Charts are well-formed, free of NaN, readable without sight and show what they were given."""

from __future__ import annotations

import math
import re
import xml.etree.ElementTree as ET
from datetime import UTC, datetime
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics.plots import (
    Axis,
    Band,
    Columns,
    Diagonal,
    Line,
    Mark,
    Panel,
    Points,
    Row,
    Rule,
    bars,
    chart,
    compact,
    labels,
    panels,
)
from analytics.plots.ticks import log_ticks, round_ticks, time_ticks
from tests.examples import up_to

SVG = "{http://www.w3.org/2000/svg}"
FLOATS = st.lists(st.floats(width=32) | st.just(math.nan), min_size=0, max_size=30)
TEXT = st.text(max_size=20)


def parsed(text: str) -> ET.Element:
    root = ET.fromstring(text)
    for element in root.iter():
        for name, value in element.attrib.items():
            if name not in ("aria-labelledby", "id", "class"):
                assert not re.search(r"nan|inf", value.lower()), (name, value)
    named = (root.get("aria-labelledby") or "").split()
    ids = {element.get("id"): element for element in root.iter() if element.get("id")}
    assert root.get("role") == "img"
    assert [ids[name].tag for name in named] == [f"{SVG}title", f"{SVG}desc"]
    return root


@settings(max_examples=up_to(50), deadline=None)
@given(
    y=FLOATS,
    kind=st.sampled_from(["linear", "log", "time"]),
    label=TEXT,
    title=TEXT,
    width=st.integers(200, 900),
    file=st.booleans(),
)
def test_any_data_and_any_words_make_well_formed_svg(
    y: list[float], kind: str, label: str, title: str, width: int, file: bool
) -> None:
    x = np.arange(len(y)) * (3.6e9 if kind == "time" else 1.0)
    low = [v - 1 for v in y]
    marks: list[Mark] = [
        Band(x, low, y, label=label),
        Columns(x, y),
        Line(x, y, label=label, dashed=True),
        Line(x, y, step=True),
        Points(x, y, shape="diamond", low=low, high=y, stem=low, titles=[label] * len(y)),
        Rule(1.0, label=label),
        Diagonal(label=label),
    ]
    axis = Axis(kind=kind, label=label)  # type: ignore[arg-type]
    root = parsed(chart(marks, title=title, description=label, x=axis, y=Axis(label=label), width=width, file=file))
    assert root.get("width") == str(width)


@settings(max_examples=up_to(60), deadline=None)
@given(values=st.lists(st.none() | st.floats(width=32), max_size=8), name=TEXT, zero=st.booleans())
def test_any_bars_are_well_formed(values: list[float | None], name: str, zero: bool) -> None:
    rows = [Row(name, v, v, v, text=name) for v in values]
    parsed(bars(rows, title=name, description=name, label=name, from_zero=zero, rule=0.5))


@settings(max_examples=up_to(30), deadline=None)
@given(
    series=st.lists(st.lists(st.floats() | st.just(1.7e308), max_size=8), max_size=4),
    name=TEXT,
    remark=TEXT,
    note=TEXT,
)
def test_any_panels_are_well_formed_and_name_their_marks_once(
    series: list[list[float]], name: str, remark: str, note: str
) -> None:
    shown = [Panel(name, [Line(range(len(y)), y, "values")], remark) for y in series]
    root = parsed(panels(shown, title=name, description=name, note=note))
    legend = [text for text in root.findall(f"{SVG}text") if text.text == "values" and text.get("class") is None]
    assert len(legend) == bool(series)
    assert len([g for g in root.iter(f"{SVG}g") if g.get("transform")]) == len(series)


def test_values_beyond_any_scale_are_gaps() -> None:
    text = chart([Line(range(4), [1.0, 1.7e308, -1.7e308, 2.0])], title="t", description="d")
    assert text.count("h0") == 2
    parsed(text)


def test_a_long_band_is_drawn_a_point_a_pixel_as_wide_as_its_widest_and_keeps_its_gaps() -> None:
    n = 200_000
    low, high = np.full(n, -1.0), np.full(n, 1.0)
    low[77_777], high[123_456] = -9.0, 9.0
    high[150_000:160_000] = np.nan
    text = chart([Band(range(n), low, high), Rule(9.0), Rule(-9.0)], title="t", description="d")
    assert len(text) < 40_000
    root = parsed(text)
    band, *rules = (path.get("d") or "" for path in next(g for g in root.iter(f"{SVG}g")).iter(f"{SVG}path"))
    heights = [float(y) for y in re.findall(r"[ML][\d.]+ (-?[\d.]+)", band)]
    ends = [float(re.findall(r"M[\d.]+ ([\d.]+)", rule)[0]) for rule in rules]
    assert [min(heights), max(heights)] == pytest.approx(ends, abs=0.2)
    assert band.count("M") == 2


def test_a_gap_breaks_the_line_and_the_band() -> None:
    y = [1.0, 2.0, math.nan, 3.0, 4.0]
    root = parsed(chart([Band(range(5), y, y), Line(range(5), y)], title="t", description="d"))
    clipped = next(g for g in root.iter(f"{SVG}g") if g.get("clip-path"))
    band, line = (path.get("d") or "" for path in clipped.iter(f"{SVG}path"))
    assert line.count("M") == 2
    assert band.count("M") == 2


def test_nothing_to_draw_is_said() -> None:
    assert "no values to draw" in chart([Line([1, 2], [math.nan, math.nan])], title="t", description="d")
    assert "no values to draw" in bars([], title="t", description="d")


def test_a_long_line_is_thinned_and_keeps_its_extremes() -> None:
    y = np.sin(np.arange(200_000) / 50.0)
    y[123_456] = 9.0
    text = chart([Line(np.arange(200_000), y)], title="t", description="d")
    assert len(text) < 60_000
    spiked = chart([Line(np.arange(200_000), y), Rule(9.0)], title="t", description="d")
    heights = [float(v) for v in re.findall(r"[ML][\d.]+ (-?[\d.]+)", text)]
    rule = re.search(r'd="M[\d.]+ ([\d.]+)H[\d.]+" style', spiked)
    assert rule is not None
    assert min(heights) == pytest.approx(float(rule[1]), abs=0.5)


def test_anomalies_carry_their_cause_and_forecasts_are_dashed() -> None:
    root = parsed(
        chart(
            [
                Line([0, 1, 2], [1, 2, 3], label="forecast", dashed=True),
                Points([1], [2], shape="diamond", titles=["spike: 5 <sigma>"]),
            ],
            title="t",
            description="d",
        )
    )
    assert "spike: 5 <sigma>" in [title.text for title in root.iter(f"{SVG}title")]
    assert any(path.get("stroke-dasharray") for path in root.iter(f"{SVG}path"))


def test_both_themes_are_in_a_file_and_a_page_can_set_its_own() -> None:
    text = chart([Line([0, 1], [0, 1])], title="t", description="d")
    assert "prefers-color-scheme:dark" in text
    assert "var(--hc-c1," in text
    inline = chart([Line([0, 1], [0, 1])], title="t", description="d", file=False)
    assert "<style" not in inline


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0"),
        (-1.5, "−1.50"),
        (12345.0, "12.3k"),
        (-2.5e6, "−2.50M"),
        (0.000123, "0.000123"),
        (999.7, "1000"),
        (1e-9, "1.00e-09"),
    ],
)
def test_numbers_are_compact_with_a_true_minus(value: float, text: str) -> None:
    assert compact(value) == text


def test_units_stand_after_a_narrow_space_and_an_axis_has_one_form() -> None:
    assert compact(0.123, unit="%") == "12.3\u202f%"
    assert compact(3.2, 2, "ms") == "3.2\u202fms"
    assert labels([0.0, 0.25, 0.5]) == ["0.00", "0.25", "0.50"]
    assert labels([0, 20_000, 40_000]) == ["0", "20k", "40k"]
    assert labels([-0.1, 0.0], unit="%") == ["−10\u202f%", "0\u202f%"]


@given(low=st.floats(-1e6, 1e6), span=st.floats(1e-3, 1e6), most=st.integers(2, 12))
def test_ticks_are_few_rising_and_inside(low: float, span: float, most: int) -> None:
    high = low + span
    ticks = round_ticks(low, high, most)
    assert len(ticks) <= most
    assert all(a < b for a, b in pairwise(ticks))
    assert all(low - span * 1e-6 <= tick <= high + span * 1e-6 for tick in ticks)
    powers = log_ticks(span, span * 1000, most)
    assert len(powers) <= most


@given(
    start=st.datetimes(datetime(1972, 1, 1), datetime(2090, 1, 1)),
    span=st.floats(5e6, 4e15),
    most=st.integers(2, 12),
)
def test_time_ticks_stand_on_the_calendar(start: datetime, span: float, most: int) -> None:
    low = start.replace(tzinfo=UTC).timestamp() * 1e6
    ticks = time_ticks(low, low + span, most)
    assert len(ticks) <= most + 1
    for at, label, _ in ticks:
        assert low - 1 <= at <= low + span + 1
        moment = datetime.fromtimestamp(at / 1e6, UTC)
        assert moment.microsecond == 0
        if not re.search(r"\d:\d", label):
            assert (moment.hour, moment.minute) == (0, 0)
        if re.fullmatch(r"[A-Z][a-z]{2}|\d{4}", label):
            assert moment.day == 1


def test_weeks_begin_on_mondays() -> None:
    low = datetime(2026, 1, 1, tzinfo=UTC).timestamp() * 1e6
    ticks = time_ticks(low, low + 60 * 86_400e6, 10)
    assert {datetime.fromtimestamp(at / 1e6, UTC).weekday() for at, _, _ in ticks} == {0}
    assert ticks[0][1:] == ("5 Jan", "2026")
    assert ticks[1][2] == ""
