"""The Ray cluster as this process sees it: nodes and what they have, and how far away they are."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from statistics import median
from typing import Any

import ray

TRIES = 5
TIMEOUT_S = 2.0


def nodes() -> list[dict[str, Any]]:
    """Every node: address, whether it is alive, and its resources; ``object_store_bytes`` is what it may keep."""
    if not ray.is_initialized():
        return []
    found: list[dict[str, Any]] = []
    for node in ray.nodes():
        resources = node.get("Resources", {})
        found.append(
            {
                "node": node["NodeID"][:12],
                "address": node.get("NodeManagerAddress", ""),
                "port": node.get("NodeManagerPort", 0),
                "alive": bool(node.get("Alive")),
                "cpus": resources.get("CPU", 0.0),
                "memory_bytes": resources.get("memory", 0.0),
                "object_store_bytes": resources.get("object_store_memory", 0.0),
            }
        )
    return found


def resources() -> dict[str, dict[str, float]]:
    """What the cluster has, and what of it is free."""
    if not ray.is_initialized():
        return {"total": {}, "free": {}}
    named = ("CPU", "memory", "object_store_memory")
    total, free = ray.cluster_resources(), ray.available_resources()
    return {"total": {n: total.get(n, 0.0) for n in named}, "free": {n: free.get(n, 0.0) for n in named}}


async def round_trips(targets: Sequence[tuple[str, str, int]]) -> dict[str, float | None]:
    """By name of ``(name, host, port)``: the median of five round trips in ms, each the set-up of a TCP connection.

    None where it does not answer within two seconds.
    """
    found = await asyncio.gather(*(_probed(host, port) for _, host, port in targets))
    return {name: rtt for (name, _, _), rtt in zip(targets, found, strict=True)}


async def _probed(host: str, port: int) -> float | None:
    times: list[float] = []
    for _ in range(TRIES):
        began = time.perf_counter()
        try:
            async with asyncio.timeout(TIMEOUT_S):
                _, writer = await asyncio.open_connection(host, port)
        except (OSError, TimeoutError):
            return None
        times.append((time.perf_counter() - began) * 1000)
        writer.close()
    return median(times)
