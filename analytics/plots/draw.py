"""Marks as SVG elements, once data units are pixels."""

from __future__ import annotations

from collections.abc import Callable
from xml.sax.saxutils import escape

import numpy as np

from analytics.plots.marks import F64, Band, Columns, Line, Points, column_width, floats
from analytics.plots.style import paint

Scale = Callable[[F64], F64]
THIN = 4
"""A line with more points than this for each pixel is drawn by the extremes of each pixel."""


def words(text: str) -> str:
    """Escaped, without the control characters that XML forbids."""
    return escape("".join(c for c in text if c.isprintable() or c == " "), {'"': "&quot;"})


def number(value: float) -> str:
    text = f"{value:.1f}"
    return text[:-2] if text.endswith(".0") else text


def _path(x: F64, y: F64, step: bool = False) -> str:
    """Gaps where a value is not finite; a lone point is a dot (by the round line ends)."""
    parts: list[str] = []
    pen = False
    last = ""
    for px, py, ok in zip(x.tolist(), y.tolist(), (np.isfinite(x) & np.isfinite(y)).tolist(), strict=True):
        if not ok:
            pen = False
            continue
        if not pen:
            parts.append(f"M{number(px)} {number(py)}h0")
        else:
            parts.append(f"H{number(px)}V{number(py)}" if step else f"L{number(px)} {number(py)}")
        pen = True
        last = number(py)
    return "".join(parts) if last else ""


def _dense(x: F64) -> bool:
    """In order, and more points than pixels show."""
    return bool(
        len(x) > 1 and len(x) > THIN * max(x[-1] - x[0], 1) and np.isfinite(x).all() and (np.diff(x) >= 0).all()
    )


def _thinned(x: F64, y: F64) -> tuple[F64, F64]:
    """At most first, least, greatest and last of each pixel (M4; Jugel et al., VLDB 2014); gaps are kept."""
    if not _dense(x):
        return x, y
    pixel = np.floor(x).astype(np.int64)
    starts = np.flatnonzero(np.append(True, np.diff(pixel) > 0))
    kept: list[int] = []
    for a, b in zip(starts.tolist(), [*starts[1:].tolist(), len(x)], strict=True):
        part = y[a:b]
        gaps = np.flatnonzero(np.isnan(part))
        if len(gaps) < len(part):
            kept += [a, a + int(np.nanargmin(part)), a + int(np.nanargmax(part)), b - 1]
        kept += (a + gaps[:1]).tolist()
    chosen = np.unique(kept)
    return x[chosen], y[chosen]


def _enveloped(x: F64, low: F64, high: F64) -> tuple[F64, F64, F64]:
    """In pixels: one point a pixel, as wide as any of its points; a pixel that has none finite is a gap."""
    if not _dense(x):
        return x, low, high
    starts = np.flatnonzero(np.append(True, np.diff(np.floor(x)) > 0))
    whole = np.isfinite(low) & np.isfinite(high)
    empty = ~np.logical_or.reduceat(whole, starts)
    lowest = np.maximum.reduceat(np.where(whole, low, -np.inf), starts)
    highest = np.minimum.reduceat(np.where(whole, high, np.inf), starts)
    return x[starts], np.where(empty, np.nan, lowest), np.where(empty, np.nan, highest)


def line(mark: Line, to_x: Scale, to_y: Scale) -> str:
    x, y = to_x(floats(mark.x)), to_y(floats(mark.y))
    if not mark.step:
        x, y = _thinned(x, y)
    dash = ' stroke-dasharray="5 4"' if mark.dashed else ""
    return (
        f'<path class="l" d="{_path(x, y, mark.step)}" style="stroke:{paint(mark.tone)}" '
        f'stroke-width="{mark.width:g}"{dash}/>'
    )


def band(mark: Band, to_x: Scale, to_y: Scale) -> str:
    """A polygon for each stretch without a gap."""
    x, low, high = _enveloped(to_x(floats(mark.x)), to_y(floats(mark.low)), to_y(floats(mark.high)))
    whole = np.isfinite(x) & np.isfinite(low) & np.isfinite(high)
    edges = np.flatnonzero(np.diff(np.concatenate([[False], whole, [False]])))
    d: list[str] = []
    for a, b in zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True):
        there = [f"{number(px)} {number(py)}" for px, py in zip(x[a:b].tolist(), high[a:b].tolist(), strict=True)]
        back = [f"{number(px)} {number(py)}" for px, py in zip(x[a:b].tolist(), low[a:b].tolist(), strict=True)][::-1]
        d.append("M" + "L".join([*there, *back]) + "Z")
    return f'<path d="{"".join(d)}" style="fill:{paint(mark.tone)}" fill-opacity="{mark.opacity:g}"/>'


def points(mark: Points, to_x: Scale, to_y: Scale) -> str:
    x, y = to_x(floats(mark.x)), to_y(floats(mark.y))
    colour = paint(mark.tone)
    thin = f'style="stroke:{colour}" stroke-width="1.2"'
    parts: list[str] = []
    for low, high in ((mark.low, mark.high), (mark.stem, mark.y if mark.stem is not None else None)):
        if low is not None and high is not None:
            ends = zip(x.tolist(), to_y(floats(low)).tolist(), to_y(floats(high)).tolist(), strict=True)
            d = "".join(f"M{number(px)} {number(a)}V{number(b)}" for px, a, b in ends if np.isfinite([px, a, b]).all())
            parts.append(f'<path class="l" d="{d}" {thin}/>')
    for i, (px, py) in enumerate(zip(x.tolist(), y.tolist(), strict=True)):
        if np.isfinite(px) and np.isfinite(py):
            title = f"<title>{words(mark.titles[i])}</title>" if i < len(mark.titles) else ""
            parts.append(_shape(mark, number(px), number(py), title))
    opacity = f' fill-opacity="{mark.opacity:g}"' if mark.opacity < 1 else ""
    return f'<g style="fill:{colour}"{opacity}>{"".join(parts)}</g>'


def _shape(mark: Points, x: str, y: str, title: str) -> str:
    tail = f">{title}</" if title else "/>"
    if mark.shape == "dot":
        return f'<circle cx="{x}" cy="{y}" r="{mark.size:g}"' + (f"{tail}circle>" if title else tail)
    r = number(mark.size * 1.35)
    return f'<path class="k" d="M{x} {y}m0-{r}l{r} {r}-{r} {r}-{r}-{r}z"' + (f"{tail}path>" if title else tail)


def columns(mark: Columns, to_x: Scale, to_y: Scale) -> str:
    x, y, half = floats(mark.x), floats(mark.y), column_width(mark) / 2
    left, right = to_x(x - half), to_x(x + half)
    top, base = to_y(y), to_y(np.zeros(len(y)))
    d = "".join(
        f"M{number(a)} {number(z)}V{number(t)}H{number(b)}V{number(z)}Z"
        for a, b, t, z in zip(left.tolist(), right.tolist(), top.tolist(), base.tolist(), strict=True)
        if np.isfinite([a, b, t, z]).all()
    )
    return f'<path d="{d}" style="fill:{paint(mark.tone)}" fill-opacity="{mark.opacity:g}"/>'
