"""``--plot``: what detect and forecast found, as one SVG file that shows it whole and no number that is none."""

from __future__ import annotations

import json
import math
import re
import xml.etree.ElementTree as ET
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from hindcast.cli import main

SVG = "{http://www.w3.org/2000/svg}"
DETECT, FORECAST = ("detect",), ("forecast", "--horizon", "6")


def run(*args: str) -> Result:
    return CliRunner().invoke(main, list(args), catch_exceptions=False)


def file_of(path: Path, series: dict[str, list[Any]], times: list[str] | None = None) -> str:
    lines = ["key,time,value"]
    for key, values in series.items():
        at = times or [str(datetime(2026, 1, 1) + timedelta(hours=i)) for i in range(len(values))]
        lines += [f"{key},{time},{value}" for time, value in zip(at, values, strict=True)]
    path.write_text("\n".join(lines) + "\n")
    return str(path)


def wave(level: float = 100.0, n: int = 240) -> list[float]:
    return [round(level + 10 * math.sin(i * math.tau / 24) + ((i * 7919) % 97) / 97, 4) for i in range(n)]


def picture(command: tuple[str, ...], file: str, tmp_path: Path) -> ET.Element:
    path = tmp_path / "p.svg"
    result = run(command[0], file, *command[1:], "--json", "--plot", str(path))
    assert result.exit_code == 0, result.stderr
    assert json.loads(result.stdout)["plot"] == str(path)
    assert f"written to {path}" in result.stderr
    root = ET.parse(path).getroot()
    for element in root.iter():
        for name in ("d", "x", "y", "cx", "transform"):
            assert not re.search("nan|inf", element.get(name, ""))
    return root


def texts(root: ET.Element) -> list[str]:
    return ["".join(text.itertext()) for text in root.iter(f"{SVG}text")]


def panels(root: ET.Element) -> list[str]:
    return [next(g.iter(f"{SVG}text")).text or "" for g in root.iter(f"{SVG}g") if g.get("transform")]


def test_each_alarm_has_a_diamond_that_says_when_and_what_was_expected(tmp_path: Path) -> None:
    values = wave()
    values[150], values[200], values[201] = 900, -700, -710
    file = file_of(tmp_path / "f.csv", {"web": values})
    root = picture(DETECT, file, tmp_path)
    titles = [title.text or "" for title in root.iter(f"{SVG}title")][1:]
    assert "2026-01-07 06:00:00 (row 151): 900, expected" in " ".join(titles)
    alarms = json.loads(run("detect", file, "--json").stdout)["alarms"]
    assert len(titles) == alarms
    assert any(text.startswith("web: ") and f"{alarms} alarms" in text for text in texts(root))
    assert {"expected", "value", "anomaly"} <= set(texts(root))


def test_of_many_series_the_worst_are_shown_and_the_picture_says_so(tmp_path: Path) -> None:
    series = {f"calm {i}": wave(50 + i) for i in range(8)} | {"wild": [*wave()[:200], 900, *wave()[201:]]}
    root = picture(DETECT, file_of(tmp_path / "f.csv", series), tmp_path)
    assert len(panels(root)) == 6
    assert "wild" in panels(root)
    assert "6 of 9 series: those with the worst alarms" in texts(root)


def test_a_forecast_is_drawn_with_its_history_and_a_fan_for_each_level(tmp_path: Path) -> None:
    root = picture((*FORECAST, "--level", "50,80,95"), file_of(tmp_path / "f.csv", {"web": wave()}), tmp_path)
    shown = texts(root)
    assert {"50 %", "80 %", "95 %", "history", "forecast"} <= set(shown)
    assert "web: the next 6 steps, season 24" in shown
    clipped = next(g for g in root.iter(f"{SVG}g") if g.get("clip-path"))
    assert len(list(clipped.iter(f"{SVG}path"))) == 5


def test_the_largest_series_are_drawn_where_there_are_many(tmp_path: Path) -> None:
    file = file_of(tmp_path / "f.csv", {f"k{i}": wave(100 * i, 80) for i in range(1, 9)})
    root = picture(FORECAST, file, tmp_path)
    assert panels(root) == ["k8", "k7", "k6", "k5", "k4", "k3"]
    assert "6 of 8 series: the largest" in texts(root)


STEPS = [str(i) for i in range(1, 81)]
QUARTERS = [f"{h:02}:{m:02}" for h in range(20) for m in range(0, 60, 15)]
ODD: dict[str, tuple[list[Any], list[str] | None]] = {
    "numbered steps": (wave(n=80), STEPS),
    "constant": ([5] * 80, None),
    "huge": ([*wave(n=79), "1e308"], None),
    "all huge": ([(-1) ** i * 1.7e308 for i in range(80)], None),
    "missing": ([*wave(n=60), *[""] * 20], None),
    "all missing": ([""] * 80, None),
    "one row": ([1], None),
    "a gap of a year": (wave(n=81), [*(f"2025-01-01T{at}" for at in QUARTERS), "2026-01-01T00:00"]),
    "the end of time": (wave(n=80), [f"9999-12-31T{at}" for at in QUARTERS]),
    "names with markup": (wave(n=80), None),
}  # fmt: skip


@pytest.mark.parametrize("command", [DETECT, FORECAST], ids=lambda c: c[0])
@pytest.mark.parametrize("kind", ODD)
def test_odd_series_make_a_picture_or_a_reason(kind: str, command: tuple[str, ...], tmp_path: Path) -> None:
    values, times = ODD[kind]
    file = file_of(tmp_path / "odd.csv", {"<b>&": values}, times)
    path = tmp_path / "p.svg"
    result = run(command[0], file, *command[1:], "--plot", str(path))
    if result.exit_code:
        assert (command, result.exit_code) == (FORECAST, 2)
        assert result.stderr.splitlines()[-1].startswith(f"Error: {file}: ")
        assert not path.exists()
        return
    root = ET.parse(path).getroot()
    assert not re.search(r"\bnan\b|\binf\b", " ".join(e.get("d", "") + e.get("y", "") for e in root.iter()).lower())


def test_a_gap_of_a_year_is_no_line(tmp_path: Path) -> None:
    values, times = ODD["a gap of a year"]
    root = picture(DETECT, file_of(tmp_path / "f.csv", {"web": values}, times), tmp_path)
    clipped = next(g for g in root.iter(f"{SVG}g") if g.get("clip-path"))
    line = list(clipped.iter(f"{SVG}path"))[1].get("d") or ""
    assert line.count("M") == 2


@pytest.mark.parametrize("command", [DETECT, FORECAST], ids=lambda c: c[0])
def test_where_no_picture_can_be_written_is_said_before_the_work(command: tuple[str, ...], tmp_path: Path) -> None:
    file = file_of(tmp_path / "f.csv", {"web": wave()})
    for path, said in (("p.png", "ends in none of .svg"), ("no/p.svg", "there is no folder")):
        result = run(command[0], file, *command[1:], "--plot", str(tmp_path / path))
        assert (result.exit_code, result.stdout) == (2, "")
        assert said in result.stderr
