"""The door of OTLP. Senders drop at once what is answered with 500, and do not wait long: what may pass is 503, and soon."""

from __future__ import annotations

import logging
from typing import NamedTuple

import xxhash

from events.collected import API_METRICS, SYSTEM_LOGS
from events.errors import Overloaded, Rejected, Transient
from serve.batching import CollectorBatching
from serve.hosts import Hosts
from serve.sources.gathered import Gathered

logger = logging.getLogger(__name__)
LONGEST_WAIT_S = 2.0
"""An exporter gives a batch ten seconds in all, and drops it where it is asked to wait for longer than what is left."""


class Outcome(NamedTuple):
    """What became of a request: the records that could not be taken, and why the first was not."""

    rejected: int
    why: str


class OtlpDoor:
    """Takes in what OpenTelemetry sends."""

    def __init__(self, hosts: Hosts, tenant: str) -> None:
        logs = CollectorBatching(hosts, f"{tenant}/{SYSTEM_LOGS.name}/0")
        metrics = CollectorBatching(hosts, f"{tenant}/{API_METRICS.name}/0")
        self._collectors = {
            "logs": (SYSTEM_LOGS, logs),
            "metrics": (API_METRICS, metrics),
            "traces": (API_METRICS, metrics),
        }

    async def take(self, signal: str, body: bytes, media: str, source: str, received_us: int) -> Outcome:
        """Commit a request of ``signal`` (``logs | metrics | traces``) from ``source``. The same request again adds nothing.

        Raises ``Rejected`` for a body that is none, ``Transient`` (2 s at most) for everything that may pass.
        """
        from serve.otlp.bodies import decoded  # here: only a gateway that is sent OTLP needs protobuf
        from serve.otlp.rows import TAKE, Taker

        stream, collector = self._collectors[signal]
        try:
            request = decoded(signal, body, media)
            taker = Taker(Gathered(stream, source, received_us), xxhash.xxh3_128_hexdigest(body))
            TAKE[signal](request, taker)
            batch, refused = taker.gathered.batch(), taker.gathered.refused()
            if batch.num_rows or refused is not None:
                await collector.push(batch, refused)
        except Overloaded as error:
            raise Overloaded(error.reason, min(error.retry_after_s, LONGEST_WAIT_S)) from error
        except Transient as error:
            raise Transient(error.reason, min(error.retry_after_s, LONGEST_WAIT_S)) from error
        except Rejected:
            raise
        except Exception as error:
            logger.exception("OTLP %s", signal)
            raise Transient(f"this could not be taken ({type(error).__name__}); the log says why", 1.0) from error
        return Outcome(taker.rejected, taker.why)
