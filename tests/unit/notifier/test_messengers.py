"""Channels that speak HTTP, against a receiver that takes, fails, hangs and refuses."""

from __future__ import annotations

import json
import threading
from collections.abc import Generator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple
from urllib.parse import parse_qsl

import pytest
from pydantic import ValidationError

from actors.definitions.channel import section_of
from actors.edges.channels.chat import SlackNotifier, TeamsNotifier
from actors.edges.channels.message import message_of
from actors.edges.channels.paging import AppriseNotifier, PagerDutyNotifier, SMSNotifier
from actors.edges.channels.part import PART
from actors.edges.channels.undelivered import Undelivered
from actors.edges.channels.webhook import WebhookNotifier
from actors.edges.guard import Guard
from events.errors import Rejected
from tests.receiver import SECRET

FIRED = {
    "type": "alert.fired",
    "rule": "Many <!channel> refunds",
    "key": "EUR",
    "severity": "high",
    "message": "refunds.count is 30 & rising, limit 20",
    "alert": "abc",
    "time": "2026-01-31T09:30:00Z",
    "link": "https://hindcast.example/#/alert/abc",
    "acknowledge": "https://hindcast.example/acknowledge?token=t",
    "runbook": "https://wiki.example/refunds",
    "labels": {"team": "shop"},
    "annotations": {"hint": "[click](https://evil.example)"},
}
BODY = json.dumps(FIRED)
RESOLVED = json.dumps({**FIRED, "type": "alert.resolved"})


class Taken(NamedTuple):
    path: str
    authorization: str
    content: str

    @property
    def json(self) -> dict[str, Any]:
        return json.loads(self.content)


class Service:
    """Answers ``status`` and ``answer``; hangs while ``hang`` is not set."""

    def __init__(self) -> None:
        self.taken: list[Taken] = []
        self.status, self.answer, self.headers = 200, "ok", dict[str, str]()
        self.hang = threading.Event()
        self.hang.set()
        service = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                content = self.rfile.read(int(self.headers["content-length"])).decode()
                service.hang.wait(30)
                service.taken.append(Taken(self.path, self.headers.get("authorization", ""), content))
                self.send_response(service.status)
                for name, value in service.headers.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(service.answer.encode())

            def log_message(self, format: str, *args: Any) -> None: ...

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_address[1]}"


@pytest.fixture
def service() -> Generator[Service]:
    service = Service()
    yield service
    service.hang.set()
    service.server.shutdown()
    service.server.server_close()


def test_slack_gets_blocks_in_which_nothing_can_mention_anybody(service: Service) -> None:
    SlackNotifier(url=f"{service.url}/hook").send("k", BODY)
    said = service.taken[0].json
    text = json.dumps(said)
    assert "<!channel>" not in text
    assert "Many &lt;!channel&gt; refunds · EUR" in said["text"]
    blocks = said["attachments"][0]["blocks"]
    assert [b["text"]["text"] for b in blocks[-1]["elements"]] == ["Look at it", "Runbook", "Acknowledge"]


def test_what_follows_goes_into_the_thread_and_its_end_to_the_channel_too(service: Service) -> None:
    service.answer = '{"ok": true, "ts": "1717.1"}'
    bot = SlackNotifier(token="xoxb-1", channel="#ops", api=service.url)
    assert bot.send_in("k1", BODY, None) == "1717.1"
    assert bot.send_in("k2", RESOLVED, "1717.1") is None
    first, last = (taken.json for taken in service.taken)
    assert (service.taken[0].path, service.taken[0].authorization) == ("/chat.postMessage", "Bearer xoxb-1")
    assert ("thread_ts" in first, last["thread_ts"], last["reply_broadcast"]) == (False, "1717.1", True)


@pytest.mark.parametrize(
    ("answer", "final"),
    [
        ('{"ok": false, "error": "channel_not_found"}', True),
        ('{"ok": false, "error": "ratelimited"}', False),
        ("<html>", False),
    ],
)
def test_slack_says_in_a_success_that_it_failed(service: Service, answer: str, final: bool) -> None:
    service.answer = answer
    with pytest.raises(Undelivered) as error:
        SlackNotifier(token="xoxb-1", channel="#ops", api=service.url).send("k", BODY)
    assert (error.value.final, "xoxb" in str(error.value)) == (final, False)


def test_teams_gets_a_card_without_links_from_the_text(service: Service) -> None:
    TeamsNotifier(f"{service.url}/flow").send("k", BODY)
    card = service.taken[0].json["attachments"][0]["content"]
    assert (card["type"], card["version"], len(card["actions"])) == ("AdaptiveCard", "1.4", 3)
    assert "(click)(https://evil.example)" in json.dumps(card)


def test_a_text_message_is_one_form_for_each_number(service: Service) -> None:
    sms = SMSNotifier(f"{service.url}/{{username}}/Messages.json", ("+411", "+412"), "+410", "AC1", "s3cret-pass")
    sms.send("k", BODY)
    forms = [dict(parse_qsl(taken.content)) for taken in service.taken]
    assert [form["To"] for form in forms] == ["+411", "+412"]
    assert forms[0]["Body"].endswith("https://hindcast.example/#/alert/abc")
    assert (service.taken[0].path, service.taken[0].authorization[:6]) == ("/AC1/Messages.json", "Basic ")
    service.status = 429
    with pytest.raises(Undelivered, match="HTTP 429") as error:
        sms.send("k", BODY)
    assert error.value.final is False


def test_another_gateway_has_other_names(service: Service) -> None:
    said = {"name": "sms", "kind": "sms", "url": service.url, "to": ["+411"], "sender": "Shop"}
    section = section_of({**said, "fields": {"to": "mobile"}, "extra": {"unicode": "1"}})
    (kind,) = [kind for kind in PART.channels if kind.name == "sms"]
    kind.make(section).send("k", BODY)
    form = dict(parse_qsl(service.taken[0].content))
    assert (form["mobile"], form["From"], form["unicode"]) == ("+411", "Shop", "1")


def test_pagerduty_sees_one_incident_from_beginning_to_end(service: Service) -> None:
    pager = PagerDutyNotifier("R1", service.url)
    pager.send("k1", BODY)
    pager.send("k2", RESOLVED)
    first, last = (taken.json for taken in service.taken)
    assert (first["event_action"], first["payload"]["severity"]) == ("trigger", "error")
    assert (last["event_action"], last["dedup_key"]) == ("resolve", first["dedup_key"])


def test_a_receiver_that_hangs_fails_or_refuses_is_an_attempt_that_failed(service: Service) -> None:
    hook = WebhookNotifier(f"{service.url}/s3cret-path", SECRET, timeout_s=0.3)
    service.hang.clear()
    with pytest.raises(Undelivered, match="Timeout"):
        hook.send("k", BODY)
    service.hang.set()
    service.status, service.answer, service.headers = 503, "down for a moment", {"retry-after": "7"}
    with pytest.raises(Undelivered, match="HTTP 503: down for a moment") as error:
        hook.send("k", BODY)
    assert (error.value.hold_s, "s3cret-path" in str(error.value)) == (7.0, False)
    with pytest.raises(Undelivered, match="Connect"):
        WebhookNotifier("http://127.0.0.1:1/", SECRET).send("k", BODY)


def test_a_redirect_leads_nowhere(service: Service) -> None:
    service.status, service.headers = 302, {"location": "http://169.254.169.254/"}
    with pytest.raises(Undelivered, match="HTTP 302"):
        TeamsNotifier(service.url).send("k", BODY)


def test_a_private_address_is_asked_only_where_that_is_allowed(service: Service) -> None:
    host = service.url.removeprefix("http://")
    with pytest.raises(Undelivered, match=r"fetching\.allow_private"):
        WebhookNotifier(service.url, SECRET, guard=Guard()).send("k", BODY)
    WebhookNotifier(service.url, SECRET, guard=Guard([host])).send("k", BODY)
    assert len(service.taken) == 1


def test_apprise_speaks_to_what_it_knows(service: Service) -> None:
    host = service.url.removeprefix("http://")
    AppriseNotifier(f"json://{host}/path").send("k", BODY)
    assert "refunds.count is 30" in service.taken[0].json["message"]
    service.status = 500
    with pytest.raises(Undelivered, match="apprise"):
        AppriseNotifier(f"json://{host}/path").send("k", BODY)
    with pytest.raises(Undelivered, match="knows no service"):
        AppriseNotifier("nothing://here").send("k", BODY)


@pytest.mark.parametrize(
    ("said", "field"),
    [
        ({"kind": "email", "host": "h", "sender": "a@b.example", "to": ["nobody"]}, "to"),
        ({"kind": "email", "host": "h", "sender": "a@b.example\nBcc: c@d.example", "to": ["a@b.example"]}, "sender"),
        ({"kind": "email", "host": "h", "sender": "a@b.example", "to": []}, "to"),
        ({"kind": "email", "host": "h", "sender": "a@b.example", "to": ["a@b.example"], "username": "a"}, "kind"),
        ({"kind": "slack"}, "kind"),
        ({"kind": "slack", "token": "env:T"}, "kind"),
        ({"kind": "sms", "url": "ftp://x", "to": ["1"], "sender": "me"}, "url"),
        ({"kind": "pagerduty"}, "routing_key"),
    ],
)
def test_a_channel_that_cannot_work_is_refused(said: dict[str, Any], field: str) -> None:
    with pytest.raises((Rejected, ValidationError)) as error:
        section_of({"name": "x", **said})
    assert isinstance(error.value, Rejected) and error.value.field.startswith(field)


def test_a_message_that_is_none_is_said_all_the_same() -> None:
    assert message_of("not json").text == "not json"
    assert message_of("[1]").text == "[1]"
    assert message_of("{}").title == "Hindcast"
