"""Logs of programs and of web servers: every form, and lines that are none."""

from __future__ import annotations

import gzip
import json
import logging
import os
import re
import shutil
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from actors.parts import Within
from actors.source import Source
from events.collected import SYSTEM_LOGS
from hindcast.testing import keeps_the_source_rules
from serve.sources.logs import PART
from serve.website.reading import read
from tests.running import free_port

NOW = 1_795_495_200_000_000  # 2026-11-24T04:40:00Z
LOGS, ACCESS = PART.sources


class Followed:
    def __init__(self, path: Path, kind: Any = LOGS, now: int = NOW, **said: Any) -> None:
        zone = {} if kind is ACCESS else {"zone": "Europe/Berlin"}
        section = kind.section.model_validate({"path": path, **zone, **said})
        self.make: Callable[[], Source] = lambda: kind.source(section, "shop", Within("t", path, 0))(lambda: now)
        self.reader = self.make().open(None)
        self.position: bytes | None = None
        self.refused: list[str] = []

    def rows(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        while True:
            read = self.reader.read()
            self.position = read.position or self.position
            self.refused += [row["reason"] for row in read.refused.to_pylist()] if read.refused else []
            found += read.rows.to_pylist()
            if read.wake_at_us is not None:
                return found

    def restart(self) -> None:
        self.reader.close()
        self.reader = self.make().open(self.position)


def brief(row: dict[str, Any]) -> tuple[Any, ...]:
    return row["time"].strftime("%T"), row["severity"], row["subject"], row["message"]


@pytest.mark.parametrize(
    ("line", "at", "severity", "message"),
    [
        ("2026-11-23 10:00:00,123 ERROR shop: no stock", "09:00:00", "error", "ERROR shop: no stock"),
        ("2026-11-23T10:00:00Z INFO begun", "10:00:00", "info", "INFO begun"),
        (
            "[2026-11-23 10:00:00,123 I 12 12] (raylet) main.cc:1: up",
            "09:00:00",
            "info",
            "I 12 12] (raylet) main.cc:1: up",
        ),
        ("2026/11/23 10:00:00 [error] 7#7: *1 open() failed", "09:00:00", "error", "[error] 7#7: *1 open() failed"),
        ("2026-11-23T10:00:00+05:30 WARN slow", "04:30:00", "warning", "WARN slow"),
        ("something was said of errors", "04:40:00", None, "something was said of errors"),
        ("2026-99-99 10:00:00 FATAL", "04:40:00", "critical", "2026-99-99 10:00:00 FATAL"),
    ],
)
def test_text(tmp_path: Path, line: str, at: str, severity: str | None, message: str) -> None:
    (tmp_path / "app.log").write_text(line + "\n")
    (row,) = Followed(tmp_path / "app.log").rows()
    assert brief(row) == (at, severity, None, message)


def test_what_pythons_logging_writes(tmp_path: Path) -> None:
    handler = logging.FileHandler(tmp_path / "app.log")
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s %(message)s"))
    logger = logging.Logger("shop")
    logger.addHandler(handler)
    began = time.time()
    logger.warning("stock is low")
    try:
        raise ZeroDivisionError("by zero")
    except ZeroDivisionError:
        logger.exception("it failed")
    handler.close()
    rows = Followed(tmp_path / "app.log", now=time.time_ns() // 1000, zone=None).rows()
    assert [row["severity"] for row in rows[:2]] == ["warning", "error"]
    assert abs(rows[0]["time"].timestamp() - began) < 5, "local time is read as such"
    assert [row["message"] for row in rows[2:]][-1] == "ZeroDivisionError: by zero"
    assert len({row["time"] for row in rows[1:]}) == 1, "lines that say no time go on with the line before"


def test_json(tmp_path: Path) -> None:
    (tmp_path / "app.log").write_text(
        '{"time":"2026-11-23T10:00:00Z","level":"warn","msg":"low","logger":"shop","sku":7}\n'
        '{"ts":1795428000.5,"level":50,"message":"bad","hostname":"n1","name":"api"}\n'
        '{"asctime":"2026-11-23 11:00:00,500","levelname":"CRITICAL","message":{"a":1}}\n'
        '["no object"]\n{"half": \n{"time":"soon","msg":"x"}\n'
    )
    followed = Followed(tmp_path / "app.log", format="json")
    rows = followed.rows()
    assert [brief(row) for row in rows] == [
        ("10:00:00", "warning", "shop", "low"),
        ("10:00:00", "error", "api", "bad"),
        ("10:00:00", "critical", None, '{"a":1}'),
    ]
    assert (rows[0]["properties"], rows[1]["host"]) == ('{"sku":7}', "n1")
    assert ["no object" in followed.refused[0], "not JSON" in followed.refused[1]] == [True, True]
    assert len(followed.refused) == 3


def test_logfmt(tmp_path: Path) -> None:
    (tmp_path / "app.log").write_text(
        'time=2026-11-23T10:00:00Z level=info msg="user \\"ada\\" came" app=shop ms=12 cached\nno pairs here\na="b c\n'
    )
    followed = Followed(tmp_path / "app.log", format="logfmt")
    (row,) = followed.rows()
    assert brief(row) == ("10:00:00", "info", "shop", 'user "ada" came')
    assert row["properties"] == '{"ms":"12","cached":true}'
    assert len(followed.refused) == 2


DATA = '[a@1 k="v \\"w\\]" l="2"][b@1]'


@pytest.mark.parametrize(
    ("line", "expected", "host"),
    [
        ("<34>1 2026-11-23T10:00:00.003Z n1 su 7 ID47 - 'su' failed", ("10:00:00", "critical", "su", "'su' failed"), "n1"),
        (f"<165>1 2026-11-23T10:00:00+01:00 n1 app - - {DATA} \ufeffhi", ("09:00:00", "info", "app", "hi"), "n1"),
        ("<11>Nov 23 10:00:00 n1 shop[12]: no stock", ("09:00:00", "error", "shop", "no stock"), "n1"),
        ("Nov  3 10:00:00 n1 kernel: [1.5] up", ("09:00:00", None, "kernel", "[1.5] up"), "n1"),
        ("2026-11-23T10:00:00.5+01:00 n1 CRON[9]: (root) CMD (x)", ("09:00:00", None, "CRON", "(root) CMD (x)"), "n1"),
        ("<13>1 - - - - - -", ("04:40:00", "info", None, ""), None),
    ],
)  # fmt: skip
def test_syslog(tmp_path: Path, line: str, expected: tuple[Any, ...], host: str | None) -> None:
    (tmp_path / "syslog").write_text(line + "\n")
    (row,) = Followed(tmp_path / "syslog", format="syslog").rows()
    assert (brief(row), row["host"]) == (expected, host)


def test_structured_data_and_the_year_that_rfc_3164_does_not_say(tmp_path: Path) -> None:
    (tmp_path / "syslog").write_text(
        f"<165>1 2026-11-23T10:00:00Z n app p m {DATA} hi\nDec 31 10:00:00 n a: old\nFeb 29 10:00:00 n a: x\nword\n"
    )
    followed = Followed(tmp_path / "syslog", format="syslog")
    old, row = followed.rows()
    assert row["properties"] == '{"procid":"p","msgid":"m","a@1":{"k":"v \\"w]","l":"2"},"b@1":{}}'
    assert old["time"].year == 2025
    assert len(followed.refused) == 2, "2026 and 2025 have no 29 February"


@pytest.mark.skipif(shutil.which("logger") is None, reason="needs logger: apt-get install bsdutils")
@pytest.mark.parametrize("form", ["--rfc5424", "--rfc3164"])
def test_what_the_logger_of_debian_writes(tmp_path: Path, form: str) -> None:
    said = [
        "logger",
        "--no-act",
        "-s",
        "--socket-errors=off",
        form,
        "-p",
        "user.err",
        "-t",
        "shop",
        "--id=42",
        "no stock",
    ]
    line = subprocess.run(said, capture_output=True, text=True, check=True, timeout=600).stderr
    (tmp_path / "syslog").write_text(line)
    (row,) = Followed(tmp_path / "syslog", now=time.time_ns() // 1000, format="syslog", zone=None).rows()
    assert (row["severity"], row["subject"], row["message"]) == ("error", "shop", "no stock")
    assert abs(row["time"].timestamp() - time.time()) < 60


COMBINED = (
    '203.0.113.7 - ada [23/Nov/2026:10:00:00 +0100] "GET /pricing?utm_source=x HTTP/1.1" 200 512 '
    '"https://a.example/" "Mozilla/5.0 (X)"'
)


def test_access_logs(tmp_path: Path) -> None:
    (tmp_path / "access.log").write_text(
        f"{COMBINED} 0.123\n"
        '203.0.113.7 - - [23/Nov/2026:10:00:01 +0100] "POST /cart HTTP/2.0" 302 -\n'
        'shop.example:443 2001:db8::1 - - [23/Nov/2026:10:00:02 +0100] "GET /a\\"b HTTP/1.1" 404 0 "-" "x \\xC3"\n'
        '198.51.100.9 - - [23/Nov/2026:10:00:03 +0100] "\\x16\\x03\\x01" 400 150 "-" "-"\n'
        "what is this\n"
        '1.1.1.1 - - [99/Nov/2026:10:00:00 +0100] "GET / HTTP/1.1" 200 1\n'
    )
    followed = Followed(tmp_path / "access.log", ACCESS)
    first, second, third, fourth = followed.rows()
    assert (first["method"], first["path"], first["status"], first["bytes"]) == ("GET", "/pricing", 200, 512)
    assert (first["subject"], first["referrer"], first["agent"]) == (
        "203.0.113.7",
        "https://a.example/",
        "Mozilla/5.0 (X)",
    )
    assert first["time"].isoformat() == "2026-11-23T09:00:00+00:00"
    assert '"query":"utm_source=x"' in first["properties"]
    assert '"rest":"0.123"' in first["properties"]
    assert (second["method"], second["status"], second["bytes"], second["agent"]) == ("POST", 302, 0, None)
    assert (third["subject"], third["path"], third["agent"]) == ("2001:db8::1", '/a"b', "x \xc3")
    assert (fourth["method"], fourth["status"]) == (None, 400)
    assert len(followed.refused) == 2


@pytest.mark.parametrize(
    ("agent", "bot"),
    [
        ("Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)", True),
        (
            "Mozilla/5.0 AppleWebKit/537.36 (KHTML, like Gecko; compatible; GPTBot/1.2; +https://openai.com/gptbot)",
            True,
        ),
        ("curl/8.9.1", True),
        ("Mozilla/5.0 (X11; Linux x86_64; rv:133.0) Gecko/20100101 Firefox/133.0", False),
        ("-", False),
    ],
)
def test_who_says_that_it_is_no_persons_browser_is_marked(tmp_path: Path, agent: str, bot: bool) -> None:
    (tmp_path / "access.log").write_text(COMBINED.rpartition(' "')[0] + f' "{agent}"\n')
    (row,) = Followed(tmp_path / "access.log", ACCESS).rows()
    assert json.loads(row["properties"]).get("bot", False) is bot
    seen = read({"type": "page.viewed", "id": "1", "url": "https://a.example/"}, "site", "v", agent, NOW)
    assert json.loads(seen.batch().to_pylist()[0]["properties"]).get("bot", False) is bot


def test_lines_made_to_take_long_are_refused_soon(tmp_path: Path) -> None:
    (tmp_path / "access.log").write_text("a b c " + "[x " * 300_000 + "\n" + '1 - - [x] "' + "\\" * 900_000 + "\n")
    (tmp_path / "logfmt").write_text("a=" * 400_000 + '"\n')
    (tmp_path / "syslog").write_text("<1>1 - - - - - " + '["' * 400_000 + "\n")
    began = time.process_time()
    for name, kind, said in (
        ("access.log", ACCESS, {}),
        ("logfmt", LOGS, {"format": "logfmt"}),
        ("syslog", LOGS, {"format": "syslog"}),
    ):
        followed = Followed(tmp_path / name, kind, **said)
        assert followed.rows() == []
        assert followed.refused
    assert time.process_time() - began < 20


def test_rotation_truncation_and_restarts_lose_and_repeat_nothing(tmp_path: Path) -> None:
    path = tmp_path / "app.log"
    path.write_text("one\ntwo\n")
    followed = Followed(path)
    found = [row["message"] for row in followed.rows()]
    path.open("a").write("three\n")
    path.rename(tmp_path / "app.log.1")
    path.write_text("four\n")
    followed.restart()
    for _ in range(2):  # the old file to its end, then the new one
        found += [row["message"] for row in followed.rows()]
    os.truncate(path, 0)
    path.open("a").write("5\n")
    found += [row["message"] for row in followed.rows()]
    assert found == ["one", "two", "three", "four", "5"]
    with gzip.open(tmp_path / "app.log.2.gz", "wb") as packed:
        packed.write(b"old\n")
    assert followed.rows() == []


def test_every_place_can_be_gone_on_from(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("serve.sources.log_file.ROWS", 3)
    (tmp_path / "app.log").write_text("".join(f"line {n}\n" for n in range(10)))
    found = keeps_the_source_rules(Followed(tmp_path / "app.log").make, SYSTEM_LOGS, of=("message",))
    assert len(found) == 10


def test_a_line_of_ten_megabytes_costs_only_itself(tmp_path: Path) -> None:
    (tmp_path / "app.log").write_bytes(b"before\n" + b"x" * 10_000_000 + b"\nafter\n")
    followed = Followed(tmp_path / "app.log")
    assert [row["message"] for row in followed.rows()] == ["before", "after"]
    assert re.match(r"is a line of 10,000,001 bytes", followed.refused[0])


NGINX = shutil.which("nginx") or shutil.which("/usr/sbin/nginx")


@pytest.mark.skipif(NGINX is None, reason="needs nginx: apt-get install nginx-light")
def test_the_logs_of_a_real_nginx(tmp_path: Path) -> None:
    port = free_port()
    (tmp_path / "nginx.conf").write_text(
        f"daemon off; master_process off; pid {tmp_path}/pid; error_log {tmp_path}/error.log info; events {{}}\n"
        f"http {{ access_log {tmp_path}/access.log combined; client_body_temp_path {tmp_path}/b;\n"
        f"proxy_temp_path {tmp_path}/p;\n"
        f"fastcgi_temp_path {tmp_path}/f; uwsgi_temp_path {tmp_path}/u; scgi_temp_path {tmp_path}/s;\n"
        f"server {{ listen 127.0.0.1:{port}; location = /ok {{ return 200 hi; }} root {tmp_path}/none; }} }}\n"
    )
    command = [str(NGINX), "-p", str(tmp_path), "-c", str(tmp_path / "nginx.conf"), "-e", str(tmp_path / "error.log")]
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False, timeout=600) as client:
            for _ in range(600):
                try:
                    client.get("/ok", headers={"user-agent": 'odd "one" é'.encode()})
                    break
                except httpx.ConnectError:
                    time.sleep(0.1)
            client.get("/missing?a=b", headers={"referer": "https://a.example/"})
    finally:
        process.terminate()
        process.wait(60)
    now = time.time_ns() // 1000
    followed = Followed(tmp_path / "access.log", ACCESS, now)
    ok, missing = followed.rows()
    assert (ok["path"], ok["status"], ok["agent"], ok["bytes"]) == ("/ok", 200, 'odd "one" Ã©', 2)
    assert (missing["path"], missing["status"], missing["referrer"]) == ("/missing", 404, "https://a.example/")
    errors = Followed(tmp_path / "error.log", LOGS, now, zone=None)
    said = [row for row in errors.rows() if row["severity"] == "error"]
    assert len(said) == 1
    assert "No such file" in said[0]["message"]
    assert abs(said[0]["time"].timestamp() - time.time()) < 60
    assert followed.refused + errors.refused == []
