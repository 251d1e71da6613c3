"""The page, and the API's at ``/docs``: built assets from ``serve/ui``, with headers that let nothing in from elsewhere."""

from __future__ import annotations

from pathlib import Path

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from serve.gateway import gateway_of
from serve.routes.session import open_link
from serve.routes.shares import open_shared

ASSETS = Path(__file__).parent / "ui"
POLICY = (
    "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; connect-src 'self'; "
    "frame-ancestors 'none'; base-uri 'none'; form-action 'self'"
)
HEADERS = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
}


class Page(StaticFiles):
    """Assets carry their hash in the name and are kept for a year; the page itself is asked for each time."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        response = await super().get_response("docs/index.html" if path == "docs" else path, scope)
        response.headers.update(HEADERS)
        hashed = path.startswith("assets/")
        response.headers["cache-control"] = "public, max-age=31536000, immutable" if hashed else "no-cache"
        return response


def install(app: FastAPI) -> None:
    """Serve the page at ``/`` and its files beside it, and no other path: a wrong one gets an answer that says so."""
    page = Page(directory=ASSETS, html=True)

    async def file(request: Request) -> Response:
        token = request.query_params.get("token")
        if token is not None and request.url.path == "/" and request.method == "GET":
            return await open_link(request, token)
        return await page.get_response(page.get_path(request.scope), request.scope)

    async def shared(request: Request) -> Response:
        index = await page.get_response("index.html", request.scope)
        return await open_shared(gateway_of(request), request.path_params["token"], index, POLICY)

    app.add_route("/shared/{token}", shared, methods=["GET"], include_in_schema=False)
    names = [path.name for path in ASSETS.iterdir() if path.is_file() and path.name != "index.html"]
    for path in ("/", "/assets/{name:path}", "/docs", "/docs/{name:path}", *(f"/{name}" for name in sorted(names))):
        app.add_route(path, file, methods=["GET"], include_in_schema=False)
