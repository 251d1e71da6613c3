"""All that a system has of a person, in one zip file: rows as NDJSON and as Parquet, and a page that says what is what."""

from __future__ import annotations

import io
import json
import zipfile
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from config.parts import parts
from events.catalog import BACKSTAGE, SEGMENTS, STREAMS
from events.erasure.rows import mentions
from events.errors import Rejected
from events.log import LogReader
from hindcast import kept_streams
from hindcast.erasing import batches, names_of
from query.rows import as_objects

README = """What this system has of {subject}
{line}

Made at {at}, of everything in its log and archive by then.

{names} names were looked for: the subject, further names that were given, and the anonymous ids
and e-mail addresses of the subject's own events that no other subject has. They are listed in names.json. Rows are here
that are the subject's own, and rows that name it. A name of fewer than 6 characters is found only where it is a whole
value.

{streams}

Each stream is there twice: as NDJSON (a row a line, times in UTC), and as Parquet. `producer` says who wrote a row. Not
here: saved states and aggregates that name nobody, backups, and what other systems have.
"""


def export_subject(
    data_dir: Path, log: LogReader, tenant: str, subject: str, out: Path, also: tuple[str, ...] = ()
) -> dict[str, int]:
    """Write all rows of ``subject`` in the log of ``data_dir`` to the new zip file ``out``.

    Answers how many rows of each stream. Raises ``Rejected`` where there are none, or where ``out`` is there already.
    """
    kept_streams.keep(data_dir / kept_streams.FOLDER, parts())
    if out.exists():
        raise Rejected("out", f"{out} is there already; choose another name with --out")
    who = names_of(log, tenant, subject, also)
    counts: dict[str, int] = {}
    part = out.with_name(f"{out.name}.part")
    try:
        with zipfile.ZipFile(part, "x", zipfile.ZIP_DEFLATED) as archive:
            part.chmod(0o600)
            for stream in STREAMS:
                if stream in BACKSTAGE or stream == SEGMENTS.name:
                    continue
                found = [
                    _chosen(producer, batch, mentions(batch, who)) for producer, batch in batches(log, tenant, stream)
                ]
                tables = [table for table in found if table.num_rows]
                if not tables:
                    continue
                whole = pa.concat_tables(tables).unify_dictionaries()
                counts[stream] = whole.num_rows
                lines = (json.dumps(row, ensure_ascii=False) for row in as_objects(whole))
                archive.writestr(f"{stream}.ndjson", "\n".join(lines) + "\n")
                sink = io.BytesIO()
                pq.write_table(whole, sink, compression="zstd")
                archive.writestr(f"{stream}.parquet", sink.getvalue())
            archive.writestr("names.json", json.dumps(who.names, ensure_ascii=False, indent=1))
            listed = "\n".join(f"{stream}: {n:,} rows. {STREAMS[stream].about}" for stream, n in counts.items())
            title = f"What this system has of {subject}"
            said = README.format(subject=subject, line="=" * len(title), names=len(who.names), streams=listed,
                                 at=datetime.now(UTC).isoformat(timespec="seconds"))  # fmt: skip
            archive.writestr("README.txt", said)
        part.rename(out)
    finally:
        part.unlink(missing_ok=True)
    return counts


def _chosen(producer: str, batch: pa.RecordBatch, where: np.ndarray) -> pa.Table:
    found = pa.Table.from_batches([batch.filter(pa.array(where))])
    label = pa.array([producer] * found.num_rows, pa.string())
    return found.append_column("producer" if "producer" not in found.column_names else "row_producer", label)
