"""Where a system's log is: the one place that knows which log a data directory has.

Everybody below is handed a ``LogSpec`` and opens what it names. A directory without the file ``log.json`` has its log in
SQLite files below it.
"""

from __future__ import annotations

import json
import os
import socket
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote, urlsplit, urlunsplit

from config.sections import LogBounds
from events import sqlite_backup
from events.archive.log import ArchivedSpec
from events.errors import Rejected
from events.log import LogSpec
from events.redis_spec import RedisSpec
from events.sqlite_log import SqliteSpec
from hindcast.datadir import DataDir, write_private

if TYPE_CHECKING:
    from events.redis_claim import Claim
    from hindcast.valkey import ValkeyServer

SQLITE, VALKEY = "sqlite", "valkey"


@dataclass(frozen=True, slots=True)
class Place:
    """What ``log.json`` says, and the settings ask for."""

    place: str = SQLITE
    """``sqlite``, ``valkey``, or a server's URL."""
    name: str = "hindcast"
    password: str = ""
    """Of the server, or where it is: ``env:NAME``, ``file:NAME`` (in ``secrets/`` of the data directory)."""
    wait_disk: bool = False
    wait_replicas: int = 0

    def spec(self, data_dir: Path) -> LogSpec:
        """Raises ``Rejected`` for what is no place of a log, or a password that is not there."""
        if self.place == SQLITE:
            return SqliteSpec(data_dir / "log")
        if self.place == VALKEY:
            from hindcast.valkey import ValkeySpec

            return ValkeySpec(data_dir)
        return RedisSpec(self._url(data_dir), self.name, self.wait_disk, self.wait_replicas)

    def _url(self, data_dir: Path) -> str:
        if not self.password:
            return self.place
        parts = urlsplit(self.place)
        user, _, host = parts.netloc.rpartition("@")
        secret = quote(_secret(self.password, data_dir), safe="")
        return urlunsplit(parts._replace(netloc=f"{user.partition(':')[0]}:{secret}@{host}"))

    @property
    def shown(self) -> str:
        return str(RedisSpec(self.place, self.name)) if self.place not in (SQLITE, VALKEY) else self.place


def _secret(said: str, data_dir: Path) -> str:
    kind, _, name = said.partition(":")
    if kind == "env":
        if name not in os.environ:
            raise Rejected("log.password", f"is in the environment variable {name}, which is not there; set it")
        return os.environ[name]
    if kind == "file":
        path = data_dir / "secrets" / name
        if not path.is_file():
            raise Rejected("log.password", f"is in the file {path}, which is not there; write the password into it")
        return path.read_text().rstrip("\r\n")
    return said


def recorded(data_dir: Path) -> Place | None:
    """Where the directory's log is; None where it has none yet. Raises ``Rejected`` where ``log.json`` cannot be read."""
    path = data_dir / "log.json"
    try:
        return Place(**json.loads(path.read_text()))
    except FileNotFoundError:
        return Place() if SqliteSpec(data_dir / "log").exists() else None
    except (json.JSONDecodeError, TypeError) as error:
        raise Rejected("data_dir", f"{path} cannot be read ({error}); restore it from a backup") from error


def record(data_dir: Path, place: Place) -> None:
    """Say where the directory's log is, from now on."""
    if place.place == SQLITE:
        (data_dir / "log.json").unlink(missing_ok=True)
    else:
        write_private(data_dir / "log.json", json.dumps(asdict(place), indent=1))


LOG = "log"


def log_of(data_dir: Path) -> ArchivedSpec:
    """The log of the system on ``data_dir``, which need not be there yet, together with its archive."""
    return with_archive((recorded(data_dir) or Place()).spec(data_dir), data_dir)


def with_archive(log: LogSpec, data_dir: Path) -> ArchivedSpec:
    """The log of ``data_dir`` together with the archive that is there."""
    return ArchivedSpec(log, data_dir / "archive")


def log_in(data_dir: Path) -> LogSpec:
    """The log that ``data_dir`` has. Raises ``Rejected`` where there is none."""
    log = log_of(data_dir)
    if not log.exists():
        raise Rejected(
            "data_dir",
            f"there is no log in {data_dir}; name the right one with --data-dir, or start a system (`hindcast up`)",
        )
    return log


def copy_log(data_dir: Path, into: Path) -> dict[str, int]:
    """Copy the log of ``data_dir``, without its archive, into the folder ``into``; see ``events.sqlite_backup.copy``."""
    place = recorded(data_dir) or Place()
    if place.place != SQLITE:
        raise Rejected(
            "data_dir",
            f"the log of {data_dir} is in {place.shown}, which this does not copy; back it up as its server is, together "
            "with the data directory",
        )
    return sqlite_backup.copy(data_dir / LOG, into / LOG)


def wanted(settings: LogBounds, data_dir: Path) -> Place:
    """Where the log is to be: what the settings say, else where it is.

    Raises ``Rejected`` where the directory's log is of another kind: its history does not move by itself.
    """
    before = recorded(data_dir)
    if not settings.place:
        return before or Place()
    place = Place(settings.place, settings.name, settings.password, settings.wait_disk, settings.wait_replicas)
    place = place if place.place not in (SQLITE, VALKEY) else Place(place.place)
    place.spec(data_dir)
    if before is not None and before != place and (_kind(before) != _kind(place) or before.name != place.name):
        raise Rejected(
            "log.place",
            f"is {place.shown}, but the log of {data_dir} is in {before.shown}; leave log.place out, or bring the log there "
            f"with `hindcast migrate`",
        )
    return place


def _kind(place: Place) -> str:
    return place.place if place.place in (SQLITE, VALKEY) else "redis"


class LogHold:
    """A system's hold on its log for as long as it runs: the embedded server, or the claim of a name space."""

    def __init__(self, place: Place, data: DataDir) -> None:
        self._place = place
        self._data = data
        self._server: ValkeyServer | None = None
        self._claim: Claim | None = None

    @property
    def exists(self) -> bool:
        """Whether the directory had a log before this start."""
        return recorded(self._data.path) is not None

    def take(self) -> LogSpec:
        """What hosts and gateways open. Raises ``Rejected`` and ``Transient``."""
        path, before = self._data.path, recorded(self._data.path)
        if self._place.place == VALKEY:
            from hindcast.valkey import ValkeyServer, ValkeySpec

            spec: LogSpec = ValkeySpec(path)
            self._server = ValkeyServer(spec.directory, spec.socket)
            self._server.start()
            spec = RedisSpec(self._server.url)
        else:
            spec = self._place.spec(path)
        if isinstance(spec, RedisSpec):
            from events.redis_claim import Claim

            where = f"{path.resolve()} of {socket.gethostname()}"
            claim = Claim(spec, self._data.generation, where)
            claim.take(new=before is None)
            self._claim = claim
        if before != self._place:
            record(path, self._place)
        return spec

    def end(self) -> None:
        """After everybody has closed the log. Harmless where nothing is held."""
        claim, self._claim = self._claim, None
        if claim is not None:
            claim.end()
        server, self._server = self._server, None
        if server is not None:
            server.stop()
