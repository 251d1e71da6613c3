"""Fetching: one GET with its bounds (time, size, redirects, where it may go), and what became of it in plain words."""

from __future__ import annotations

import base64
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, NamedTuple

import httpx
from pydantic import Field, StringConstraints

from actors.definitions.channel_section import Reference
from actors.definitions.schema import Section, Word
from actors.edges.guard import Guard, GuardedTransport
from actors.edges.retry_after import seconds_of
from actors.edges.secrets import secret_at
from actors.parts import SourceSection, Within
from events.errors import Transient
from serve.ingest.times import parse_time

REDIRECTS = 5
LONGEST_WAIT_S = 86_400.0
"""A receiver that asks for a longer pause is asked again after so much."""
_AGENT = "hindcast (a source of an analytics system)"
Url = Annotated[str, StringConstraints(pattern=r"^https?://[^/?#\s]+\S*$")]


class Auth(Section):
    """How a request says who asks. The secret itself never stands in a configuration: ``env:NAME`` or ``file:NAME``."""

    secret: Reference
    header: str = "Authorization"
    scheme: str = "Bearer"
    """What stands in front of the secret in the header; empty: nothing."""
    user: str | None = None
    """Basic authentication with this user; ``header`` and ``scheme`` say nothing then."""
    param: str | None = None
    """The secret goes into this parameter of the URL instead of a header."""


class FetchSection(SourceSection):
    """What all sources share that fetch over HTTP."""

    every_s: float = Field(default=60.0, ge=0.1, le=86_400)
    """How often it is asked while there is nothing more."""
    timeout_s: float = Field(default=10.0, gt=0, le=120)
    """For one answer as a whole."""
    max_mb: float = Field(default=32.0, gt=0, le=1024)
    """An answer that is larger is refused."""
    headers: dict[str, str] = Field(default_factory=dict[str, str])
    auth: Auth | None = None
    source: Word | None = None
    """The source that the events name; None: the name of this entry."""


class Answer(NamedTuple):
    """What came back: ``status`` is 200 to 299, or 304."""

    url: str
    status: int
    headers: httpx.Headers
    body: bytes

    @property
    def media(self) -> str:
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()


@dataclass(frozen=True, slots=True)
class FetchSpec:
    """How a source fetches: picklable; a ``Fetcher`` is made of it in the process that reads."""

    allowed: tuple[str, ...]
    secrets: Path
    timeout_s: float = 10.0
    most_bytes: int = 32 << 20
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    auth: Auth | None = None

    @classmethod
    def of(cls, section: FetchSection, within: Within) -> FetchSpec:
        return cls(
            within.allow_private,
            within.secrets,
            section.timeout_s,
            int(section.max_mb * (1 << 20)),
            section.headers,
            section.auth,
        )

    def credentials(self) -> tuple[dict[str, str], dict[str, str]]:
        """Headers and parameters that say who asks. Raises ``Rejected`` where the secret is not there."""
        auth = self.auth
        if auth is None:
            return {}, {}
        secret = secret_at(auth.secret, self.secrets, "secret")
        if auth.param:
            return {}, {auth.param: secret}
        if auth.user is not None:
            said = base64.b64encode(f"{auth.user}:{secret}".encode()).decode()
            return {"Authorization": f"Basic {said}"}, {}
        return {auth.header: f"{auth.scheme} {secret}".strip()}, {}


class Fetcher:
    """Fetches over HTTP within the bounds of ``fetching``; it keeps connections until it is closed."""

    def __init__(self, fetching: FetchSpec) -> None:
        self._fetching = fetching
        self._client = httpx.Client(
            transport=GuardedTransport(Guard(fetching.allowed)),
            headers={"user-agent": _AGENT, **fetching.headers},
            timeout=fetching.timeout_s,
            trust_env=False,  # a proxy would resolve names behind the guard's back
        )

    def get(
        self, url: str, params: Mapping[str, str] | None = None, headers: Mapping[str, str] | None = None
    ) -> Answer:
        """The answer to one GET.

        Raises ``Rejected`` for an address that may not be asked or a secret that is not there, and ``Transient`` for all
        that may pass: no answer in time, too much of it, 4xx and 5xx; with the pause that ``Retry-After`` asks for.
        """
        said, secret_params = self._fetching.credentials()
        asked = httpx.URL(url).copy_merge_params({**(params or {}), **secret_params})
        request = self._client.build_request("GET", asked, headers={**(headers or {}), **said})
        deadline = time.monotonic() + self._fetching.timeout_s
        for _ in range(REDIRECTS + 1):
            response = self._sent(request, deadline)
            if response.next_request is None:
                return self._judged(response)
            following = response.next_request
            if _origin(following.url) != _origin(asked):
                for name in (*said, *self._fetching.headers, "cookie"):
                    following.headers.pop(name, None)
            request = following
        raise Transient(f"{shown(url)} redirects more than {REDIRECTS} times")

    def body(self, url: str) -> bytes:
        """What one GET answers, as ``get`` has it."""
        return self.get(url).body

    def _sent(self, request: httpx.Request, deadline: float) -> httpx.Response:
        name, most = shown(request.url), self._fetching.most_bytes
        body = bytearray()
        try:
            response = self._client.send(request, stream=True)
            try:
                for piece in response.iter_bytes():
                    body += piece
                    if len(body) > most:
                        raise Transient(
                            f"{name} answers more than {most / (1 << 20):g} MB; raise `max_mb`, or ask for less"
                        )
                    if time.monotonic() > deadline:
                        raise httpx.ReadTimeout("the answer takes too long")
            finally:
                response.close()
        except httpx.TimeoutException:
            raise Transient(f"{name} has not answered within {self._fetching.timeout_s:g} s") from None
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise Transient(f"{name}: {type(error).__name__}: {error}") from error
        whole = httpx.Response(
            response.status_code, headers=_plain(response.headers), content=bytes(body), request=request
        )
        whole.next_request = response.next_request
        return whole

    def _judged(self, response: httpx.Response) -> Answer:
        status = response.status_code
        if response.is_success or status == 304:
            return Answer(str(response.url), status, response.headers, response.content)
        wait_s = _pause_s(response.headers)
        remedy = {
            401: "; check `auth`: the secret may be wrong or may have expired",
            403: "; check `auth` and what the key may read",
            404: "; check `url`",
            429: "; it is asked again when it allows that",
        }.get(status, "")
        text = " ".join(response.text[:160].split())
        raise Transient(f"{shown(response.url)} answers {status}{remedy}: {text}", min(wait_s, LONGEST_WAIT_S))

    def close(self) -> None:
        self._client.close()


def _pause_s(headers: httpx.Headers) -> float:
    """For how long the server wants no request: by ``Retry-After``, or by when a limit is lifted (Mastodon, GitHub)."""
    asked = seconds_of(headers.get("retry-after", ""), time.time())
    lifted = headers.get("x-ratelimit-reset", "")
    if asked is None and headers.get("x-ratelimit-remaining") == "0" and lifted:
        try:
            at_us = int(float(lifted) * 1_000_000) if lifted.replace(".", "", 1).isdigit() else parse_time(lifted)
        except ValueError:
            at_us = None
        asked = at_us / 1_000_000 - time.time() if at_us is not None else None
    return max(asked or 0.0, 0.0)


def shown(url: httpx.URL | str) -> str:
    """A URL without what may be secret in it: user, password, query."""
    return str(httpx.URL(str(url)).copy_with(userinfo=b"", query=None, fragment=None))


def refuse_markup(answer: Answer, wanted: str) -> None:
    """Raises ``Transient`` where a page came instead of data: that of a login, of an error, of a network's own door."""
    if answer.media == "text/html" or answer.body.lstrip()[:15].lower().startswith((b"<!doctype html", b"<html")):
        text = " ".join(answer.body[:160].decode("utf-8", "replace").split())
        raise Transient(f"{shown(answer.url)} answers a page of HTML, not {wanted}: {text}")


def _origin(url: httpx.URL) -> tuple[str, str, int | None]:
    return url.scheme, url.host, url.port


def _plain(headers: httpx.Headers) -> list[tuple[str, str]]:
    """Headers of a body that is decoded already."""
    return [
        (k, v) for k, v in headers.multi_items() if k not in ("content-encoding", "content-length", "transfer-encoding")
    ]
