"""Which other sites' pages may talk to us: the browser asks (CORS), ``server.cors_origins`` answers."""

from __future__ import annotations

from starlette.datastructures import Headers
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import Response
from starlette.types import ASGIApp

from serve.problems import answer


class Origins(CORSMiddleware):
    """Lets pages of the listed origins send events and ask, with an API key; says to others what is missing.

    Any header may be sent, for SDKs add their own (``X-Retry-Count``) and users may, too. Cookies are never asked for:
    a page of another site acts with the key that it holds.
    """

    def __init__(self, app: ASGIApp, origins: tuple[str, ...]) -> None:
        super().__init__(
            app,
            allow_origins=origins,
            allow_methods=["GET", "POST", "DELETE"],
            allow_headers=["*"],
            expose_headers=["retry-after"],
        )

    def preflight_response(self, request_headers: Headers) -> Response:
        origin = request_headers["origin"]
        if not self.is_allowed_origin(origin):
            reason = f"pages of {origin} may not send events here; add it to server.cors_origins in the configuration"
            return answer(403, "origin", reason, {"vary": "Origin"})
        return super().preflight_response(request_headers)
