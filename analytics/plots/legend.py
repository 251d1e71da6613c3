"""The line above a chart that names its marks."""

from __future__ import annotations

from collections.abc import Sequence

from analytics.plots.axes import DIGIT, EDGE, LINE
from analytics.plots.draw import number, words
from analytics.plots.marks import Line, Mark, Points
from analytics.plots.style import Tone, paint


def kind(mark: Mark) -> str:
    if isinstance(mark, Line):
        return "dashed" if mark.dashed else "line"
    if isinstance(mark, Points):
        return mark.shape
    return f"area {getattr(mark, 'opacity', 1):g}"


def legend(named: Sequence[tuple[str, Tone, str]], width: int, top: float) -> tuple[str, int]:
    """One entry a labelled mark, in rows; and how many rows."""
    parts: list[str] = []
    at, row = float(EDGE), 1
    for label, tone, kind in named:
        wide = 22 + len(label) * DIGIT + 16
        if at + wide > width and at > EDGE:
            at, row = float(EDGE), row + 1
        y = top + row * LINE - 7
        parts.append(_swatch(paint(tone), kind, at, y))
        parts.append(f'<text x="{number(at + 22)}" y="{number(y + 4)}">{words(label)}</text>')
        at += wide
    return "".join(parts), row if named else 0


def _swatch(colour: str, kind: str, x: float, y: float) -> str:
    if kind in ("line", "dashed"):
        dash = ' stroke-dasharray="5 4"' if kind == "dashed" else ""
        d = f"M{number(x)} {number(y)}h16"
        return f'<path class="l" d="{d}" style="stroke:{colour}" stroke-width="2"{dash}/>'
    if kind == "dot":
        return f'<circle cx="{number(x + 8)}" cy="{number(y)}" r="4" style="fill:{colour}"/>'
    if kind == "diamond":
        return f'<path d="M{number(x + 8)} {number(y)}m0-5l5 5-5 5-5-5z" style="fill:{colour}"/>'
    opacity = kind.split()[1]
    return (
        f'<rect x="{number(x)}" y="{number(y - 5)}" width="16" height="10" rx="2" style="fill:{colour}" '
        f'fill-opacity="{opacity}"/>'
    )
