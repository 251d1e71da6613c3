"""``panels``: several charts above one another, with one legend: the series of a file, each on axes of its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from analytics.plots.axes import EDGE, LINE, TOP, Axis
from analytics.plots.chart import named, plot, svg
from analytics.plots.draw import words
from analytics.plots.legend import legend
from analytics.plots.marks import Mark


@dataclass(frozen=True, slots=True)
class Panel:
    """A chart below a heading of its own; ``remark`` stands beside the heading, quieter."""

    heading: str
    marks: Sequence[Mark]
    remark: str = ""
    x: Axis | None = None
    y: Axis | None = None


def panels(
    shown: Sequence[Panel], *, title: str, description: str, width: int = 720, each: int = 190, note: str = ""
) -> str:
    """An ``<svg>`` element that stands alone, ``each`` pixels a panel. ``note`` says below the title what is left out."""
    top = TOP + LINE + 4
    head = f'<text class="h" x="{EDGE}" y="{TOP + 11}">{words(title)}</text>'
    if note:
        head += f'<text class="q" x="{EDGE}" y="{top + 9}">{words(note)}</text>'
        top += LINE
    entries = list(dict.fromkeys(entry for panel in shown for entry in named(panel.marks)))
    above, rows = legend(entries, width, top - 4)
    top += rows * LINE + 4
    parts = [head, above]
    for place, panel in enumerate(shown):
        remark = f'<tspan class="q" dx="8" font-weight="400">{words(panel.remark)}</tspan>' if panel.remark else ""
        name = f'<text class="t" x="{EDGE}" y="22" font-weight="600">{words(panel.heading)}{remark}</text>'
        body = plot(panel.marks, panel.x or Axis(), panel.y or Axis(), width=width, height=each, top=TOP + LINE + 4)
        parts.append(f'<g transform="translate(0 {top + place * each})">{name}{body}</g>')
    height = top + len(shown) * each + 4
    return svg("".join(parts), title=title, description=description, width=width, height=height, file=True)
