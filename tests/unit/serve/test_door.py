"""Whose page asks: a cookie counts for our own page only, whatever proxy stands in between."""

from __future__ import annotations

import pytest
from starlette.requests import HTTPConnection

from serve.access import Denied
from serve.gateway import bearer, foreign


def connection(**headers: str) -> HTTPConnection:
    raw = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    return HTTPConnection({"type": "http", "headers": raw})


@pytest.mark.parametrize(
    ("headers", "is_foreign"),
    [
        ({"host": "127.0.0.1:8000"}, False),
        ({"host": "127.0.0.1:8000", "sec_fetch_site": "none"}, False),
        ({"host": "127.0.0.1:8000", "sec_fetch_site": "same-origin", "origin": "http://127.0.0.1:8000"}, False),
        ({"host": "127.0.0.1:8000", "origin": "http://127.0.0.1:8000"}, False),
        # a proxy that asks in its own name, in front of https
        ({"host": "127.0.0.1:8000", "sec_fetch_site": "same-origin", "origin": "https://hindcast.example"}, False),
        # the same over http, where the browser says no Sec-Fetch-Site: the proxy must hand Host on
        ({"host": "127.0.0.1:8000", "origin": "http://hindcast.example"}, True),
        # another program's page on another port of the same host, which SameSite=Strict lets through
        ({"host": "localhost:8000", "sec_fetch_site": "same-site", "origin": "http://localhost:3000"}, True),
        ({"host": "localhost:8000", "origin": "http://localhost:3000"}, True),
        ({"host": "localhost:8000", "sec_fetch_site": "cross-site"}, True),
        ({"host": "localhost:8000", "origin": "null"}, True),
        # an origin that is named like ours by a page that is not
        ({"host": "localhost:8000", "sec_fetch_site": "cross-site", "origin": "http://localhost:8000"}, True),
    ],
)
def test_whose_page_asks(headers: dict[str, str], is_foreign: bool) -> None:
    assert foreign(connection(**headers)) is is_foreign


@pytest.mark.parametrize(
    ("header", "key"),
    [("Bearer hc_x", "hc_x"), ("bearer   hc_x ", "hc_x"), ("Basic aGNfeDo=", "hc_x"), ("", None)],
)
def test_the_key_of_a_header(header: str, key: str | None) -> None:
    assert bearer(connection(authorization=header)) == key


@pytest.mark.parametrize("header", ["Bearer", "Token hc_x", "hc_x"])
def test_a_malformed_header_is_denied(header: str) -> None:
    with pytest.raises(Denied, match="must be `Bearer <key>`"):
        bearer(connection(authorization=header))
