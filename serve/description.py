"""The OpenAPI description: what FastAPI knows of the routes, how one proves who one is, and examples that run."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

SCHEMES = {
    "key": {"type": "http", "scheme": "bearer", "description": "An API key: `hc_…`"},
    "writeKey": {"type": "http", "scheme": "basic", "description": "An API key as user name; no password"},
}
BASIC_TOO = ("ingest",)
"""Tags of the routes that take a key by basic auth, as Segment's SDKs send it."""
OPEN = ("/health", "/ready", "/metrics", "/v1/session")
"""Paths that ask for no key."""


def described(app: FastAPI) -> dict[str, Any]:
    """The OpenAPI document of ``app``, made once."""
    if app.openapi_schema is None:
        document = get_openapi(title=app.title, version=app.version, description=app.description, routes=app.routes)
        document.setdefault("components", {})["securitySchemes"] = SCHEMES
        for path, operations in document["paths"].items():
            for operation in operations.values():
                basic = [{"writeKey": []}] if set(operation.get("tags", ())) & set(BASIC_TOO) else []
                operation["security"] = [] if path in OPEN else [{"key": []}, *basic]
        app.openapi_schema = document
    return app.openapi_schema
