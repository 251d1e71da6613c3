"""What is fetched goes where it may go, within its bounds, and what fails is said in words that help."""

from __future__ import annotations

import socket
import time
from pathlib import Path
from typing import Any

import httpx
import pytest

from actors.edges.guard import Guard, is_public
from actors.parts import Within
from config.settings import Settings
from events.errors import Rejected, Transient
from hindcast.topology import cells
from serve.sources.fetching import Auth, Fetcher, FetchSpec
from tests.answering import Answering, Asked, Says


def fetcher(folder: Path, allowed: tuple[str, ...] = ("localhost",), **options: Any) -> Fetcher:
    return Fetcher(FetchSpec(allowed, folder, **{"timeout_s": 60.0, **options}))


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "0.0.0.0", "100.64.0.1", "224.0.0.1",
        "255.255.255.255", "::1", "::", "fe80::1", "fe80::1%eth0", "fc00::1", "ff02::1", "::ffff:127.0.0.1",
        "::ffff:10.0.0.1", "64:ff9b::a9fe:a9fe", "2002:7f00:1::", "not an address",
    ],
)  # fmt: skip
def test_what_is_no_part_of_the_public_internet(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("address", ["1.1.1.1", "93.184.216.34", "2606:4700:4700::1111", "64:ff9b::101:101"])
def test_what_is(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:{}", "http://localhost:{}", "http://[::1]:{}", "http://2130706433:{}"]
)
def test_a_private_address_is_not_asked_unless_it_is_named(server: Answering, tmp_path: Path, url: str) -> None:
    with pytest.raises(Rejected, match=r"fetching\.allow_private"):
        fetcher(tmp_path, allowed=()).get(url.format(server.port))
    assert server.asked == []


def test_a_name_is_allowed_as_a_whole_or_at_one_port() -> None:
    assert Guard(["localhost"]).addresses("LOCALHOST", 80)
    assert Guard(["localhost:81"]).addresses("localhost", 81)
    with pytest.raises(Rejected):
        Guard(["localhost:81"]).addresses("localhost", 82)
    with pytest.raises(Rejected, match=r"name 127\.0\.0\.1"):
        Guard(["localhost"]).addresses("127.0.0.1", 80)


def test_a_redirect_to_a_private_address_is_refused(server: Answering, tmp_path: Path) -> None:
    server.answers["/in"] = Says(status=302, headers={"location": f"http://127.0.0.1:{server.port}/secrets"})
    with pytest.raises(Rejected, match=r"127\.0\.0\.1 is not an address of the public internet"):
        fetcher(tmp_path).get(server.url + "/in")
    assert [asked.path for asked in server.asked] == ["/in"]


def test_a_name_is_resolved_once_and_that_address_is_asked(
    server: Answering, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A name that is public when it is looked at and private when it is connected to would pass a check made apart."""
    told: list[str] = []
    real = socket.getaddrinfo

    def rebinding(host: Any, *rest: Any, **more: Any) -> Any:
        if host != "rebinding.example":
            return real(host, *rest, **more)
        told.append(host)
        return real("127.0.0.1" if len(told) == 1 else "127.0.0.9", *rest, **more)

    monkeypatch.setattr(socket, "getaddrinfo", rebinding)
    server.answers["/"] = Says("here")
    answer = fetcher(tmp_path, allowed=("rebinding.example",)).get(f"http://rebinding.example:{server.port}/")
    assert (answer.body, told) == (b"here", ["rebinding.example"])
    assert server.asked[0].headers["host"] == f"rebinding.example:{server.port}"


def test_secrets_come_from_their_place_and_stay_with_the_one_they_are_for(
    server: Answering, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "shop").write_text("abc\n")
    monkeypatch.setenv("SHOP_KEY", "xyz")
    server.answers["/data"] = Says("ok")
    for auth in (
        Auth(secret="file:shop"),
        Auth(secret="env:SHOP_KEY", header="X-Api-Key", scheme=""),
        Auth(secret="file:shop", user="ada"),
        Auth(secret="file:shop", param="key"),
    ):
        fetcher(tmp_path, auth=auth).get(server.url + "/data")
    first, second, third, fourth = server.asked
    assert first.headers["authorization"] == "Bearer abc"
    assert second.headers["x-api-key"] == "xyz"
    assert third.headers["authorization"] == "Basic YWRhOmFiYw=="
    assert fourth.params == {"key": "abc"}
    elsewhere = f"http://127.0.0.1:{server.port}/data"
    server.answers["/moved"] = Says(status=307, headers={"location": elsewhere})
    both = fetcher(
        tmp_path, ("localhost", "127.0.0.1"), auth=Auth(secret="env:SHOP_KEY", header="X-Api-Key", scheme="")
    )
    both.get(server.url + "/moved")
    assert "x-api-key" not in server.asked[-1].headers


def test_a_secret_that_is_not_there_is_named_and_nothing_is_asked(server: Answering, tmp_path: Path) -> None:
    with pytest.raises(Rejected, match=r"the file .*/nothing, which is not there; write the secret into it"):
        fetcher(tmp_path, auth=Auth(secret="file:nothing")).get(server.url)
    assert server.asked == []


@pytest.mark.parametrize(
    ("answer", "timeout_s", "said"),
    [
        (Says("<h1>broken</h1>", 500), 60, "answers 500: <h1>broken</h1>"),
        (Says("who?", 401), 60, "answers 401; check `auth`"),
        (Says(pause_s=60), 0.5, "has not answered within 0.5 s"),
        (Says("a" * 600, drip_s=0.1), 0.5, "has not answered within 0.5 s"),
        (Says(b"x" * 2_000_000), 60, "answers more than 1 MB; raise `max_mb`"),
        (Says("x", headers={"content-length": "9"}), 0.5, "ReadError|RemoteProtocolError|0.5 s"),
    ],
)
def test_what_fails_is_said(server: Answering, tmp_path: Path, answer: Says, timeout_s: float, said: str) -> None:
    server.answers["/data"] = answer
    started = time.monotonic()
    with pytest.raises(Transient, match=said) as failed:
        fetcher(tmp_path, timeout_s=timeout_s, most_bytes=1 << 20).get(server.url + "/data", {"token": "hush"})
    assert "hush" not in str(failed.value)
    assert time.monotonic() - started < 30


def test_who_asks_for_a_pause_gets_it(server: Answering, tmp_path: Path) -> None:
    server.answers["/data"] = Says("slow down", 429, {"retry-after": "120"})
    with pytest.raises(Transient) as failed:
        fetcher(tmp_path).get(server.url + "/data")
    assert failed.value.retry_after_s == 120


def test_redirects_without_end_end(server: Answering, tmp_path: Path) -> None:
    server.answers["/round"] = Says(status=302, headers={"location": "/round"})
    with pytest.raises(Transient, match="more than 5 times"):
        fetcher(tmp_path).get(server.url + "/round")


def test_no_proxy_of_the_environment_gets_between(
    server: Answering, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    server.answers["/"] = lambda asked: Says(asked.headers["host"])
    assert fetcher(tmp_path).get(server.url).body.decode() == httpx.URL(server.url).netloc.decode()


def test_the_configuration_names_what_may_be_private(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text(
        "fetching: {allow_private: ['localhost:9100']}\nsources: {node: {kind: prometheus, url: 'http://localhost:9100/metrics'}}"
    )
    found = {spec.name: spec for spec in cells(Settings.load(tmp_path / "mine.yaml"), tmp_path)}
    pull: Any = found["main/api_metrics.node/0"].drive
    target = pull.source(lambda: 0)
    assert target.fetch.allowed == ("localhost:9100",)
    assert Within("t", tmp_path, 0).allow_private == ()


def test_what_is_asked_arrives(server: Answering, tmp_path: Path) -> None:
    seen: list[Asked] = server.asked
    server.answers["/data"] = Says({"a": 1})
    answer = fetcher(tmp_path, headers={"accept": "application/json"}).get(server.url + "/data?x=1", {"y": "2"})
    assert (answer.media, answer.body, answer.status) == ("application/json", b'{"a":1}', 200)
    assert (seen[0].params, seen[0].headers["accept"]) == ({"x": "1", "y": "2"}, "application/json")
