"""Explain a value of a metric: its definition and version, the rows behind it, what came later.

The rows are given as a question: SQL over the stream whose rows sum up to exactly the value. It names the rows that the
analyzer had counted: up to the offsets it had read, less those that it listed as too late or set aside.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import msgspec

from actors import ledger
from actors.analyzers.metric_series import MetricSpec
from actors.explaining.asking import Asking, Object, literal, or_null
from actors.retelling import Place, is_retold
from actors.slices import journal_above
from events.catalog import CONTROL, METRICS, PAST_METRICS, STREAMS
from events.envelope import IMPORTER
from events.errors import Rejected
from events.log import JournalRow
from events.nearest import did_you_mean
from events.tables import columns_of
from query import as_of
from query.rows import plain

FIGURES = ("count", "sum", "mean", "min", "max", "p50", "p95", "p99", "distinct")
EXACT = ("count", "sum", "mean", "min", "max")
"""The figures that the rows give again; the others come from sketches that are right to about one in a hundred."""
MOST_ROWS = 1_000


class MetricExplainer(Asking):
    """Values of metrics."""

    def metric(self, metric: str, key: str | None, start_us: int | None) -> Object:
        """One window of a metric and key in its latest revision; ``start_us`` None: the newest window.

        Raises ``Rejected`` where there is no such window, with those that there are.
        """
        at = "" if start_us is None else f"AND epoch_us(start) = {start_us}"
        keyed = "" if key is None else f"AND coalesce(key, '') = {literal(key)}"
        told = self.ask(f"""
            SELECT *, row_offset, epoch_us(start) AS start_us, distinct_count AS "distinct" FROM metrics_latest
            WHERE metric = {literal(metric)} {keyed} {at} ORDER BY start DESC, key LIMIT 1""")
        if not told:
            raise self._no_window(metric, key, start_us)
        sample = told[0]
        spec, definition = self._definition(sample["cause"], sample["source"] or metric)
        again = is_retold(sample["producer"])
        about = self._about(spec, sample, again)
        counted = self._read_again(sample) if again else self._counted(spec, sample, about)
        where = f"{about} AND {_below(spec.stream, counted)}"
        value = f", {_figures(spec)}" if spec.value else ""
        stream, producer = spec.stream, _producer(spec.stream)
        figures = self.ask(f"SELECT count(*) AS count{value} FROM {stream} WHERE {where}")[0]
        names = [name for name in EXACT if name == "count" or spec.value]
        by_producer = self.ask(
            f"SELECT {producer} AS producer, count(*) AS rows, min(row_offset) AS first, max(row_offset) AS last "
            f"FROM {stream} WHERE {where} GROUP BY 1 ORDER BY 1"
        )
        return {
            "what": "metric",
            "metric": metric,
            "key": sample["key"] or "",
            "from": sample["start"],
            "to": sample["time"],
            "figures": {name: sample[name] for name in FIGURES if sample[name] is not None},
            "revision": sample["revision"],
            "definition": definition,
            "rows": {
                "stream": stream,
                "sql": f"SELECT * FROM {stream} WHERE {where} ORDER BY {producer}, row_offset",
                "count": figures["count"],
                "producers": by_producer,
            },
            "again": {
                "sql": f"SELECT count(*) AS count{value} FROM {stream} WHERE {where}",
                "figures": {name: figures[name] for name in names},
                "equal": all(_same(sample[name], figures[name]) for name in names),
            },
            "revisions": self._revisions(sample, again),
            "late": {"count": 0, "rows": []} if again else self._late(spec, sample),
            "as_of": self.moment.token,
        }

    def _no_window(self, metric: str, key: str | None, start_us: int | None) -> Rejected:
        windows = self.ask(
            f"SELECT start, key FROM metrics_latest WHERE metric = {literal(metric)} ORDER BY start DESC LIMIT 5"
        )
        if not windows:
            known = [
                row["metric"]
                for row in self.ask("SELECT DISTINCT metric FROM metrics WHERE revision IS NOT NULL ORDER BY 1")
            ]
            listed = ", ".join(known) or "none yet"
            return Rejected("metric", f"{metric!r} has no samples{did_you_mean(metric, known)}; there are {listed}")
        if key is not None and not self.ask(
            f"SELECT 1 FROM metrics_latest WHERE metric = {literal(metric)} AND coalesce(key, '') = {literal(key)} LIMIT 1"
        ):
            keys = [
                row["key"] or ""
                for row in self.ask(
                    f"SELECT DISTINCT key FROM metrics_latest WHERE metric = {literal(metric)} LIMIT 100"
                )
            ]
            return Rejected(
                "key", f"{metric!r} has no samples of {key!r}{did_you_mean(key, keys)}; keys are {sorted(keys)}"
            )
        asked = as_of.iso(start_us or 0)
        newest = ", ".join(dict.fromkeys(str(row["start"]) for row in windows))
        return Rejected("start", f"{metric!r} has no window that starts at {asked}; the newest start at {newest}")

    def _definition(self, cause: str | None, name: str) -> tuple[MetricSpec, Object]:
        """What the sample's definition says, from the event that its ``cause`` names."""
        producer, _, offset = (cause or "").rpartition(":")
        if not producer:
            raise Rejected(
                "metric", "its samples are of a release that did not say their definition; they have no explanation"
            )
        entry = self.log.read(CONTROL.name, producer, int(offset), 1)[0]
        row = entry.batch().slice(int(offset) - entry.header.first, 1).to_pylist()[0]
        data = json.loads(row["data"])
        told = ledger.entry_of(row["type"], row["subject"], data, row["time"].timestamp(), int(offset))
        spec = MetricSpec.of(data["spec"], data.get(ledger.BOUND, 5.0))
        at = plain(row["time"])
        return spec, {
            "kind": "metric",
            "name": name,
            "version": int(offset),
            "spec": told["spec"],
            "by": told["by"],
            "at": at,
        }

    def _counted(self, spec: MetricSpec, sample: Mapping[str, Any], about: str) -> dict[str, int]:
        """By producer of the stream: up to which offset the rows that ``about`` finds were counted in the sample.

        All that the cell had read before the commit of the sample; and of what it read in that commit the first rows, one
        after the other, up to the sample's count: what came after them is for the next revision.
        """
        stream, cell, producer = spec.stream, sample["producer"], _producer(spec.stream)
        commit = self.log.read(METRICS.name, cell, sample["row_offset"], 1)[0].header.commit
        ends = self.read(cell, stream, commit - 1)
        before = self.ask(f"SELECT count(*) AS n FROM {stream} WHERE {about} AND {_below(stream, ends)}")[0]["n"]
        slices: list[JournalRow] = []
        for row in journal_above(self.log, cell, commit - 1):
            if row.commit > commit:
                break
            if row.stream == stream:
                slices.append(row)
        if before >= sample["count"] or not slices:
            return ends
        taken = " ".join(
            f"WHEN {producer} = {literal(s.producer)} AND row_offset >= {s.start} AND row_offset < {s.end} THEN {place}"
            for place, s in enumerate(slices)
        )
        last = self.ask(
            f"SELECT CASE {taken} END AS place, row_offset FROM {stream} WHERE {about} AND CASE {taken} END IS NOT NULL "
            f"ORDER BY 1, 2 LIMIT 1 OFFSET {sample['count'] - before - 1}"
        )
        for place, s in enumerate(slices):
            if not last or place < last[0]["place"]:
                ends[s.producer] = s.end
            elif place == last[0]["place"]:
                ends[s.producer] = last[0]["row_offset"] + 1
        return ends

    def _read_again(self, sample: Mapping[str, Any]) -> dict[str, int]:
        """By producer: up to which offset there were rows when the window was counted anew, after an import."""
        entry = self.log.read(PAST_METRICS.name, sample["producer"], sample["row_offset"], 1)[0]
        return dict(msgspec.msgpack.decode(entry.header.position, type=Place).read)

    def _about(self, spec: MetricSpec, sample: Mapping[str, Any], again: bool) -> str:
        """The rows that are of the window and its key, and neither too late nor set aside, as a condition of SQL.

        ``again``: the window was counted anew, with rows that were late, and those that were imported.
        """
        stream, producer = spec.stream, _producer(spec.stream)
        start = sample["start_us"]
        said = [f"epoch_us(coalesce(time, received)) >= {start}"]
        said += [f"epoch_us(coalesce(time, received)) < {start + spec.width_us}"]
        if spec.types is not None:
            said.append(f"type IN ({', '.join(map(literal, spec.types))})")
        if spec.named_by is not None:
            said.append(f"coalesce({_column(stream, spec.named_by)}, '') = {literal(sample['metric'])}")
        if spec.key is not None:
            said.append(f"coalesce({_column(stream, spec.key)}, '') = {literal(sample['key'] or '')}")
        if again:
            return " AND ".join(said)
        said.append(f"{producer} NOT LIKE '%/{IMPORTER}/%'")
        place = f"concat({producer}, ':', row_offset)"
        of, metric = f"stream = {literal(stream)}", literal(sample["metric"])
        said.append(f"{place} NOT IN (SELECT cause FROM late_rows WHERE {of} AND list_contains(metrics, {metric}))")
        said.append(
            f"{place} NOT IN (SELECT concat(producer, ':', at_offset) FROM quarantine WHERE fold = 'metrics' AND {of})"
        )
        return " AND ".join(said)

    def _revisions(self, sample: Mapping[str, Any], again: bool) -> list[Object]:
        """What was said of the window over time, the first revision first; last, where it was, what was counted anew."""
        found = self.ask(f"""
            SELECT revision, producer, row_offset AS "offset", count, sum, mean, min, max FROM metrics
            WHERE metric = {literal(sample["metric"])} AND key IS NOT DISTINCT FROM {or_null(sample["key"])}
              AND epoch_us(start) = {sample["start_us"]} AND cause IS NOT DISTINCT FROM {or_null(sample["cause"])}
              AND revision IS NOT NULL AND width_us = {sample["width_us"]} ORDER BY revision""")
        told = [{**row, "known": self.known(METRICS.name, row)} for row in found]
        if again:
            names = ("revision", "producer", "count", "sum", "mean", "min", "max")
            last = {**{name: sample[name] for name in names}, "offset": sample["row_offset"]}
            told.append({**last, "known": self.known(PAST_METRICS.name, last)})
        return told

    def _late(self, spec: MetricSpec, sample: Mapping[str, Any]) -> Object:
        """Rows of that window's time that came too late for it, whatever their key: it does not count them."""
        found = self.ask(f"""
            SELECT cause AS place, time, behind_us / 1e6 AS behind_s FROM late_rows
            WHERE stream = {literal(spec.stream)} AND list_contains(metrics, {literal(sample["metric"])})
              AND epoch_us(time) >= {sample["start_us"]} AND epoch_us(time) < {sample["start_us"] + spec.width_us}
            ORDER BY row_offset LIMIT {MOST_ROWS}""")
        return {"count": len(found), "rows": found}


def _below(stream: str, ends: Mapping[str, int]) -> str:
    """The rows of each producer up to an offset, as a condition of SQL."""
    found = [f"({_producer(stream)} = {literal(p)} AND row_offset < {end})" for p, end in sorted(ends.items())]
    return f"({' OR '.join(found) or 'false'})"


def _figures(spec: MetricSpec) -> str:
    column = _column(spec.stream, spec.value or "")
    return ", ".join(
        f"{of}({column}::DOUBLE) AS {name}" for of, name in zip(("sum", "avg", "min", "max"), EXACT[1:], strict=True)
    )


def _same(said: float | None, again: float | None) -> bool:
    """Sums of fractions depend on the order of their parts in their last bits."""
    if said is None or again is None:
        return said == again
    return said == again or abs(said - again) <= 1e-12 * max(abs(said), abs(again))


def _column(stream: str, name: str) -> str:
    """What SQL calls a column of the stream."""
    place = STREAMS[stream].schema.names.index(name)
    return columns_of(stream).names[place]


def _producer(stream: str) -> str:
    return "row_producer" if "producer" in STREAMS[stream].schema.names else "producer"
