"""``chart``: marks on two axes."""

from __future__ import annotations

from collections.abc import Sequence
from zlib import crc32

import numpy as np

from analytics.plots import draw
from analytics.plots.axes import BOTTOM, DIGIT, EDGE, LINE, TOP, Axis, Frame, spans, ticks, x_axis
from analytics.plots.draw import number, words
from analytics.plots.legend import kind, legend
from analytics.plots.marks import Band, Columns, Diagonal, Line, Mark, Points, Rule, tone_of
from analytics.plots.style import STYLE, Tone, paint


def chart(
    marks: Sequence[Mark],
    *,
    title: str,
    description: str,
    x: Axis | None = None,
    y: Axis | None = None,
    width: int = 720,
    height: int = 300,
    file: bool = True,
) -> str:
    """An ``<svg>`` element. Later marks lie above earlier ones; each with a ``label`` is in the legend.

    ``title`` and ``description`` are what a screen reader says: name what is shown and what it says. With ``file`` it
    stands alone, with a heading, a background and its style; without, the page has ``STYLE`` and headings.
    """
    top = TOP + (LINE + 4 if file else 0)
    above, rows = legend(named(marks), width, top - (4 if file else 0))
    head = f'<text class="h" x="{EDGE}" y="{TOP + 11}">{words(title)}</text>' if file else ""
    body = plot(marks, x or Axis(), y or Axis(), width=width, height=height, top=top + rows * LINE + (4 if rows else 0))
    return svg(head + above + body, title=title, description=description, width=width, height=height, file=file)


def named(marks: Sequence[Mark]) -> list[tuple[str, Tone, str]]:
    """What the legend names, each once."""
    return list(dict.fromkeys((*tone_of(m), kind(m)) for m in marks if m.label and not isinstance(m, (Rule, Diagonal))))


def plot(marks: Sequence[Mark], x: Axis, y: Axis, *, width: int, height: int, top: float) -> str:
    """Axes and marks as elements; ``top`` pixels are left free above."""
    top += LINE + 4 if y.label else 0
    found = spans(marks, x, y)
    if found is None:
        return f'<text class="q" x="{width / 2:g}" y="{height / 2:g}" text-anchor="middle">no values to draw</text>'
    return _body(marks, x, y, found, width, height, top)


def svg(body: str, *, title: str, description: str, width: int, height: int, file: bool) -> str:
    """The element around ``body``, with what assistive technology reads; ids differ as their contents do."""
    key = f"hc{crc32((title + description + body).encode()):08x}"
    back = f'<style>{STYLE}</style><rect class="b" width="{width}" height="{height}"/>' if file else ""
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="hc" viewBox="0 0 {width} {height}" width="{width}" '
        f'height="{height}" role="img" aria-labelledby="{key}t {key}d"><title id="{key}t">{words(title)}</title>'
        f'<desc id="{key}d">{words(description)}</desc>{back}{body}</svg>'
    )


def _body(
    marks: Sequence[Mark],
    x: Axis,
    y: Axis,
    sides: tuple[tuple[float, float], tuple[float, float]],
    width: int,
    height: int,
    top: float,
) -> str:
    y_ticks = ticks(sides[1], y, max(int((height - top - BOTTOM) / 36), 4))
    left = EDGE + max((len(text) for _, text in y_ticks), default=1) * DIGIT + 8
    second = x.kind == "time"
    bottom = height - BOTTOM - (14 if second else 0) - (LINE if x.label else 0)
    frame = Frame(left, width - EDGE - 4, top, bottom, x, y, *sides)
    back: list[str] = []
    for at, text in y_ticks:
        py = float(frame.to_y(np.array([at]))[0])
        back.append(f'<path class="g" d="M{number(left)} {number(py)}H{number(frame.right)}"/>')
        back.append(f'<text x="{number(left - 8)}" y="{number(py + 4)}" text-anchor="end">{words(text)}</text>')
    back.append(x_axis(frame, x, sides[0]))
    if y.label:
        back.append(f'<text class="q" x="{EDGE}" y="{number(top - 10)}">{words(y.label)}</text>')
    if x.label:
        middle = number((left + frame.right) / 2)
        back.append(f'<text class="q" x="{middle}" y="{height - 6}" text-anchor="middle">{words(x.label)}</text>')
    room = f"{number(left - 5)} {number(top - 6)} {number(frame.right - left + 10)} {number(bottom - top + 7)}".split()
    rect = '<rect x="{}" y="{}" width="{}" height="{}"/>'.format(*room)
    drawn = "".join(_mark(mark, frame) for mark in marks)
    clip = f"hc{crc32((''.join(back) + drawn).encode()):08x}c"
    notes = "".join(_note(mark, frame) for mark in marks if isinstance(mark, (Rule, Diagonal)) and mark.label)
    return f'{"".join(back)}<clipPath id="{clip}">{rect}</clipPath><g clip-path="url(#{clip})">{drawn}</g>{notes}'


def _mark(mark: Mark, frame: Frame) -> str:
    match mark:
        case Line():
            return draw.line(mark, frame.to_x, frame.to_y)
        case Band():
            return draw.band(mark, frame.to_x, frame.to_y)
        case Points():
            return draw.points(mark, frame.to_x, frame.to_y)
        case Columns():
            return draw.columns(mark, frame.to_x, frame.to_y)
        case Rule():
            at = np.array([mark.at], np.float64)
            if mark.axis == "x":
                d = f"M{number(float(frame.to_x(at)[0]))} {number(frame.top)}V{number(frame.bottom)}"
            else:
                d = f"M{number(frame.left)} {number(float(frame.to_y(at)[0]))}H{number(frame.right)}"
            dash = ' stroke-dasharray="3 3"' if mark.dashed else ""
            return f'<path class="l" d="{d}" style="stroke:{paint(mark.tone)}" stroke-width="1.2"{dash}/>'
        case Diagonal():
            ends = np.array([max(frame.span_x[0], frame.span_y[0]), min(frame.span_x[1], frame.span_y[1])])
            (a, b), (c, d_) = frame.to_x(ends).tolist(), frame.to_y(ends).tolist()
            d = f"M{number(a)} {number(c)}L{number(b)} {number(d_)}"
            return (
                f'<path class="l" d="{d}" style="stroke:{paint(mark.tone)}" stroke-width="1.2" stroke-dasharray="3 3"/>'
            )


def _note(mark: Rule | Diagonal, frame: Frame) -> str:
    """The name of a rule, on the line and inside the chart."""
    if isinstance(mark, Diagonal):
        end = np.array([min(frame.span_x[1], frame.span_y[1])])
        px, py, anchor = float(frame.to_x(end)[0]) - 8, float(frame.to_y(end)[0]) + 24, "end"
    elif mark.axis == "y":
        px, py, anchor = frame.right - 2, float(frame.to_y(np.array([mark.at]))[0]) - 5, "end"
    else:
        px = float(frame.to_x(np.array([mark.at]))[0])
        late = px + len(mark.label) * DIGIT + 6 > frame.right
        px, py, anchor = (px - 5, frame.top + 9, "end") if late else (px + 5, frame.top + 9, "start")
    return f'<text class="q k" x="{number(px)}" y="{number(py)}" text-anchor="{anchor}">{words(mark.label)}</text>'
