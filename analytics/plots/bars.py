"""``bars``: named rows with a bar or a dot each, and a whisker: importances, leaderboards, groups."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from analytics.plots.axes import DIGIT
from analytics.plots.chart import svg
from analytics.plots.draw import number, words
from analytics.plots.numbers import labels
from analytics.plots.style import Tone, paint
from analytics.plots.ticks import round_ticks

ROW = 24
_LONGEST = 30


@dataclass(frozen=True, slots=True)
class Row:
    """A name, a value, its interval and what is written at the end of the row. A value of None leaves the row empty."""

    name: str
    value: float | None
    low: float | None = None
    high: float | None = None
    text: str = ""
    tone: Tone = "c1"


def bars(
    rows: Sequence[Row],
    *,
    title: str,
    description: str,
    label: str = "",
    unit: str = "",
    from_zero: bool = True,
    rule: float | None = None,
    width: int = 720,
    file: bool = True,
) -> str:
    """An ``<svg>`` element, as high as it has rows. ``from_zero`` draws bars, else dots on an axis of their own.

    ``rule`` is a value to compare with, such as the score on all rows. Long names are cut; a tooltip has the whole.
    """
    shown = [v for row in rows for v in (row.value, row.low, row.high) if v is not None and np.isfinite(v)]
    shown += ([0.0] if from_zero else []) + ([rule] if rule is not None else [])
    head = 30 if file else 4
    height = head + len(rows) * ROW + 26 + (18 if label else 0)
    title_text = f'<text class="h" x="14" y="23">{words(title)}</text>' if file else ""
    if not shown or not rows:
        nothing = f'<text class="q" x="14" y="{head + 18}">no values to draw</text>'
        return svg(title_text + nothing, title=title, description=description, width=width, height=70, file=file)
    left = 14 + min(max(len(row.name) for row in rows), _LONGEST) * DIGIT + 10
    right = width - 14 - max(len(row.text) for row in rows) * DIGIT - 8
    low, high = min(shown), max(shown)
    pad = 0.04 * (high - low) or 0.5
    low, high = low - (0 if from_zero and low >= 0 else pad), high + (0 if from_zero and high <= 0 else pad)

    def at(value: float) -> float:
        return left + (value - low) / (high - low) * (right - left)

    bottom = head + len(rows) * ROW
    ticks = round_ticks(low, high, max(int((right - left) / 48), 4))
    parts = [title_text]
    for value, text in zip(ticks, labels(ticks, unit), strict=True):
        x = number(at(value))
        parts.append(f'<path class="g" d="M{x} {head}V{bottom}"/>')
        parts.append(f'<text x="{x}" y="{bottom + 16}" text-anchor="middle">{words(text)}</text>')
    if rule is not None:
        parts.append(f'<path class="a" stroke-dasharray="3 3" d="M{number(at(rule))} {head}V{bottom}"/>')
    for i, row in enumerate(rows):
        parts.append(_row(row, head + i * ROW + ROW / 2, left, at, from_zero, width))
    if label:
        parts.append(
            f'<text class="q" x="{number(width / 2)}" y="{height - 6}" text-anchor="middle">{words(label)}</text>'
        )
    return svg("".join(parts), title=title, description=description, width=width, height=height, file=file)


def _row(row: Row, y: float, left: float, place: Callable[[float], float], from_zero: bool, width: int) -> str:
    name = row.name if len(row.name) <= _LONGEST else row.name[: _LONGEST - 1] + "…"
    tip = f"<title>{words(row.name)}</title>" if name != row.name else ""
    parts = [f'<text class="t" x="{number(left - 10)}" y="{number(y + 4)}" text-anchor="end">{words(name)}{tip}</text>']
    colour = paint(row.tone)
    if row.value is not None and np.isfinite(row.value):
        x = place(row.value)
        if from_zero:
            zero = place(0.0)
            parts.append(
                f'<rect x="{number(min(x, zero))}" y="{number(y - 7)}" width="{number(abs(x - zero))}" height="14" rx="2" '
                f'style="fill:{colour}" fill-opacity="0.85"/>'
            )
        whisker = row.low is not None and row.high is not None and np.isfinite([row.low, row.high]).all()
        if whisker and row.low is not None and row.high is not None:
            a, b = place(row.low), place(row.high)
            ink = "var(--_ink)" if from_zero else colour
            parts.append(
                f'<path class="l" d="M{number(a)} {number(y)}H{number(b)}" style="stroke:{ink}" stroke-width="1.4"/>'
            )
        if not from_zero:
            parts.append(f'<circle cx="{number(x)}" cy="{number(y)}" r="4.5" style="fill:{colour}"/>')
    if row.text:
        parts.append(f'<text x="{width - 14}" y="{number(y + 4)}" text-anchor="end">{words(row.text)}</text>')
    return "".join(parts)
