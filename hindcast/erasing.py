"""Erase a person from a stopped system: log and archive are written anew without the person, then take the old ones' place.

Until the new ones are whole, nothing is changed; what happens then is in ``hindcast.erasure_swap``.
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
import time
from collections.abc import Iterable
from importlib.metadata import version
from pathlib import Path
from typing import cast

import msgspec
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from config.parts import parts
from events.archive.segments import Segment
from events.catalog import CONTROL, STREAMS, USER_INTERACTIONS, rows
from events.entry import encode
from events.erasure.archive import forget_elsewhere, renewed, rewrite
from events.erasure.identifiers import EMAIL, Identifiers
from events.erasure.log import Touched, without
from events.erasure.rows import mentions, owned
from events.erasure.search import remains
from events.errors import Corrupt, Rejected, Transient
from events.log import Commit, LogReader, Output
from events.sqlite_transfer import SqliteTarget
from events.transfer import CopySource
from hindcast import kept_streams
from hindcast.datadir import DataDir
from hindcast.erasure_swap import ARCHIVE, DRAFT, LEFT_BY_PROCESSES, READY, completed
from hindcast.log_place import LOG, SQLITE, Place, log_in, log_of, recorded
from hindcast.receipts import Part, Receipt
from hindcast.tenants import tenant_of

REMOVED = (
    "saved states of all cells (they are folded again from the log at the next start)",
    "blocks (they are made again)",
    "log files and temporary files of processes",
    "free pages of the log's files (they are new files)",
)
NOT_SEARCHED = (
    "backups, exports and copies outside the data directory",
    "what was sent to others (messages, webhooks)",
    "blocks of the disk that files were on before",
)
READ_BYTES = 8 << 20


def erase(
    data_dir: Path, subject: str, also: Iterable[str] = (), reference: str = "", tenant: str | None = None
) -> Receipt:
    """Erase ``subject``, and the names that are linked to it, from the stopped system on ``data_dir``; answers the receipt.

    ``also``: further names of the person (an e-mail address, a phone number). Raises ``Rejected`` (a system runs, no such
    person, a log on a server), ``Transient`` (no room: it takes as much as log and archive have), ``Corrupt``.
    """
    data = DataDir(data_dir.absolute())
    refuse_servers(data.path)
    data.claim()
    try:
        kept_streams.keep(data.path / kept_streams.FOLDER, parts())
        completed(data.path)
        try:
            return _erased(data.path, subject, list(also), reference, tenant)
        except OSError as error:
            raise Transient(f"{data.path}: {error}; make room, an erasure writes log and archive anew", 30.0) from error
    finally:
        if not (data.path / DRAFT / READY).exists():
            shutil.rmtree(data.path / DRAFT, ignore_errors=True)
        data.release()


def refuse_servers(data_dir: Path) -> None:
    """Raises ``Rejected`` where there is no log, or it is on a server."""
    log_in(data_dir)
    place = recorded(data_dir) or Place()
    if place.place != SQLITE:
        raise Rejected(
            "data_dir",
            f"the log of {data_dir} is in {place.shown}, where nothing can be erased yet; stop the system and bring it into "
            "files first: `hindcast migrate --to sqlite`",
        )


def _erased(path: Path, subject: str, also: list[str], reference: str, tenant: str | None) -> Receipt:
    draft = path / DRAFT
    draft.mkdir(mode=0o700)
    touched: Touched = {}
    log = log_of(path).open(woken=False)
    source = cast("CopySource", log.log)
    try:
        whose = tenant_of(log, tenant)
        who = names_of(log, whose, subject, also)
        if who.within(reference.encode()) or reference in who.names:
            raise Rejected("reference", "names the subject; the receipt stays, so call the request otherwise")
        changed: dict[str, Segment] = {}
        if (path / ARCHIVE).is_dir():
            changed = rewrite(log, path / ARCHIVE, draft / ARCHIVE, whose, who, touched)
        target = SqliteTarget(draft / LOG)
        target.begin()
        for cell in log.cells():
            copy = source.copy(cell)
            if cell.startswith(f"{whose}/"):
                copy = without(copy, who, touched, lambda batch: renewed(batch, changed))
            target.adopt(cell, copy)
            verdict = target.verify(cell)
            if not verdict.sound:
                raise Corrupt(f"{cell}: {verdict.problems[0]}; nothing was erased, see `hindcast verify`")
        target.finish()
        cells = log.cells()
    finally:
        log.close()
    left = remains(draft, who)
    at, id_ = time.time_ns() // 1000, f"{time.strftime('%Y%m%d')}-{secrets.token_hex(6)}"
    _tell(draft, cells, whose, id_, at)
    elsewhere = _elsewhere(path, who)
    receipt = Receipt(
        id=id_,
        at=at,
        version=version("hindcast"),
        reference=reference,
        names=len(who.names),
        parts=tuple(
            Part(stream, producer, counted.rows, counted.mentions, tuple(counted.tombstones), counted.segments)
            for (stream, producer), counted in sorted(touched.items())
            if counted.tombstones or counted.segments
        ),
        removed=REMOVED,
        left=(*left, *elsewhere),
        not_searched=(*NOT_SEARCHED, *_short(who)),
    ).signed(path)
    forget_elsewhere(path / ARCHIVE, changed)
    (draft / READY).write_bytes(msgspec.json.encode(receipt))
    os.sync()
    completed(path)
    return receipt


def names_of(log: LogReader, tenant: str, subject: str, also: Iterable[str] = ()) -> Identifiers:
    """The subject's names: itself, ``also``, and the anonymous ids and addresses of its events that no other subject has.

    Raises ``Rejected`` where no row has the subject.
    """
    who, mine, others, found = Identifiers([subject, *also]), set[str](), set[str](), False
    for _, batch in batches(log, tenant, USER_INTERACTIONS.name):
        own = owned(batch, who)
        found |= bool(own.any())
        somebody = np.asarray(batch["subject"].is_valid())
        mine |= _linked(batch, own)
        others |= _linked(batch, somebody & ~own)
    if not found and not any(mentions(batch, who).any() for name in STREAMS for _, batch in batches(log, tenant, name)):
        raise Rejected("subject", "there is no row of this subject, and none that names it; look at how it is written")
    for name in sorted(mine - others):
        who.add(name)
    return who


def _linked(batch: pa.RecordBatch, where: NDArray[np.bool_]) -> set[str]:
    """Anonymous ids and e-mail addresses of these rows."""
    rows = batch.filter(pa.array(where))
    found = {name for name in rows["anonymous_id"].to_pylist() if name}
    for column in ("properties", "context"):
        for text in rows[column].to_pylist():
            if text and "@" in text:
                found |= set(EMAIL.findall(_read(text)))
    return found


def _read(text: str) -> str:
    """JSON as text without escapes."""
    try:
        return json.dumps(json.loads(text), ensure_ascii=False)
    except ValueError:
        return text


def batches(log: LogReader, tenant: str, stream: str) -> Iterable[tuple[str, pa.RecordBatch]]:
    """(producer, rows) of everything that log and archive have of a tenant's stream."""
    for producer in (one for one in log.producers(stream) if one.startswith(f"{tenant}/")):
        at, head = 0, log.head(stream, producer)
        while at < head:
            entries = log.read(stream, producer, at, READ_BYTES)
            if not entries:
                break
            yield from ((producer, entry.batch()) for entry in entries if entry.header.rows)
            at = entries[-1].header.end


def _tell(draft: Path, cells: Iterable[str], tenant: str, id_: str, at: int) -> None:
    """Say on ``control`` that somebody was erased, so that every fold and every pinned table can know when."""
    log = log_of(draft).open(woken=False)
    try:
        for cell in cells:
            name, fold, _ = cell.split("/")
            if (name, fold) != (tenant, CONTROL.name):
                continue
            lease = log.acquire(cell, [CONTROL.name])
            head = lease.heads.get(CONTROL.name, 0)
            last = log.read(CONTROL.name, cell, head - 1, 1) if head else []
            columns = {"id": id_, "source": "system", "type": "subject.erased", "subject": id_, "time": at, "received": at,
                       "partition_key": id_, "data": json.dumps({"by": "system"})}  # fmt: skip
            payload = encode(CONTROL, rows(CONTROL, columns, 1))
            said = Output(CONTROL.name, payload, last[-1].header.watermark) if last else Output(CONTROL.name, payload)
            log.commit(lease, Commit(lease.commit, id_.encode(), at, outputs=(said,)))
    finally:
        log.close()


def _elsewhere(path: Path, who: Identifiers) -> list[str]:
    """Where a name is in the rest of the directory, which stays: configuration that was added, secrets, earlier receipts."""
    found: list[str] = []
    for one in sorted(path.iterdir()):
        if one.name in (LOG, ARCHIVE, DRAFT, *LEFT_BY_PROCESSES):
            continue
        if one.is_dir():
            found += [f"{one.name}/{place}" for place in remains(one, who)]
        elif who.within(one.read_bytes()):
            found.append(f"{one.name}: its bytes")
    return found


def _short(who: Identifiers) -> list[str]:
    return [f"{len(who.short)} names of fewer than 6 characters, other than as whole values"] if who.short else []
