"""Charts as SVG text, from arrays alone: for reports, model cards and ``--plot`` files.

The same text looks right in light and dark, inline in a page or as a file, printed or on a phone; it needs no script.
See ``chart``, ``panels`` and ``bars``.
"""

from analytics.plots.axes import Axis
from analytics.plots.bars import Row, bars
from analytics.plots.chart import chart
from analytics.plots.marks import LARGEST, Band, Columns, Diagonal, Line, Mark, Points, Rule
from analytics.plots.numbers import compact, labels
from analytics.plots.panels import Panel, panels
from analytics.plots.style import STYLE

__all__ = [
    "LARGEST",
    "STYLE",
    "Axis",
    "Band",
    "Columns",
    "Diagonal",
    "Line",
    "Mark",
    "Panel",
    "Points",
    "Row",
    "Rule",
    "bars",
    "chart",
    "compact",
    "labels",
    "panels",
]
