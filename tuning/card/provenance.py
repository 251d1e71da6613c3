"""Where a model comes from: run, data, columns, hashes, versions."""

from __future__ import annotations

from tuning.card.blocks import Block, Table
from tuning.card.words import count, number, percent, seconds, size
from tuning.report import Report


def provenance(report: Report) -> list[Block]:
    run, split = report.run, report.split
    limit = f"{run.trials} candidates" if run.trials is not None else f"budget {seconds(run.budget_s)}"
    rows = [
        ["data", f"{report.data.name}: {count(report.data.rows, 'row')}, {count(report.data.columns, 'column')}"],
        ["split", split.description or f"{split.kind}, {split.folds} splits"],
        ["run", f"{run.id}, {run.started:%Y-%m-%d %H:%M} UTC, {seconds(run.elapsed_s)} ({limit}), seed {run.seed}"],
        ["machine", count(run.cores, "core") + _memory(run.peak_memory_mb)],
    ]
    if report.artifact is not None:
        rows.append(
            ["model file", f"{report.artifact.file}, {size(report.artifact.bytes)}, SHA-256 {report.artifact.sha256}"]
        )
    rows += [
        ["hash of the data", report.hashes.data],
        ["hash of the schema", report.hashes.schema_],
        ["hash of the code", report.hashes.code],
        ["libraries", ", ".join(f"{name} {version}" for name, version in report.libraries.items())],
        ["format", f"result.json, format {report.format}"],
    ]
    return [Table("What made this model", ["what", "which"], rows)]


def _memory(peak: float | None) -> str:
    return "" if peak is None else f", {number(peak, 3, 'MB')} at most"


def columns_table(report: Report) -> Table:
    used = sum(column.used for column in report.columns)
    rows = [
        [
            column.name,
            column.kind,
            "yes" if column.used else "no",
            percent(column.missing),
            "" if column.distinct is None else f"{column.distinct:,}",
            column.reason,
        ]
        for column in report.columns
    ]
    head = ["column", "kind", "used", "missing", "distinct", "why not"]
    caption = f"All {count(len(report.columns), 'column')}; {used} used"
    return Table(caption, head, rows, frozenset(["missing", "distinct"]), collapsed=True)
