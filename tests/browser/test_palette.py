"""The chart colours can be told apart, also by those who see fewer colours, and text can be read."""

from __future__ import annotations

import itertools
import re
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

TOKENS = Path(__file__).resolve().parents[2] / "ui" / "src" / "style" / "tokens.css"

THEMES = ("light", "dark")
CATEGORICAL = ("--c1", "--c2", "--c3", "--c4", "--c5", "--c6")
INKS = ("--ink", "--ink-2", "--ink-3", "--good", "--warn", "--crit", "--high", "--low")

#: Least distance of two categorical colours, OKLab × 100. About 2 is just noticeable side by side.
APART = 9.65
#: WCAG 2.2: graphics (1.4.11) and text (1.4.3).
GRAPHICS, TEXT = 3.0, 4.5

#: Simulation of full dichromacy in linear RGB: Machado, Oliveira, Fernandes 2009, severity 1.0.
VISION = {
    "normal": np.eye(3),
    "protanopia": np.array(
        [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]
    ),
    "deuteranopia": np.array(
        [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]]
    ),
    "tritanopia": np.array(
        [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]]
    ),
}

#: Linear RGB to cone response, and its cube root to OKLab: Ottosson 2020.
TO_LMS = np.array(
    [
        [0.4122214708, 0.5363325363, 0.0514459929],
        [0.2119034982, 0.6806995451, 0.1073969566],
        [0.0883024619, 0.2817188376, 0.6299787005],
    ]
)
TO_OKLAB = np.array(
    [
        [0.2104542553, 0.7936177850, -0.0040720468],
        [1.9779984951, -2.4285922050, 0.4505937099],
        [0.0259040371, 0.7827717662, -0.8086757660],
    ]
)

Colour = NDArray[np.float64]


def tokens(theme: str) -> dict[str, Colour]:
    """The opaque colours of a theme in linear RGB, by token."""
    found = re.search(rf'\[data-theme="{theme}"\] \{{(.*?)^\}}', TOKENS.read_text(), re.S | re.M)
    assert found, f"no block for the {theme} theme in {TOKENS.name}"
    return {name: linear(code) for name, code in re.findall(r"(--[\w-]+): (#[0-9a-f]{6});", found[1])}


def linear(code: str) -> Colour:
    srgb = np.array([int(code[i : i + 2], 16) for i in (1, 3, 5)]) / 255
    return np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4)


def oklab(colour: Colour, vision: str) -> Colour:
    return TO_OKLAB @ np.cbrt(TO_LMS @ np.clip(VISION[vision] @ colour, 0, 1))


def contrast(one: Colour, other: Colour) -> float:
    low, high = sorted(float(colour @ [0.2126, 0.7152, 0.0722]) for colour in (one, other))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("vision", VISION)
@pytest.mark.parametrize("theme", THEMES)
def test_every_two_categorical_colours_are_apart(theme: str, vision: str) -> None:
    seen = {name: oklab(tokens(theme)[name], vision) for name in CATEGORICAL}
    for a, b in itertools.combinations(CATEGORICAL, 2):
        distance = float(np.linalg.norm(seen[a] - seen[b])) * 100
        assert distance >= APART, f"{theme}, {vision}: {a} and {b} are {distance:.1f} apart"


@pytest.mark.parametrize("theme", THEMES)
def test_categorical_colours_stand_out_from_the_panel(theme: str) -> None:
    colours = tokens(theme)
    for name in CATEGORICAL:
        assert contrast(colours[name], colours["--panel"]) >= GRAPHICS, f"{theme}: {name}"


@pytest.mark.parametrize("theme", THEMES)
def test_ink_is_readable_on_every_surface(theme: str) -> None:
    colours = tokens(theme)
    for ink, surface in itertools.product(INKS, ("--bg", "--panel", "--raise")):
        assert contrast(colours[ink], colours[surface]) >= TEXT, f"{theme}: {ink} on {surface}"


@pytest.mark.parametrize("theme", THEMES)
def test_the_sequential_ramp_only_ever_moves_away_from_nothing(theme: str) -> None:
    colours = tokens(theme)
    lightness = [float(oklab(colours[f"--h{step}"], "normal")[0]) for step in range(1, 8)]
    steps = np.diff(lightness) * (1 if theme == "dark" else -1)
    assert (steps > 0.03).all(), f"{theme}: {np.round(lightness, 3)}"
