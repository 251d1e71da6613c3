"""The hosts of one system as Ray actors: made, asked and ended by name."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from actors.topology import HostSpec
from events.errors import Transient


class Ask(NamedTuple):
    """One call to a host: a method of ``actors.host.Host`` and its arguments."""

    host: str
    method: str
    arguments: tuple[Any, ...] = ()


class Fleet:
    """``spec_of`` gives a host's spec by its name. Not thread-safe but for ``lost``."""

    def __init__(self, spec_of: Callable[[str], HostSpec], namespace: str) -> None:
        self._spec_of = spec_of
        self._namespace = namespace
        self._hosts: dict[str, Any] = {}
        self._watches: dict[Any, str] = {}
        """What ends when a host's process does."""

    @property
    def names(self) -> list[str]:
        return sorted(self._hosts)

    def make(self, host: str) -> None:
        """Start a host that runs no cells yet; harmless where there is one."""
        import ray

        from actors.host import Host, options

        if host not in self._hosts:
            spec = self._spec_of(host)
            remote: Any = ray.remote(Host)
            self._hosts[host] = remote.options(**options(spec, self._namespace)).remote(spec)
            self._watch(host)

    def handle(self, host: str) -> Any:
        """The actor itself."""
        return self._hosts[host]

    def ask(self, asks: Sequence[Ask], timeout_s: float) -> list[Any]:
        """The answers, in order, all asked at once; an exception where there is none within ``timeout_s``."""
        import ray

        calls = [getattr(self._hosts[ask.host], ask.method).remote(*ask.arguments) for ask in asks]
        done, _ = ray.wait(calls, num_returns=len(calls), timeout=timeout_s) if calls else ([], [])
        found = set(done)
        return [_answer(call) if call in found else Transient(f"no answer in {timeout_s:g} s") for call in calls]

    def lost(self, timeout_s: float) -> list[str]:
        """Hosts whose process has ended, as soon as there are any; none after ``timeout_s``. Ray starts them again."""
        import ray

        watches = dict(self._watches)
        if not watches:
            time.sleep(timeout_s)
            return []
        ended, _ = ray.wait(list(watches), num_returns=1, timeout=timeout_s)
        lost = [watches[watch] for watch in ended if watch in self._watches]
        for watch in ended:
            self._watches.pop(watch, None)
        for host in lost:
            if host in self._hosts:
                self._watch(host)
        return lost

    def _watch(self, host: str) -> None:
        self._watches[self._hosts[host].watch.remote()] = host

    def end(self, hosts: Sequence[str], timeout_s: float) -> int:
        """Let hosts finish what they do, then end them for good; answers how many did not finish in time."""
        import ray

        drained = self.ask([Ask(host, "drain") for host in hosts], timeout_s)
        for host in hosts:
            for watch in [w for w, of in self._watches.items() if of == host]:
                del self._watches[watch]
            ray.kill(self._hosts.pop(host), no_restart=True)
        return sum(isinstance(answer, Exception) for answer in drained)


def _answer(call: Any) -> Any:
    import ray
    from ray.exceptions import RayActorError, RayTaskError

    try:
        return ray.get(call)
    except RayActorError as error:
        return Transient(f"its process has ended, or is starting again: {type(error).__name__}")
    except RayTaskError as error:
        return error.cause if isinstance(error.cause, Exception) else error
    except Exception as error:  # noqa: BLE001 - whatever it is, it is the answer
        return error
