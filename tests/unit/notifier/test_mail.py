"""E-mail against a real SMTP server: encrypted, signed in, refused, silent, gone."""

from __future__ import annotations

import json
import socket
import ssl
import threading
from collections.abc import Callable, Generator
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
import trustme
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, Envelope, LoginPassword

from actors.edges.channels.mail import EmailNotifier
from actors.edges.channels.undelivered import Undelivered
from actors.edges.guard import Guard

BODY = json.dumps(
    {
        "type": "alert.fired",
        "rule": "Zu viele\r\nBcc: eve@evil.example\r\n Störungen",
        "severity": "high",
        "message": "orders.count is 3 <script>alert(1)</script>, limit 10",
        "alert": "abc",
        "link": "https://hindcast.example/#/alert/abc",
        "labels": {"team": "shop"},
        "nearby": ["metric orders was changed by ada"],
    }
)


class Box:
    """What the server took; ``refuse``: its answer to recipients."""

    def __init__(self) -> None:
        self.mails: list[EmailMessage] = []
        self.refuse: dict[str, str] = {}

    async def handle_RCPT(self, _: Any, __: Any, envelope: Envelope, address: str, ___: Any) -> str:
        if address in self.refuse:
            return self.refuse[address]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, _: Any, __: Any, envelope: Envelope) -> str:
        content = envelope.content if isinstance(envelope.content, bytes) else b""
        mail = message_from_bytes(content, policy=policy.default)
        assert isinstance(mail, EmailMessage)
        self.mails.append(mail)
        return "250 OK"


class Server(Controller):
    """Where it listens is known once it does."""

    @property
    def where(self) -> int:
        assert self.server is not None
        return self.server.sockets[0].getsockname()[1]  # pyright: ignore[reportAttributeAccessIssue]

    def _trigger_server(self) -> None:
        self.port = self.where
        super()._trigger_server()


def signs_in(_: Any, __: Any, ___: Any, ____: Any, data: Any) -> AuthResult:
    known = isinstance(data, LoginPassword) and (data.login, data.password) == (b"hindcast", b"s3cret-pass")
    return AuthResult(success=known, handled=False)


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> tuple[ssl.SSLContext, Path]:
    ca = trustme.CA()
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    ca.issue_cert("localhost").configure_cert(context)
    file = tmp_path_factory.mktemp("ca") / "ca.pem"
    ca.cert_pem.write_to_path(str(file))
    return context, file


Serve = Callable[..., tuple[Box, int]]


@pytest.fixture
def serve() -> Generator[Serve]:
    running: list[Server] = []

    def started(**options: Any) -> tuple[Box, int]:
        box = Box()
        server = Server(box, hostname="localhost", port=0, **options)
        server.start()
        running.append(server)
        return box, server.where

    yield started
    for server in running:
        server.stop()


def mailer(port: int, **options: Any) -> EmailNotifier:
    said: dict[str, Any] = {"sender": "Hindcast <alerts@example.com>", "to": ("ada@example.com", "bob@example.com")}
    return EmailNotifier(**{"host": "localhost", "port": port, **said, "timeout_s": 20.0, **options})


def test_a_mail_is_encrypted_signed_in_and_says_it_as_text_and_as_html(
    serve: Serve, authority: tuple[ssl.SSLContext, Path]
) -> None:
    box, port = serve(tls_context=authority[0], require_starttls=True, authenticator=signs_in, auth_required=True)
    channel = mailer(port, username="hindcast", password="s3cret-pass", ca_file=str(authority[1]))
    assert "s3cret-pass" not in repr(channel)
    channel.send("k1", BODY)
    (mail,) = box.mails
    assert (mail["From"], mail["To"]) == ("Hindcast <alerts@example.com>", "ada@example.com, bob@example.com")
    assert mail["Bcc"] is None
    assert str(mail["Subject"]) == "◆ Zu viele Bcc: eve@evil.example Störungen: firing"
    text, html = (mail.get_body((kind,)) for kind in ("plain", "html"))
    assert text is not None and html is not None
    assert "team: shop" in text.get_content()
    assert "- metric orders was changed by ada" in text.get_content()
    assert "<script>" not in html.get_content()
    assert 'href="https://hindcast.example/#/alert/abc"' in html.get_content()


def test_what_follows_of_an_alert_is_in_its_thread_and_a_repeat_has_the_same_id(serve: Serve) -> None:
    box, port = serve()
    channel = mailer(port, security="none")
    for key in ("k1", "k1", "k2"):
        channel.send(key, BODY)
    ids = [str(mail["Message-ID"]) for mail in box.mails]
    assert (ids[0] == ids[1], ids[0] == ids[2]) == (True, False)
    assert len({str(mail["References"]) for mail in box.mails}) == 1


def test_tls_from_the_first_byte(serve: Serve, authority: tuple[ssl.SSLContext, Path]) -> None:
    box, port = serve(ssl_context=authority[0])
    mailer(port, security="tls", ca_file=str(authority[1])).send("k", BODY)
    assert len(box.mails) == 1


def test_a_certificate_that_nobody_vouches_for_is_not_trusted(
    serve: Serve, authority: tuple[ssl.SSLContext, Path]
) -> None:
    for security, options in (("tls", {"ssl_context": authority[0]}), ("starttls", {"tls_context": authority[0]})):
        box, port = serve(**options)
        with pytest.raises(Undelivered, match="CERTIFICATE_VERIFY_FAILED") as error:
            mailer(port, security=security).send("k", BODY)
        assert (error.value.final, box.mails) == (False, [])


def test_a_server_without_encryption_gets_no_mail_unless_that_is_said(serve: Serve) -> None:
    box, port = serve()
    with pytest.raises(Undelivered, match="STARTTLS"):
        mailer(port).send("k", BODY)
    assert box.mails == []


def test_a_wrong_password_is_said_and_tried_again(serve: Serve, authority: tuple[ssl.SSLContext, Path]) -> None:
    _, port = serve(tls_context=authority[0], authenticator=signs_in, auth_required=True)
    with pytest.raises(Undelivered, match="535") as error:
        mailer(port, username="hindcast", password="wr0ng", ca_file=str(authority[1])).send("k", BODY)
    assert (error.value.final, "wr0ng" in str(error.value)) == (False, False)


def test_nobody_is_told_twice_because_somebody_was_refused(serve: Serve) -> None:
    box, port = serve()
    box.refuse = {"bob@example.com": "550 no such user"}
    with pytest.raises(Undelivered, match=r"refused for bob@example.com: 550 .*; the others have it") as error:
        mailer(port, security="none").send("k", BODY)
    assert (error.value.final, len(box.mails)) == (True, 1)
    box.refuse = dict.fromkeys(("ada@example.com", "bob@example.com"), "451 try later")
    with pytest.raises(Undelivered, match="451") as error:
        mailer(port, security="none").send("k", BODY)
    assert error.value.final is False


def test_a_server_that_hangs_is_given_up_in_time() -> None:
    with socket.create_server(("localhost", 0)) as silent:
        taken: list[Any] = []
        threading.Thread(target=lambda: taken.append(silent.accept()), daemon=True).start()
        with pytest.raises(Undelivered, match=r"[Tt]ime"):
            mailer(silent.getsockname()[1], security="none", timeout_s=0.3).send("k", BODY)
    with pytest.raises(Undelivered, match=r"refused|Connect"):
        mailer(1, security="none").send("k", BODY)


def test_a_private_server_is_spoken_to_only_where_that_is_allowed(serve: Serve) -> None:
    box, port = serve()
    with pytest.raises(Undelivered, match=r"fetching\.allow_private"):
        mailer(port, security="none", guard=Guard()).send("k", BODY)
    mailer(port, security="none", guard=Guard(["localhost"])).send("k", BODY)
    assert len(box.mails) == 1
