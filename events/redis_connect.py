"""The way to a server, by its URL."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

CONNECT_S = 2.0
SENTINEL_PORT = 26379
ANSWER_S = 5.0
"""A server that says nothing for so long is treated like one that is gone."""


def connect(url: str) -> Any:
    """A client that repeats nothing by itself: ``Server`` decides what may be repeated."""
    parts = urlsplit(url)
    kind, _, how = parts.scheme.partition("+")
    options: dict[str, Any] = {
        "retry": Retry(NoBackoff(), 0),
        "socket_timeout": ANSWER_S,
        "socket_connect_timeout": CONNECT_S,
        "health_check_interval": 0,
        "client_name": "hindcast",
    }
    if how == "cluster":
        options["retry"] = Retry(NoBackoff(), 3)  # of commands that went to a node which has handed the slot over
        return redis.RedisCluster.from_url(url.replace("+cluster", "", 1), **options)
    if how != "sentinel":
        if kind == "unix":
            del options["socket_connect_timeout"]
        return redis.Redis.from_url(url, **options)
    from redis.sentinel import Sentinel

    hosts = [host.partition(":") for host in parts.netloc.rpartition("@")[2].split(",")]
    primary, _, database = parts.path.strip("/").partition("/")
    tls = {name: values[0] for name, values in parse_qs(parts.query).items()} | (
        {"ssl": True} if kind == "rediss" else {}
    )
    who = {"username": parts.username, "password": unquote(parts.password) if parts.password else None}
    sentinel = Sentinel(
        [(host, int(port or SENTINEL_PORT)) for host, _, port in hosts],
        sentinel_kwargs={"socket_timeout": CONNECT_S, **tls},
    )
    return sentinel.master_for(primary, db=int(database or 0), **who, **tls, **options)
