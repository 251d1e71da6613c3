"""Operational metrics over HTTP: this system, its cluster, and the services whose measurements come in."""

from __future__ import annotations

import asyncio
import time
from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request
from pydantic import BaseModel

from query.apart import deeds
from query.bounds import Stop
from query.operations.dashboard import Operated, OperationalDashboard
from serve import cluster
from serve.gateway import Gateway, gateway_of, principal
from serve.parameters import known_parameters
from serve.problems import REFUSALS
from serve.routes.operation import shown_or_none

router = APIRouter(tags=["operation"], responses=REFUSALS, dependencies=[Depends(known_parameters)])


class SystemHealth(BaseModel):
    """Percent of the busiest machine; ``network_latency``: round trip of a probe in ms; ``uptime`` in seconds. Null: not
    measured within the window."""

    cpu_usage: float | None
    memory_usage: float | None
    disk_usage: float | None
    network_latency: float | None
    uptime: float | None
    hosts: dict[str, dict[str, Any]]
    probes: dict[str, float | None]


class Performance(BaseModel):
    """``response_time`` p50, p95, p99 in ms; ``throughput`` requests a second; ``error_rate`` failed of valid requests."""

    response_time: dict[str, Any]
    throughput: float | None
    error_rate: float | None
    availability: dict[str, Any]
    requests: float
    failed: float


class Errors(BaseModel):
    """``error_rate`` is that of ``performance``; ``total_errors``: failed requests and logged errors."""

    total_errors: int
    error_rate: float | None
    top_errors: list[dict[str, Any]]
    error_trends: dict[str, Any]
    failed_requests: int
    logged_errors: int


class Service(BaseModel):
    name: str
    performance: Performance


class Operational(BaseModel):
    """docs/operations.md has every field."""

    system_health: SystemHealth
    performance: Performance
    errors: Errors
    alerts: list[dict[str, Any]]
    services: list[Service]
    hindcast: dict[str, Any]
    """Of this system: version, Ray nodes and resources, hosts (its actors), and each cell's state and lag."""
    window_s: float
    asked_at: float


@router.get("/v1/operational", response_model=Operational)
async def operational(
    request: Request,
    window: Annotated[
        str, Query(description="So much of the newest past: `15m`, `1h`, up to `6h`", max_length=40)
    ] = "1h",
    objective: Annotated[float | None, Query(description="Share of requests that is to be good, such as 0.999")] = None,
) -> dict[str, Any]:
    """How the system does: machine, cluster, requests of this replica, errors, alerts, and your own services."""
    await principal(request, "query")
    gateway = gateway_of(request)
    nodes = await asyncio.to_thread(cluster.nodes)
    targets = [(f"node {n['node']}", n["address"], n["port"]) for n in nodes if n["alive"] and n["port"]]
    network, cells, alerts = await asyncio.gather(
        cluster.round_trips(targets), gateway.hosts.health(), shown_or_none(gateway, "alerts")
    )
    open_ = list((alerts or {}).values())
    dashboard = OperationalDashboard(request.app.state.service_level, gateway.started, open_)
    wanted = gateway.spec.objective if objective is None else objective

    def work(stop: Stop) -> dict[str, Any]:
        def read(since_us: int, until_us: int) -> Operated:
            return gateway.apart.do(partial(deeds.operated, network=network, since_us=since_us, until_us=until_us,
                                            objective=wanted), stop)  # fmt: skip

        return dashboard.generate_operational_metrics(window, time.time(), wanted, read)

    said = await gateway.queries.run(request, work)
    hosted = [h._asdict() | {"host": gateway.hosts.where.cells.get(h.cell, "")} for h in cells]
    told = ("cell", "host", "state", "detail", "rows_behind", "commit", "stale")
    return {**said, "hindcast": {
        **await _ray(gateway, nodes),
        "actors": len(gateway.hosts.where.hosts),
        "cells": [{name: cell[name] for name in told} for cell in hosted],
        "rows_behind": sum(h.rows_behind for h in cells),
        "not_running": [h.cell for h in cells if h.state != "running"],
    }}  # fmt: skip


async def _ray(gateway: Gateway, nodes: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "version": gateway.spec.version,
        "placement": gateway.hosts.where.placement,
        "nodes": nodes,
        "resources": await asyncio.to_thread(cluster.resources),
        "since": gateway.started,
    }
