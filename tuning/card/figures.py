"""The charts of a card, each with the table that says the same."""

from __future__ import annotations

from analytics.plots import Axis, Band, Diagonal, Line, Mark, Points, Row, Rule, bars, chart
from analytics.plots.style import Tone
from tuning.card.blocks import Figure, Table
from tuning.card.words import alike, count, figure, number, percent, seconds, span
from tuning.report import Curve, Report

WIDTH, HEIGHT = 460, 330
SHOWN = 15
_TONES: tuple[Tone, ...] = ("c1", "c2", "c3", "c4", "c5", "c6")


def _figure(title: str, svg: str, caption: str, head: list[str], rows: list[list[str]], right: list[str]) -> Figure:
    table = Table(f"{title}, as a table", head, rows, frozenset(right), collapsed=True)
    return Figure(title, svg, caption, table)


def leaderboard(report: Report) -> Figure:
    """The baseline is in the table alone: beside it all others would look the same."""
    metric = report.definition(report.metric)
    baselines = {one.model for one in report.history if one.origin == "baseline"}
    rows = [
        Row(
            one.model.replace("_", " "),
            one.score,
            low=None if one.score is None or one.sd is None else one.score - one.sd,
            high=None if one.score is None or one.sd is None else one.score + one.sd,
            text=figure(one.score, metric),
            tone="c1" if one.weight > 0 else "muted",
        )
        for one in report.leaderboard
        if one.model not in baselines
    ]
    title = "Candidates"
    svg = bars(
        rows,
        title=title,
        description=f"Cross-validated {metric.title} of each kind of model, best first.",
        label="mean of the splits ± their standard deviation",
        from_zero=False,
        width=WIDTH,
        file=False,
    )
    cells = [
        [
            str(one.rank),
            one.model.replace("_", " "),
            figure(one.score, metric),
            number(one.sd, 2),
            percent(one.weight, 0) if one.weight else "",
            str(one.trials),
            seconds(one.fit_s),
        ]
        for one in report.leaderboard
    ]
    head = ["rank", "model", metric.title, "sd", "weight", "tried", "fit"]
    caption = (
        "The best setting of each kind, cross-validated on the training rows. Blue ones are part of the final model."
    )
    return _figure(title, svg, caption, head, cells, [h for h in head if h != "model"])


def importance(report: Report) -> Figure:
    shown = report.importance[:SHOWN]
    rows = [
        Row(one.feature, one.mean, one.mean - one.sd, one.mean + one.sd, text, "c1" if one.mean > 0 else "muted")
        for one, text in zip(shown, alike([one.mean for one in shown]), strict=True)
    ]
    title = "Importance of columns"
    top = ", ".join(one.feature for one in shown[:3])
    svg = bars(
        rows,
        title=title,
        description=f"What the score loses when a column is shuffled. Most: {top}.",
        label="loss of score ± standard deviation over shuffles",
        width=WIDTH,
        file=False,
    )
    cells = [[one.feature, number(one.mean, 3), number(one.sd, 2), str(one.repeats)] for one in report.importance]
    rest = len(report.importance) - len(shown)
    caption = report.importance_note + (f" {count(rest, 'more column')} in the table." if rest else "")
    return _figure(title, svg, caption.strip(), ["column", "loss", "sd", "shuffles"], cells, ["loss", "sd", "shuffles"])


def slices(report: Report) -> Figure:
    metric = report.definition(report.metric)
    main = report.main()
    rows = [
        Row(
            f"{one.column}: {one.group}",
            one.score,
            one.low,
            one.high,
            figure(one.score, metric),
            "bad" if one.flagged else "muted",
        )
        for one in report.slices[:SHOWN]
    ]
    title = "Groups of rows"
    flagged = [one for one in report.slices if one.flagged]
    says = (
        f"{count(len(flagged), 'group is', 'groups are')} worse than the rest beyond chance."
        if flagged
        else ("No group is worse than the rest beyond chance.")
    )
    svg = bars(
        rows,
        title=title,
        description=f"{metric.title} of groups of holdout rows, most suspicious first. {says}",
        label=f"score with {percent(main.level, 0)} interval; dashed: all rows",
        from_zero=False,
        rule=main.value,
        width=WIDTH,
        file=False,
    )
    cells = [
        [
            one.column,
            one.group,
            f"{one.rows:,}",
            figure(one.score, metric),
            span(one.low, one.high, metric),
            figure(one.rest, metric),
            "" if one.p is None else number(one.p, 2),
            "worse" if one.flagged else "",
        ]
        for one in report.slices
    ]
    head = ["column", "group", "rows", metric.title, "interval", "all others", "p, adjusted", "verdict"]
    return _figure(title, svg, says, head, cells, ["rows", metric.title, "all others", "p, adjusted"])


def calibration(report: Report) -> Figure | None:
    found = report.calibration
    if found is None:
        return None
    x = [one.predicted for one in found.bins]
    marks: list[Mark] = [
        Diagonal(label="as stated"),
        Line(x, [one.observed for one in found.bins]),
        Points(
            x,
            [one.observed for one in found.bins],
            low=[one.low for one in found.bins],
            high=[one.high for one in found.bins],
            titles=[
                f"{percent(one.predicted)} stated, {percent(one.observed)} seen, {one.rows:,} rows"
                for one in found.bins
            ],
        ),
    ]
    title = "Calibration"
    svg = chart(
        marks,
        title=title,
        description=f"Stated probability against observed share; expected calibration error {percent(found.ece)}.",
        x=Axis(low=0, high=1, unit="%", label="stated probability"),
        y=Axis(low=0, high=1, unit="%", label="observed share"),
        width=WIDTH,
        height=HEIGHT,
        file=False,
    )
    ideal = (
        ""
        if found.ece_ideal is None
        else f" A perfectly calibrated model would show {percent(found.ece_ideal)} on so many rows"
        + (
            f", at most {percent(found.ece_ideal_high)} in {percent(found.level, 0)} of samples"
            if found.ece_ideal_high
            else ""
        )
        + "."
    )
    caption = f"Expected calibration error {percent(found.ece)}.{ideal}"
    cells = [
        [percent(one.predicted), percent(one.observed), f"{percent(one.low)} to {percent(one.high)}", f"{one.rows:,}"]
        for one in found.bins
    ]
    return _figure(
        title, svg, caption, ["stated", "observed", "interval", "rows"], cells, ["stated", "observed", "rows"]
    )


def curve(title: str, curves: tuple[Curve, ...], x: str, y: str, diagonal: bool, base: float | None = None) -> Figure:
    """ROC or precision against recall. Six classes at most have a line; all are in the table."""
    shown = curves[: len(_TONES)]
    marks: list[Mark] = [Diagonal(label="chance")] if diagonal else []
    if base is not None:
        marks.append(Rule(base, label=f"share of the class, {percent(base)}"))
    for one, tone in zip(shown, _TONES, strict=False):
        marks.append(Line(one.x, one.y, label=one.label if len(shown) > 1 else "", tone=tone))
    areas = ", ".join(f"{one.label} {number(one.area)}" for one in curves if one.area is not None)
    svg = chart(
        marks,
        title=title,
        description=f"{y} against {x}. Area: {areas}.",
        x=Axis(low=0, high=1, unit="%", label=x),
        y=Axis(low=0, high=1, unit="%", label=y),
        width=WIDTH,
        height=HEIGHT,
        file=False,
    )
    more = f" The first {len(shown)} of {len(curves)} classes are drawn." if len(curves) > len(shown) else ""
    rows = [[one.label, number(one.area)] for one in curves]
    return _figure(title, svg, f"Area: {areas}.{more}", ["class", "area"], rows, ["area"])


def residuals(report: Report) -> Figure | None:
    found = report.residuals
    if found is None:
        return None
    title = "Observed against predicted"
    svg = chart(
        [Diagonal(label="exact"), Points(found.predicted, found.observed, size=2.4, opacity=0.45)],
        title=title,
        description=f"{count(len(found.observed), 'holdout row')}: the observed value against the predicted one.",
        x=Axis(label="predicted"),
        y=Axis(label="observed"),
        width=WIDTH,
        height=HEIGHT,
        file=False,
    )
    cells = [[percent(float(q), 0), number(value)] for q, value in found.quantiles.items()]
    caption = "Half of all errors (observed − predicted) lie between {} and {}.".format(
        number(found.quantiles.get("0.25")), number(found.quantiles.get("0.75"))
    )
    return _figure(title, svg, caption, ["share of rows below", "error"], cells, ["share of rows below", "error"])


def learning(report: Report) -> Figure:
    metric = report.definition(report.metric)
    x = [float(one.rows) for one in report.learning]
    y = [one.score for one in report.learning]
    low, high = ([one.score + s * one.sd for one in report.learning] for s in (-1, 1))
    title = "Would more rows help?"
    svg = chart(
        [Band(x, low, high, tone="c1", opacity=0.15), Line(x, y), Points(x, y)],
        title=title,
        description=f"{metric.title} by number of training rows.",
        x=Axis(kind="log", label="training rows"),
        y=Axis(label=metric.title),
        width=WIDTH,
        height=HEIGHT,
        file=False,
    )
    rows = [[f"{one.rows:,}", figure(one.score, metric), number(one.sd, 2)] for one in report.learning]
    caption = "A line that is not yet level at its right end says that more rows of the same kind would help."
    return _figure(title, svg, caption, ["rows", metric.title, "sd"], rows, ["rows", metric.title, "sd"])


def history(report: Report) -> Figure:
    metric = report.definition(report.metric)
    scored = [(one, one.score) for one in report.history if one.score is not None and one.origin != "baseline"]
    best = [(one.at_s, one.best) for one, _ in scored if one.best is not None]
    title = "The search"
    svg = chart(
        [
            Line([at for at, _ in best], [value for _, value in best], label="best so far", step=True),
            Points(
                [one.at_s for one, _ in scored],
                [value for _, value in scored],
                label="a candidate",
                tone="muted",
                size=2.6,
                titles=[f"{one.number}: {one.model}, {figure(value, metric)}" for one, value in scored],
            ),
        ],
        title=title,
        description=f"{metric.title} of {count(len(scored), 'candidate')} in the order they ended.",
        x=Axis(low=0, label="seconds since the start"),
        y=Axis(label=metric.title),
        width=WIDTH,
        height=HEIGHT,
        file=False,
    )
    rows = [
        [
            str(one.number),
            one.model.replace("_", " "),
            one.origin,
            one.state,
            figure(one.score, metric),
            seconds(one.at_s),
            seconds(one.took_s),
            one.reason,
        ]
        for one in report.history
    ]
    ended = sum(one.score is None for one in report.history)
    caption = f"{count(len(report.history), 'candidate')} tried" + (
        f", {ended} of them stopped or failed." if ended else "."
    )
    head = ["number", "model", "origin", "state", metric.title, "at", "took", "reason"]
    return _figure(title, svg, caption, head, rows, ["number", metric.title, "at", "took"])
