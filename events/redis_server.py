"""A Redis or Valkey server as a log needs it: connections, scripts, durability, and its errors in our words."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from time import monotonic
from typing import Any, TypeVar

import redis
from redis import exceptions as wrong

from events.errors import Corrupt, Rejected, Transient
from events.redis_connect import ANSWER_S, connect
from events.redis_keys import Keys
from events.redis_place import RedisPlace
from events.redis_script import Value

R = TypeVar("R")
FORMAT = "1"
"""Of the keys and what is in them; a higher one was written by a newer Hindcast."""
SILENT_S = 0.5
"""Nobody else waits for it in the moment after somebody did in vain."""
CONFIRM_MS = 2_000
"""How long a commit waits for the disks that have to confirm it."""
MOST_BYTES = 500 << 20
"""Of one value: Redis ends at 512 MiB."""
_OLDEST = (7, 0)
_WITH_WAITAOF = (7, 2)
_PASSING = (
    "MISCONF",
    "NOREPLICAS",
    "BUSY",
    "UNKILLABLE",
    "CLUSTERDOWN",
    "MASTERDOWN",
    "TRYAGAIN",
    "LOADING",
    "WAITAOF cannot",
)


class Server:
    """Safe for several threads. Every method raises ``Transient`` where the server cannot do it now."""

    def __init__(self, spec: RedisPlace) -> None:
        self.keys = Keys(spec.name)
        self._spec = spec
        self._mutex = threading.Lock()
        self._client: Any = None
        self._checked = False
        self._silent_until = 0.0
        self.losses = 0
        """How often the connection was lost: what was known of the server before may not hold any more."""

    def call(self, deed: Callable[[Any], R]) -> R:
        """What ``deed`` makes of the client. It is done again where a connection turns out to be dead: repeating it must
        be harmless. Raises ``Rejected`` or ``Corrupt`` where the name space holds what is no log of this version."""
        self._check()
        return self.guarded(deed)

    def guarded(self, deed: Callable[[Any], R]) -> R:
        """As ``call``, whatever is in the name space."""
        if monotonic() < self._silent_until:
            raise self.translated(wrong.TimeoutError())
        for last in (False, True):
            try:
                return deed(self._connected())
            except (wrong.ConnectionError, OSError) as error:
                self._lost()
                if last or isinstance(error, wrong.AuthenticationError | wrong.BusyLoadingError):
                    raise self.translated(error) from error
            except wrong.TimeoutError as error:
                self._lost()
                self._silent_until = monotonic() + SILENT_S
                raise self.translated(error) from error
            except wrong.RedisError as error:
                if isinstance(error, wrong.ReadOnlyError):
                    self._lost()  # perhaps another server is the primary now
                raise self.translated(error) from error
        raise AssertionError

    def script(self, text: str, keys: Sequence[str], arguments: Sequence[Value], *, confirm: bool = False) -> int:
        """Run a script, and with ``confirm`` wait until what it did is as durable as was asked for."""
        disk, replicas = int(self._spec.wait_disk), self._spec.wait_replicas
        if not confirm or not (disk or replicas):
            return self.call(lambda client: _evaluated(client, text, keys, arguments))
        done, confirmed = self.call(lambda client: _confirmed(client, text, keys, arguments, disk, replicas))
        if done and (confirmed[0] < disk or confirmed[1] < replicas):
            held = f"{confirmed[0]} of {disk} disk and {confirmed[1]} of {replicas} replicas have confirmed it"
            raise Transient(f"{self._spec}: written, but after {CONFIRM_MS / 1000:g} s only {held}")
        return done

    def begin(self, state: str) -> None:
        """Nobody but this handle may use the name space, until ``end_state``."""
        self.guarded(lambda client: client.hset(self.keys.system, mapping={"format": FORMAT, "state": state}))
        self._checked = True

    def end_state(self) -> None:
        self.guarded(lambda client: client.hdel(self.keys.system, "state"))

    def state(self) -> str | None:
        """What keeps the name space from being used; empty where nothing does, None where there is no log."""
        found, state = self.guarded(lambda client: client.hmget(self.keys.system, "format", "state"))
        return None if found is None else (state or b"").decode()

    # -- is it one of ours? ----------------------------------------------------------------------------------------

    def holds_log(self) -> bool:
        return bool(self.guarded(lambda client: client.exists(self.keys.system)))

    def _check(self) -> None:
        """Once: is this server new enough, and what is in the name space a log that this code understands?"""
        if self._checked:
            return
        found, state = self.guarded(lambda client: client.hmget(self.keys.system, "format", "state"))
        if found is None:  # looked at first: a replica, or a full server, can still be read
            self.guarded(lambda client: client.hsetnx(self.keys.system, "format", FORMAT))
            found, state = self.guarded(lambda client: client.hmget(self.keys.system, "format", "state"))
        if found != FORMAT.encode():
            raise Corrupt(
                f"{self._spec} has format {(found or b'').decode()}, not {FORMAT}; use the Hindcast that wrote it"
            )
        if state:
            raise Rejected("log.place", f"{self._spec} is {state.decode()}; end that first, or choose another log.name")
        self._checked = True

    def judge(self) -> list[str]:
        """What an operator should know of how the server keeps things. Raises ``Rejected`` where it cannot be used."""
        self._knock()
        warnings: list[str] = []
        for info in self.infos("server", "memory", "persistence", "replication"):
            version = str(info.get("redis_version", "0"))
            release = tuple(int(part) for part in version.split(".")[:2])
            if release < _OLDEST:
                raise Rejected(
                    "log.place", f"{self._spec} is Redis {version}; Redis 7.0 or newer, or Valkey, is needed"
                )
            if self._waits and release < _WITH_WAITAOF:
                raise Rejected("log.wait_disk", f"{self._spec} has no WAITAOF; use Redis 7.2 or newer, or leave it out")
            if self._spec.wait_disk and not info.get("aof_enabled"):
                raise Rejected("log.wait_disk", f"{self._spec} writes no append-only file; set `appendonly yes` there")
            if info.get("role") == "slave":
                raise Rejected("log.place", f"{self._spec} is a replica, which takes no writes; name its primary")
            if info.get("maxmemory") and info.get("maxmemory_policy") != "noeviction":
                policy = info.get("maxmemory_policy")
                raise Rejected(
                    "log.place",
                    f"{self._spec} deletes keys when its memory is full (maxmemory-policy {policy}); set it to noeviction",
                )
            if not info.get("aof_enabled"):
                warnings.append(
                    "keeps nothing on disk between its snapshots: set `appendonly yes` and `appendfsync always`"
                )
            elif not self._spec.wait_disk and (often := self._appendfsync()) not in ("always", None):
                warnings.append(
                    f"writes to its disk with `appendfsync {often}`: a power cut may lose the last second; set it to "
                    "always, or `log.wait_disk: true`"
                )
        return warnings

    @property
    def _waits(self) -> bool:
        return self._spec.wait_disk or self._spec.wait_replicas > 0

    def _knock(self) -> None:
        """Does it let us in?"""
        try:
            self._connected().ping()
        except (wrong.AuthenticationError, wrong.NoPermissionError) as error:
            raise Rejected(
                "log.password",
                f"{self._spec} refuses the user or the password ({error}); mend log.place or log.password",
            ) from error
        except (wrong.RedisError, OSError) as error:
            raise self.translated(error) from error

    def infos(self, *sections: str) -> list[dict[str, Any]]:
        """``INFO`` of the server; of each primary in a cluster."""

        def ask(client: Any) -> list[dict[str, Any]]:
            if not isinstance(client, redis.RedisCluster):
                return [_merged(client.info(section) for section in sections)]
            nodes = client.get_primaries()
            return [_merged(client.info(section, target_nodes=node) for section in sections) for node in nodes]

        return self.guarded(ask)

    def _appendfsync(self) -> str | None:
        """None where the server does not tell."""
        try:
            return self.guarded(lambda client: client.config_get("appendfsync")).get("appendfsync")
        except Transient:
            return None

    # -- connections -----------------------------------------------------------------------------------------------

    def _connected(self) -> Any:
        with self._mutex:
            if self._client is None:
                self._client = connect(self._spec.url)
            return self._client

    def subscription(self) -> Any:
        """A new subscription to the name space's bell. Raises Redis' own errors."""
        subscription = self._connected().pubsub()
        subscription.subscribe(self.keys.bell)
        return subscription

    def _lost(self) -> None:
        self.losses += 1
        with self._mutex:
            client = self._client
        if client is not None and not isinstance(client, redis.RedisCluster):
            with suppress(wrong.RedisError, OSError):
                client.connection_pool.disconnect(inuse_connections=False)

    def close(self) -> None:
        with self._mutex:
            client, self._client = self._client, None
        if client is not None:
            with suppress(wrong.RedisError, OSError):  # the connections go with the process
                client.close()

    def translated(self, error: Exception) -> Exception:
        """Redis' errors in our words: what an operator can mend passes (``Transient``); a bug stays what it is."""
        said = str(error)
        if isinstance(error, wrong.OutOfMemoryError):
            return Transient(f"{self._spec}: its memory is full (maxmemory); give it more, or trim the log", 2.0)
        if isinstance(error, wrong.ReadOnlyError):
            return Transient(f"{self._spec}: is a read-only replica; name the primary, or wait for the failover to end")
        if isinstance(error, wrong.AuthenticationError | wrong.NoPermissionError):
            return Transient(f"{self._spec}: refuses the user or the password ({said}); mend log.place", 2.0)
        if isinstance(error, wrong.BusyLoadingError):
            return Transient(f"{self._spec}: is still reading its data from disk")
        if isinstance(error, wrong.TimeoutError):
            return Transient(f"{self._spec}: has not answered within {ANSWER_S:g} s")
        if isinstance(error, wrong.ConnectionError | OSError):
            return Transient(f"{self._spec}: cannot be reached ({said})")
        if isinstance(error, wrong.ClusterError | wrong.AskError) or said.startswith(_PASSING):
            return Transient(f"{self._spec}: {said}")
        return error


def _evaluated(client: Any, text: str, keys: Sequence[str], arguments: Sequence[Value]) -> int:
    try:
        return int(client.evalsha(_sha(text), len(keys), *keys, *arguments))
    except wrong.NoScriptError:
        return int(client.eval(text, len(keys), *keys, *arguments))


def _confirmed(
    client: Any, text: str, keys: Sequence[str], arguments: Sequence[Value], disk: int, replicas: int
) -> tuple[int, list[int]]:
    """The script and ``WAITAOF`` on one connection, in one message."""
    if isinstance(client, redis.RedisCluster):
        cluster: Any = client
        client = cluster.get_redis_connection(cluster.get_node_from_key(keys[0]))
    for command, name in (("EVALSHA", _sha(text)), ("EVAL", text)):
        together = client.pipeline(transaction=False)
        together.execute_command(command, name, len(keys), *keys, *arguments)
        together.execute_command("WAITAOF", disk, replicas, CONFIRM_MS)
        done, confirmed = together.execute(raise_on_error=False)
        if command == "EVALSHA" and isinstance(done, wrong.NoScriptError):
            continue
        for answer in (done, confirmed):
            if isinstance(answer, Exception):
                raise answer
        return int(done), confirmed
    raise AssertionError


_SHAS: dict[str, str] = {}


def _sha(text: str) -> str:
    from hashlib import sha1

    return _SHAS.setdefault(text, sha1(text.encode(), usedforsecurity=False).hexdigest())


def _merged(parts: Any) -> dict[str, Any]:
    return {name: value for part in parts for name, value in part.items()}
