"""A range of metrics in buckets, from their roll-ups where these say exactly what the windows say, else from the windows.

A roll-up is of the windows of one block of the log (``actors.analyzers.rollups``). Those of a bucket add up as long as no
window can be in two of them: as long as their spans of windows do not overlap. Where they do (a revision that came later, an
import over windows that were counted live), the bucket is read from its windows. What is not rolled up yet is, too, and a
bucket that the range does not hold wholly.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import pyarrow as pa
from pyarrow import compute

from events.catalog import METRICS, PAST_METRICS, ROLLUPS
from events.errors import Rejected
from query.answers import Answer
from query.as_of import iso
from query.engine import Session
from query.views import LATEST, TOLD

pc: Any = compute  # its functions are made at import, where no type checker sees them
MOST_PLACES = 10_000
_OF = (METRICS.name, PAST_METRICS.name)
_COARSEST = ROLLUPS[max(ROLLUPS)].name
"""Every block has rows in each of the streams; in this one the fewest."""
_FIGURES = """sum(count)::BIGINT AS count, sum(sum) AS sum, min(min) AS min, max(max) AS max,
  max(distinct_count) AS distinct_count"""
WINDOWS = f"""SELECT metric, coalesce(key, '') AS key, (epoch_us(start) - $since) // $bucket AS place, {_FIGURES}
  FROM {LATEST} WHERE list_contains($metrics, metric) AND epoch_us(start) >= $since AND epoch_us(start) < $until
  GROUP BY 1, 2, 3 ORDER BY 1, 2, 3"""


class Range(NamedTuple):
    """Which metrics, from when until when (us UTC, the end not included), and how long a bucket is (us)."""

    metrics: tuple[str, ...]
    since_us: int
    until_us: int
    bucket_us: int

    def check(self) -> None:
        """Raises ``Rejected`` with field and remedy."""
        if not self.metrics:
            raise Rejected("metric", "name one metric at least")
        if self.until_us <= self.since_us:
            raise Rejected("until", "must be after since")
        if self.bucket_us < 1_000_000:
            raise Rejected("bucket", "must be 1 s or more")
        if (self.until_us - self.since_us) / self.bucket_us > MOST_PLACES:
            raise Rejected("bucket", f"makes more than {MOST_PLACES:,} buckets of this range; take longer ones")

    @property
    def parameters(self) -> dict[str, Any]:
        return {
            "since": self.since_us,
            "until": self.until_us,
            "bucket": self.bucket_us,
            "metrics": list(self.metrics),
        }

    def earlier(self, by_us: int) -> Range:
        """The same range so much earlier."""
        return self._replace(since_us=self.since_us - by_us, until_us=self.until_us - by_us)

    @property
    def level_us(self) -> int | None:
        """Width of the coarsest roll-ups whose buckets lie within those of this range; None where none do.

        The end may be anywhere: what is left over there is read from its windows.
        """
        edges = (self.since_us, self.bucket_us)
        return max((width for width in ROLLUPS if not any(edge % width for edge in edges)), default=None)


class Ranged(NamedTuple):
    """``answer``: rows (metric, key, place: number of the bucket, count, sum, min, max, distinct_count), for the buckets
    that have a window. ``level``: the stream of roll-ups that was read, "" where none was. ``reread``: how many of its
    buckets had to be read from their windows."""

    answer: Answer
    level: str
    reread: int


def ranged(session: Session, asked: Range) -> Ranged:
    """The figures of a range. Counts, least, greatest and distinct are those of the windows; sums are added in another
    order, so they may differ in their last bits."""
    asked.check()
    about = asked.parameters
    level_us = asked.level_us
    if level_us is None:
        return from_windows(session, asked)
    level = ROLLUPS[level_us].name
    covered = _covered(session)
    if not covered:
        return from_windows(session, asked)
    for stream in _OF:
        heads = session.heads(stream)
        session.add_rest(f"rest_of_{stream}", stream, {p: covered.get((stream, p), 0) for p in heads})
    rows = [{"of_stream": s, "of_producer": p, "upto": until} for (s, p), until in covered.items()]
    session.add("covered", pa.Table.from_pylist(rows))
    newest = session.run(_newest()).table
    session.add("newest", newest)
    ragged = {"ragged": asked.until_us // level_us * level_us if asked.until_us % level_us else None}
    found = session.run(_pieces(asked, level_us), {k: about[k] for k in ("since", "until", "metrics")} | ragged)
    if found.truncated:
        return from_windows(session, asked)
    pieces = found.table
    session.add("pieces", pieces.filter(pc.invert(pieces["again"])))
    again = pieces.filter(pieces["again"])
    wanted = ["since", "bucket"]
    if not again.num_rows:
        sql = _summed("FROM pieces")
    else:
        session.add("reread", again)
        sql = _summed(f"SELECT * EXCLUDE (again) FROM pieces UNION ALL BY NAME {_reread(again, level_us)}")
        wanted.append("until")
    answer = session.run(sql, {name: about[name] for name in wanted})
    return Ranged(answer, level, again.num_rows)


def from_windows(session: Session, asked: Range) -> Ranged:
    """The same without roll-ups, which know nothing of the times that ``valid_at`` leaves out."""
    asked.check()
    return Ranged(session.run(WINDOWS, asked.parameters), "", 0)


def _covered(session: Session) -> Mapping[tuple[str, str], int]:
    """By (stream, producer) up to which place it is rolled up, of what lies within the cut."""
    blocks = session.run(f"SELECT DISTINCT of_stream::VARCHAR, of_producer::VARCHAR, until FROM {_COARSEST}")
    found: dict[tuple[str, str], int] = {}
    for stream, producer, until in blocks.rows():
        if until <= session.heads(stream).get(producer, 0):
            found[stream, producer] = max(until, found.get((stream, producer), 0))
    return found if not blocks.truncated else {}


def _rows(level: str, within: str = "") -> str:
    """The roll-ups within the cut (and ``within``), and every sample that is not rolled up."""
    rest = " UNION ALL ".join(
        f"SELECT source, {TOLD} AS told, metric, key, width_us, start, count, sum, min, max, distinct_count, "
        f"{str(stream == PAST_METRICS.name).lower()} AS past, revision, row_offset FROM rest_of_{stream} "
        "WHERE revision IS NOT NULL"
        for stream in _OF
    )
    return f"""rolled AS (
      SELECT r.*, {TOLD} AS told FROM {level} r JOIN covered c USING (of_stream, of_producer) WHERE r.until <= c.upto{within}
    ), rest AS ({rest})"""


def _newest() -> str:
    """By definition the place of the event that said it last."""
    return f"""WITH {_rows(_COARSEST)} SELECT source, max(told) AS told
      FROM (SELECT source, told FROM rolled UNION ALL SELECT source, told FROM rest) GROUP BY source"""


def _pieces(asked: Range, level_us: int) -> str:
    """By series and bucket of the roll-ups its figures, and whether its windows have to be read ``again``."""
    after, upto = iso(asked.since_us), iso(asked.until_us + level_us)
    about = f" AND r.time > TIMESTAMPTZ '{after}' AND r.time <= TIMESTAMPTZ '{upto}'"  # spares files
    bucket = f"epoch_us(start) // {level_us} * {level_us}"
    within = "list_contains($metrics, metric) AND epoch_us(start) >= $since AND epoch_us(start) < $until"
    held = "source IS NOT DISTINCT FROM (newest.source) AND every.told = newest.told"
    return f"""WITH {_rows(ROLLUPS[level_us].name, about)}, latest AS (
        SELECT every.* FROM rest every SEMI JOIN newest ON every.{held} WHERE {within}
        QUALIFY 1 = row_number() OVER (
          PARTITION BY metric, key, start, width_us ORDER BY past DESC, revision DESC, row_offset DESC
        )
      ), pieces AS (
        SELECT metric, key, of_width_us AS width_us, epoch_us(start) AS bucket, epoch_us(first_start) AS low,
          epoch_us(last_start) AS high, count, sum, min, max, distinct_count
        FROM rolled every SEMI JOIN newest ON every.{held} WHERE {within}
        UNION ALL BY NAME
        SELECT metric, key, width_us, {bucket} AS bucket, epoch_us(start) AS low, epoch_us(start) AS high,
          count, sum, min, max, distinct_count FROM latest
      ), beside AS (
        SELECT *, low <= max(high) OVER (
          PARTITION BY metric, key, width_us, bucket ORDER BY low, high ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
        ) AS meets FROM pieces
      )
      SELECT metric::VARCHAR AS metric, key::VARCHAR AS key, width_us, bucket, {_FIGURES},
        coalesce(bool_or(meets), false) OR bucket IS NOT DISTINCT FROM $ragged AS again
      FROM beside GROUP BY 1, 2, 3, 4"""


def _reread(again: pa.Table, level_us: int) -> str:
    """The windows of some buckets."""
    least, most = _edges(again)
    after, upto = iso(least), iso(most + level_us + max(again["width_us"].to_pylist()))
    samples = " UNION ALL ".join(
        f"SELECT *, {str(stream == PAST_METRICS.name).lower()} AS past FROM {stream} WHERE revision IS NOT NULL "
        f"AND time > TIMESTAMPTZ '{after}' AND time <= TIMESTAMPTZ '{upto}'"
        for stream in _OF
    )
    return f"""SELECT metric::VARCHAR AS metric, key::VARCHAR AS key, width_us, bucket, count, sum, min, max, distinct_count
      FROM (
        SELECT every.*, epoch_us(start) // {level_us} * {level_us} AS bucket FROM ({samples}) every
        SEMI JOIN newest ON every.source IS NOT DISTINCT FROM newest.source AND {TOLD} = newest.told
        QUALIFY 1 = row_number() OVER (
          PARTITION BY metric, key, start, width_us ORDER BY past DESC, revision DESC, row_offset DESC
        )
      ) windows SEMI JOIN reread ON windows.metric = reread.metric AND windows.key IS NOT DISTINCT FROM reread.key
        AND windows.width_us = reread.width_us AND windows.bucket = reread.bucket
      WHERE epoch_us(start) < $until"""


def _edges(again: pa.Table) -> tuple[int, int]:
    buckets = again["bucket"].to_pylist()
    return min(buckets), max(buckets)


def _summed(rows: str) -> str:
    return f"""SELECT metric, coalesce(key, '') AS key, (bucket - $since) // $bucket AS place, {_FIGURES}
      FROM ({rows}) GROUP BY 1, 2, 3 ORDER BY 1, 2, 3"""
