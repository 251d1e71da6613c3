"""The OpenAPI description: what FastAPI knows of the routes, how one proves who one is, and examples that run."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

SCHEMES = {
    "key": {"type": "http", "scheme": "bearer", "description": "An API key: `hc_…`"},
    "keyAsUser": {"type": "http", "scheme": "basic", "description": "An API key as user name; no password"},
}
OPEN = ("/health", "/ready", "/metrics", "/v1/session", "/v1/webhooks/{endpoint}")
"""Paths that ask for no key."""


def described(app: FastAPI) -> dict[str, Any]:
    """The OpenAPI document of ``app``, made once."""
    if app.openapi_schema is None:
        document = get_openapi(title=app.title, version=app.version, description=app.description, routes=app.routes)
        document.setdefault("components", {})["securitySchemes"] = SCHEMES
        for path, operations in document["paths"].items():
            for operation in operations.values():
                operation["security"] = [] if path in OPEN else [{name: []} for name in SCHEMES]
        app.openapi_schema = document
    return app.openapi_schema
