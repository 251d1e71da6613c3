"""A query process: it opens one log, and does one deed after the other until whoever asks is gone."""

from __future__ import annotations

import logging
import pickle
import resource
from collections.abc import Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from events import catalog
from events.catalog import Stream
from events.errors import Rejected, Transient
from events.log import LogSpec
from query.apart.desk import Deed, Desk
from query.apart.wire import receive, send
from query.bounds import Limits, Stop

logger = logging.getLogger(__name__)
_SLACK_BYTES = 1 << 30


@dataclass(frozen=True, slots=True)
class Opening:
    """What a process is told first. ``streams``: those of parts, which it cannot know by itself."""

    log: LogSpec
    tenant: str
    streams: Sequence[Stream]


@dataclass(frozen=True, slots=True)
class Wanted:
    """``deed``: pickled, so that what cannot be read here is an answer and not the end of the process."""

    deed: bytes
    limits: Limits


@dataclass(frozen=True, slots=True)
class Done:
    """What came of a deed: a result, or what it raised."""

    result: Any = None
    raised: Exception | None = None


def work(asker: Connection) -> None:
    """Serve until ``asker`` is gone."""
    try:
        opening: Opening = receive(asker)
        for stream in opening.streams:
            catalog.join(stream)
        log = opening.log.open(woken=False)
        while True:
            wanted: Wanted = receive(asker)
            _bound(wanted.limits)
            done = _done(wanted, lambda w: _deed(w)(Desk(log, opening.tenant, w.limits, Stop())))
            try:
                send(asker, done)
            except (pickle.PicklingError, TypeError, AttributeError) as error:
                send(asker, Done(raised=RuntimeError(f"the answer cannot be handed over: {error}")))
    except (EOFError, OSError):
        return


def _deed(wanted: Wanted) -> Deed[Any]:
    return pickle.loads(wanted.deed)


def _done(wanted: Wanted, do: Any) -> Done:
    try:
        return Done(do(wanted))
    except (Rejected, Transient) as error:
        return Done(raised=error)
    except MemoryError:
        return Done(raised=Rejected("sql", too_large(wanted.limits)))
    except Exception as error:  # a fault of ours, or of the disk: told to whoever asked, as in one process
        logger.exception("a query failed")
        return Done(raised=error if _travels(error) else RuntimeError(f"{type(error).__name__}: {error}"))


def _travels(error: Exception) -> bool:
    try:
        return type(pickle.loads(pickle.dumps(error))) is type(error)
    except Exception:  # noqa: BLE001  # whatever its own __reduce__ may do
        return False


def _bound(limits: Limits) -> None:
    """The system gives this process no more memory than so much: DuckDB keeps its own limit, but not for everything."""
    pages = int(Path("/proc/self/statm").read_text().split()[5])  # of data and stack
    most = pages * resource.getpagesize() + limits.memory_bytes + 2 * limits.result_bytes + _SLACK_BYTES
    resource.setrlimit(resource.RLIMIT_DATA, (most, resource.getrlimit(resource.RLIMIT_DATA)[1]))


def too_large(limits: Limits) -> str:
    """Why a query is refused that needs too much memory, and what to do."""
    mib = limits.memory_bytes >> 20
    return (
        f"needs more than {mib} MiB of memory, with what others ask now; ask for less time, or fewer columns or groups"
    )


def too_long(limits: Limits) -> str:
    """Why a query is refused that takes too long, and what to do."""
    return f"ran longer than {limits.seconds:g} s; ask for less time, fewer columns or fewer groups"
