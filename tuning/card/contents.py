"""From a report to the sections of its card, most important first."""

from __future__ import annotations

from tuning.card import figures
from tuning.card.blocks import Block, Card, Fact, Facts, Items, Section, Table, Text
from tuning.card.provenance import columns_table, provenance
from tuning.card.words import beaten, count, figure, how_good, number, percent, size, span, what_it_predicts
from tuning.report import Note, Report


def contents(report: Report) -> Card:
    sections = [
        Section("glance", "At a glance", [_facts(report), *_warnings(report)]),
        Section("score", "How good it is", _scores(report)),
        Section("errors", "Where it errs", _errors(report)),
        Section("columns", "What it looks at", _columns(report)),
        Section("use", "Intended use and limits", _use(report)),
        Section("search", "How it was found", _search(report)),
        Section("provenance", "Provenance", provenance(report)),
    ]
    return Card(report.title, what_it_predicts(report), [section for section in sections if section.blocks])


def _facts(report: Report) -> Facts:
    main = report.main()
    metric = report.definition(main.metric)
    facts = [
        Fact(metric.title, figure(main.value, metric), f"{percent(main.level, 0)}: {span(main.low, main.high, metric)}")
    ]
    if report.baseline.skill is not None:
        facts.append(Fact("Skill over baseline", percent(report.baseline.skill), _beats(report)))
    if report.calibration is not None:
        ideal = report.calibration.ece_ideal
        beside = "" if ideal is None else f"perfect: {percent(ideal)}"
        facts.append(Fact("Calibration error", percent(report.calibration.ece), beside))
    elif report.conformal is not None and report.conformal.coverage is not None:
        promised = f"promised {percent(report.conformal.level, 0)}"
        facts.append(Fact("Intervals hold", percent(report.conformal.coverage), promised))
    if report.artifact is not None:
        facts.append(Fact("One row", number(report.artifact.row_ms, 2, "ms"), size(report.artifact.bytes)))
    return Facts(facts)


def _beats(report: Report) -> str:
    return {True: "beyond chance", False: "not beyond chance", None: ""}[beaten(report)]


def _warnings(report: Report) -> list[Block]:
    """Each one of them, the serious first."""
    serious = [_said(note) for note in report.warnings if note.severity == "serious"]
    others = [_said(note) for note in report.warnings if note.severity != "serious"]
    if beaten(report) is False:
        serious.insert(0, "The model is not better than its baseline beyond chance: do not rely on it.")
    blocks: list[Block] = []
    if serious:
        blocks.append(Items(serious, "serious"))
    if others:
        blocks.append(Items(others, "warning"))
    return blocks


def _said(note: Note) -> str:
    return note.text if note.column is None or note.column in note.text else f"{note.column}: {note.text}"


def _scores(report: Report) -> list[Block]:
    base = {score.metric: score.value for score in report.baseline.scores}
    rows: list[list[str]] = []
    for score in report.holdout:
        metric = report.definition(score.metric)
        rows.append(
            [
                metric.title + (" ↑" if metric.greater_is_better else " ↓"),
                figure(score.value, metric),
                span(score.low, score.high, metric),
                span(score.next_low, score.next_high, metric),
                figure(base.get(score.metric), metric),
            ]
        )
    level = percent(report.main().level, 0)
    head = ["score", "value", f"interval, {level}", "next test", "baseline"]
    caption = f"Scores on {count(report.split.holdout_rows, 'holdout row')} (↑ more is better, ↓ less is better)"
    meaning = [[report.definition(s.metric).title, report.definition(s.metric).definition] for s in report.holdout]
    blocks: list[Block] = [
        Text(how_good(report)),
        Table(caption, head, rows, frozenset(head[1:])),
        Table("What the scores mean", ["score", "definition"], meaning, collapsed=True),
    ]
    blocks += [Text(f"{report.definition(s.metric).title}: {s.note}.") for s in report.holdout if s.note]
    if report.registration is not None:
        name = f" Model {report.registration.model_id}." if report.registration.model_id else ""
        reason = report.registration.reason
        blocks.append(Text(f"{reason[:1].upper()}{reason[1:].rstrip('.')}.{name}"))
    if report.conformal is not None:
        blocks.append(Text(_conformal(report)))
    if report.learning:
        blocks.append(figures.learning(report))
    if report.learning_note:
        blocks.append(Text(report.learning_note))
    return blocks


def _conformal(report: Report) -> str:
    found = report.conformal
    if found is None or found.coverage is None:
        return f"No prediction {_ranges(report)}: {found.note if found else ''}."
    size_ = (
        f"their mean width is {number(found.size)}"
        if report.problem == "regression"
        else f"they name {number(found.size)} classes"
    )
    return (
        f"Prediction {_ranges(report)} that promise {percent(found.level, 0)} held {percent(found.coverage)} of the "
        f"holdout rows ({percent(found.coverage_low)} to {percent(found.coverage_high)}); {size_} on the average. "
        f"Method: {found.method}, {found.calibration_rows:,} calibration rows."
    )


def _ranges(report: Report) -> str:
    return "intervals" if report.problem == "regression" else "sets"


def _errors(report: Report) -> list[Block]:
    blocks: list[Block] = []
    found = figures.calibration(report) or figures.residuals(report)
    if found is not None:
        blocks.append(found)
    if report.roc:
        blocks.append(figures.curve("ROC curve", report.roc, "false positive rate", "recall", True))
    if report.precision_recall:
        held = {one.label: one.holdout_rows for one in report.data.classes}
        share = held.get(report.data.positive or "", 0) / max(sum(held.values()), 1)
        blocks.append(
            figures.curve("Precision and recall", report.precision_recall, "recall", "precision", False, share or None)
        )
    if report.slices:
        blocks.append(figures.slices(report))
        if report.slices_note:
            blocks.append(Text(report.slices_note))
    if report.confusion:
        names = [one.label for one in report.data.classes]
        rows = [[name, *(f"{n:,}" for n in line)] for name, line in zip(names, report.confusion, strict=False)]
        head = ["true class", *(f"→ {name}" for name in names)]
        blocks.append(Table("Holdout rows by true class and most probable class", head, rows, frozenset(head[1:])))
    return blocks


def _columns(report: Report) -> list[Block]:
    blocks: list[Block] = []
    if report.importance:
        blocks.append(figures.importance(report))
        blocks.append(Text("Columns that say the same share their importance; it is no statement about causes."))
    blocks.append(columns_table(report))
    return blocks


def _use(report: Report) -> list[Block]:
    use = list(report.intended_use) or [
        f"To predict “{report.data.target}” for rows of the same origin and meaning as “{report.data.name}”.",
    ]
    limits = list(report.limits)
    limits.append(
        "Scores hold for rows like those of the holdout ("
        + (report.split.description or report.split.kind)
        + "). Where the world has changed since, they do not: watch drift and outcomes."
    )
    if report.problem != "regression":
        limits.append("Probabilities, not decisions: choose the threshold by what each kind of error costs.")
    limits.append("The model repeats what its data did. Look at the groups above before it decides about people.")
    if not report.slices:
        limits.append("No groups of rows were compared: whether it serves all of them equally is not known.")
    return [Text("Made for:"), Items(use), Text("Mind:"), Items(limits)]


def _search(report: Report) -> list[Block]:
    blocks: list[Block] = []
    if report.leaderboard:
        blocks.append(figures.leaderboard(report))
    if any(one.score is not None for one in report.history):
        blocks.append(figures.history(report))
    if report.decisions:
        blocks += [Text("Decisions on the way:"), Items([_said(note) for note in report.decisions])]
    return blocks
