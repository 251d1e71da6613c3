"""Requests with a connection and cookies of their own each, as ``httpx`` has them, that a busy machine does not end."""

from __future__ import annotations

from functools import partial

import httpx

from tests.running import PATIENCE_S

get = partial(httpx.get, timeout=PATIENCE_S)
post = partial(httpx.post, timeout=PATIENCE_S)
options = partial(httpx.options, timeout=PATIENCE_S)
Client = partial(httpx.Client, timeout=PATIENCE_S)
