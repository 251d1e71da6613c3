"""Numbers and sentences as a card says them."""

from __future__ import annotations

import math
from collections.abc import Sequence

from analytics.plots import compact
from analytics.plots.numbers import MINUS, NARROW
from tuning.report import Metric, Problem, Report, Score

KINDS: dict[Problem, str] = {
    "binary": "one of two classes",
    "multiclass": "one of several classes",
    "regression": "a number",
}
NONE = "—"


def figure(value: float | None, metric: Metric) -> str:
    """A score: three decimals where it is a share, else four digits."""
    if value is None:
        return NONE
    if metric.high == 1:
        return f"{round(value, 3) + 0.0:.3f}".replace("-", MINUS)
    return compact(value, 4)


def span(low: float | None, high: float | None, metric: Metric) -> str:
    return NONE if low is None or high is None else f"{figure(low, metric)} to {figure(high, metric)}"


def percent(share: float | None, digits: int = 1) -> str:
    return NONE if share is None else f"{share * 100:.{digits}f}{NARROW}%"


def number(value: float | None, digits: int = 3, unit: str = "") -> str:
    return NONE if value is None else compact(value, digits, unit)


def alike(values: Sequence[float]) -> list[str]:
    """A column of numbers with as many decimals each: three digits of the greatest."""
    most = max((abs(value) for value in values), default=0.0)
    decimals = max(0, 2 - math.floor(math.log10(most))) if most > 0 else 0
    return [f"{value:.{decimals}f}".replace("-", MINUS) for value in values]


def count(n: int, one: str, many: str = "") -> str:
    return f"{n:,} {one if n == 1 else many or one + 's'}"


def seconds(value: float | None) -> str:
    if value is None:
        return NONE
    if value < 120:
        return compact(value, 2 if value < 10 else 3, "s")
    return f"{value / 60:.1f}{NARROW}min" if value < 7200 else f"{value / 3600:.1f}{NARROW}h"


def size(octets: int | None) -> str:
    if octets is None:
        return NONE
    return f"{octets / 1e6:.1f}{NARROW}MB" if octets >= 1e5 else f"{octets / 1e3:.1f}{NARROW}kB"


def what_it_predicts(report: Report) -> str:
    data, used = report.data, sum(column.used for column in report.columns)
    if report.problem == "regression":
        q = data.target_quantiles
        of = f"a number between {number(q[0])} and {number(q[-1])} in this data" if q else "a number"
    else:
        of = KINDS[report.problem] + ": " + ", ".join(c.label for c in data.classes)
    return (
        f"Predicts “{data.target}”, {of}, from {count(used, 'column')}. "
        f"Learned from {count(report.split.train_rows, 'row')} and judged on {report.split.holdout_rows:,} others that "
        "nothing was chosen by."
    )


def how_good(report: Report) -> str:
    """The main score, what it means, what it beats and what to expect of the next one."""
    main = report.main()
    metric = report.definition(main.metric)
    if main.value is None:
        return f"{metric.title} could not be computed: {main.note}."
    base = next((score for score in report.baseline.scores if score.metric == main.metric), None)
    better = "more" if metric.greater_is_better else "less"
    text = f"{metric.title} is {figure(main.value, metric)} ({better} is better)"
    if base is not None and base.value is not None:
        text += (
            f"; a prediction that looks at no column ({report.baseline.description}) gets {figure(base.value, metric)}"
        )
    text += ". "
    if main.low is not None:
        text += f"The {percent(main.level, 0)} confidence interval is {span(main.low, main.high, metric)}. "
    if main.next_low is not None and main.next_rows is not None:
        text += (
            f"On {main.next_rows:,} other rows of the same kind expect {span(main.next_low, main.next_high, metric)}: "
            "wider, for those rows are a sample too."
        )
    return text.strip()


def beaten(report: Report) -> bool | None:
    """Whether the whole interval of the skill over the baseline lies above none; None where that is not known."""
    found: Score | None = next((score for score in report.holdout if score.metric == "skill"), None)
    return None if found is None or found.low is None else found.low > 0
