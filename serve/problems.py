"""Errors as answers: each says the field, what is wrong and how to mend it; a bug says only a reference to the log."""

from __future__ import annotations

import logging
import secrets
from math import ceil
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel
from starlette.exceptions import HTTPException

from events.errors import Overloaded, Rejected, Transient
from query.history import Withheld
from serve.access import Denied, Forbidden, NoKey
from serve.ingest.verdicts import TooLarge, UnsupportedMedia
from serve.querying import Gone

logger = logging.getLogger(__name__)


class Problem(BaseModel):
    """``ref`` is written to the log with the details."""

    field: str
    reason: str
    ref: str


class Failure(BaseModel):
    error: Problem


class NotAcceptable(Rejected):
    """The request asks for an answer in a form that there is not (406)."""


class Owned(Rejected):
    """It belongs to a configuration file, which the reason names (409)."""


class Changed(Rejected):
    """Somebody else changed it meanwhile (409)."""


STATUS: dict[type[Rejected], int] = {
    Denied: 401,
    NoKey: 401,
    Forbidden: 403,
    Withheld: 403,
    Owned: 409,
    Changed: 409,
    TooLarge: 413,
    UnsupportedMedia: 415,
    NotAcceptable: 406,
}
REFUSALS: dict[int | str, dict[str, Any]] = {
    400: {"model": Failure, "description": "The request is wrong: field and reason say how to mend it"},
    401: {"model": Failure, "description": "No API key, or an unknown one"},
    403: {"model": Failure, "description": "The key lacks the scope"},
    404: {"model": Failure, "description": "There is no such thing"},
    409: {"model": Failure, "description": "A configuration file declares it, or it was changed meanwhile"},
    413: {"model": Failure, "description": "The body is too large"},
    429: {"model": Failure, "description": "The disk is nearly full: again after Retry-After seconds"},
    503: {"model": Failure, "description": "Not now: try again after Retry-After seconds"},
}


class Missing(Rejected):
    """There is no such thing (404)."""


def answer(status: int, field: str, reason: str, headers: dict[str, str] | None = None) -> JSONResponse:
    problem = Problem(field=field, reason=reason, ref=secrets.token_hex(4))
    return JSONResponse({"error": problem.model_dump()}, status, headers)


def install(app: FastAPI) -> None:
    """Turn every error that leaves a route into an answer."""

    @app.exception_handler(Rejected)
    def rejected(_: Request, error: Rejected) -> JSONResponse:  # pyright: ignore[reportUnusedFunction]
        status = 404 if isinstance(error, Missing) else STATUS.get(type(error), 400)
        invalid = "" if isinstance(error, NoKey) else ', error="invalid_token"'  # as RFC 6750, 3.1, tells them apart
        headers = {"www-authenticate": f'Bearer realm="hindcast"{invalid}'} if status == 401 else None
        return answer(status, error.field, error.reason, headers)

    @app.exception_handler(Gone)
    def gone(_: Request, error: Gone) -> Response:  # pyright: ignore[reportUnusedFunction]
        return Response(status_code=499)  # nobody reads it

    @app.exception_handler(Transient)
    def transient(_: Request, error: Transient) -> JSONResponse:  # pyright: ignore[reportUnusedFunction]
        status = 429 if isinstance(error, Overloaded) else 503
        return answer(status, "", error.reason, {"retry-after": str(max(1, ceil(error.retry_after_s)))})

    @app.exception_handler(RequestValidationError)
    def invalid(_: Request, error: RequestValidationError) -> JSONResponse:  # pyright: ignore[reportUnusedFunction]
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"] if part not in ("body", "query", "path"))
        return answer(400, place or "body", str(first["msg"]).removeprefix("Value error, "))

    @app.exception_handler(HTTPException)
    def http(_: Request, error: HTTPException) -> JSONResponse:  # pyright: ignore[reportUnusedFunction]
        return answer(error.status_code, "", str(error.detail), dict(error.headers or {}))

    @app.exception_handler(Exception)
    def bug(request: Request, error: Exception) -> JSONResponse:  # pyright: ignore[reportUnusedFunction]
        response = answer(500, "", "an error of ours; the log has the details under this reference")
        logger.error("%s %s -> %s", request.method, request.url.path, bytes(response.body).decode(), exc_info=error)
        return response
