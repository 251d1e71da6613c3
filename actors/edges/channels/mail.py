"""E-mail over SMTP: text and HTML, encrypted, one thread for all that is said of an alert."""

from __future__ import annotations

import hashlib
import smtplib
import socket
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from email.headerregistry import Address
from email.message import EmailMessage
from typing import Any, ClassVar, Literal

from actors.edges.channels.message import Message, message_of
from actors.edges.channels.undelivered import Undelivered
from actors.edges.guard import Guard
from events.errors import Rejected, Transient

TIMEOUT_S = 20.0
"""For the connection, and for each answer of the server."""
DOMAIN = "hindcast.invalid"
"""Of message ids; nobody can have it (RFC 2606)."""


@dataclass(frozen=True, slots=True)
class EmailNotifier:
    """Sends through an SMTP server. ``security``: ``starttls``, ``tls`` from the first byte on, or ``none``."""

    host: str
    port: int
    sender: str
    to: tuple[str, ...]
    security: Literal["starttls", "tls", "none"] = "starttls"
    username: str = ""
    password: str = field(default="", repr=False)
    ca_file: str = ""
    """Certificates to trust beyond the usual ones, as a file of this machine."""
    timeout_s: float = TIMEOUT_S
    guard: Guard | None = field(default=None, compare=False)
    links: ClassVar[bool] = True
    """A person reads it, who may open links."""

    def send(self, key: str, body: str) -> None:
        mail = mail_of(message_of(body), key, self.sender, self.to)
        try:
            with self._connected() as server:
                if self.username:
                    server.login(self.username, self.password)
                refused = server.send_message(mail, self.sender, list(self.to))
        except smtplib.SMTPRecipientsRefused as error:
            raise Undelivered(_refused(error.recipients), final=_for_ever(error.recipients)) from None
        except smtplib.SMTPResponseException as error:
            raise Undelivered(f"SMTP {error.smtp_code}: {_said(error.smtp_error)}") from None
        except (smtplib.SMTPException, ssl.SSLError, OSError, Rejected, Transient) as error:
            raise Undelivered(f"{type(error).__name__}: {error}") from None
        if refused:  # the others have it: trying again would tell these twice
            raise Undelivered(f"{_refused(refused)}; the others have it", final=True)

    def _connected(self) -> smtplib.SMTP:
        context = ssl.create_default_context(cafile=self.ca_file or None)
        if self.ca_file:
            context.load_default_certs()
        if self.security == "tls":
            return _Tls(self.host, self.port, self.timeout_s, self.guard, context)
        server = _Plain(self.host, self.port, self.timeout_s, self.guard)
        if self.security == "starttls":
            try:
                server.starttls(context=context)
            except BaseException:
                server.close()
                raise
        return server


class _Plain(smtplib.SMTP):
    """Connects to addresses that the guard has looked at; certificates are checked against the name all the same."""

    def __init__(self, host: str, port: int, timeout_s: float, guard: Guard | None) -> None:
        self._guard = guard
        super().__init__(host, port, timeout=timeout_s)

    def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:  # pyright: ignore[reportIncompatibleMethodOverride]
        addresses = self._guard.addresses(host, port) if self._guard else [host]
        for address in addresses[:-1]:
            try:
                return socket.create_connection((address, port), timeout)
            except OSError:
                continue
        return socket.create_connection((addresses[-1], port), timeout)


class _Tls(_Plain):
    """TLS from the first byte on."""

    def __init__(self, host: str, port: int, timeout_s: float, guard: Guard | None, context: ssl.SSLContext) -> None:
        self._context = context
        super().__init__(host, port, timeout_s, guard)

    def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:
        plain = super()._get_socket(host, port, timeout)
        try:
            return self._context.wrap_socket(plain, server_hostname=host)
        except BaseException:
            plain.close()
            raise


def mail_of(message: Message, key: str, sender: str, to: tuple[str, ...]) -> EmailMessage:
    """The e-mail: headers are set as values, so that nothing in an alert can make another header."""
    mail = EmailMessage()
    mail["Subject"] = " ".join(message.headline.split())[:200]
    mail["From"] = _address(sender)
    mail["To"] = [_address(one) for one in to]
    mail["Message-ID"] = f"<{_digest(key)}@{DOMAIN}>"
    if message.alert:
        mail["References"] = mail["In-Reply-To"] = f"<{_digest(message.alert)}@{DOMAIN}>"
    mail["Auto-Submitted"] = "auto-generated"
    if message.severity in ("critical", "high") and not message.resolved:
        mail["Importance"] = "high"
    mail.set_content(message.plain())
    mail.add_alternative(message.html(), subtype="html")
    return mail


def _address(said: str) -> Address:
    name, _, rest = said.rpartition("<")
    return Address(name.strip().strip('"'), addr_spec=rest.rstrip(">").strip() if name else said.strip())


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def _refused(recipients: Mapping[str, Any]) -> str:
    return "; ".join(f"refused for {who}: {code} {_said(why)}" for who, (code, why) in sorted(recipients.items()))


def _for_ever(recipients: Mapping[str, Any]) -> bool:
    return all(code >= 500 for code, _ in recipients.values())


def _said(text: bytes | str) -> str:
    return (text.decode("utf-8", "replace") if isinstance(text, bytes) else text)[:300]
