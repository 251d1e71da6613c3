"""Charts as SVG text, from arrays alone: for reports, model cards and ``--plot`` files.

The same text looks right in light and dark, inline in a page or as a file, printed or on a phone; it needs no script.
See ``chart`` and ``bars``.
"""

from analytics.plots.axes import Axis
from analytics.plots.bars import Row, bars
from analytics.plots.chart import chart
from analytics.plots.marks import Band, Columns, Diagonal, Line, Mark, Points, Rule
from analytics.plots.numbers import compact, labels
from analytics.plots.style import STYLE

__all__ = [
    "STYLE",
    "Axis",
    "Band",
    "Columns",
    "Diagonal",
    "Line",
    "Mark",
    "Points",
    "Row",
    "Rule",
    "bars",
    "chart",
    "compact",
    "labels",
]
