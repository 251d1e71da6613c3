"""The two applications as Ray Serve deploys them.

Their modules are imported only when the functions are called, in the process that serves. The process that deploys them does
without the 50 MB of libraries that they need.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from serve.spec import GatewaySpec

if TYPE_CHECKING:
    from fastapi import FastAPI
    from starlette.types import ASGIApp


def gateway_app(spec: GatewaySpec) -> FastAPI:
    """The application of ``serve.app``: every route and the page, but not the live socket."""
    from serve.app import create_gateway

    return create_gateway(spec)


def live_app(spec: GatewaySpec) -> ASGIApp:
    """The application of ``serve.live``: the socket that the page listens to."""
    from serve.live import create_live

    return create_live(spec)
