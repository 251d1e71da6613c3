"""Channels that are defined while the system runs: the worker follows the definitions, and secrets stay where they are."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr, ValidationError

from actors.cell import Cell
from actors.definitions.channel import SECTIONS, section_of
from actors.definitions.channel_section import ChannelSection
from actors.definitions.kinds import KINDS
from actors.edges.channels.dashboard import DashboardNotifier
from actors.edges.channels.part import channel_of
from actors.edges.channels.undelivered import Undelivered
from actors.edges.channels.webhook import WebhookNotifier
from actors.edges.delivery import NotifierWorker
from actors.notifier import Notifier
from actors.parts import CHANNEL_KINDS, ChannelKind
from actors.webhook_signing import new_secret
from events.errors import Rejected
from events.memory_log import MemoryLog
from hindcast.testing.story import Story, given

HOOK = {"name": "ops", "kind": "webhook", "url": "https://example.com/hook", "secret": "file:ops"}


def told(story: Story, spec: dict[str, Any]) -> Story:
    data = json.dumps({"spec": spec, "owner": "api"})
    return story.rows("control", type="channel.defined", subject=spec["name"], data=data, time=0)


def worker(folder: Path) -> NotifierWorker:
    cell: Cell[Any] = Cell(Notifier(), MemoryLog(), tenant="t", now=lambda: 0)
    return NotifierWorker(cell, MemoryLog(), {"dashboard": DashboardNotifier()}, lambda: 0, folder)


def channels_of(story: Story) -> Any:
    return story.fold.load(story.fold.dump(story._kept)).channels


def test_a_channel_is_what_its_newest_definition_says_and_its_secret_is_read_when_a_message_goes(
    tmp_path: Path,
) -> None:
    story = told(told(given(Notifier()), HOOK), {**HOOK, "url": "https://example.com/other"})
    found = channels_of(story)["ops"]
    with pytest.raises(
        Undelivered, match=r"the secret of ops is in the file .*ops, which is not there; write"
    ) as error:
        worker(tmp_path)._channel("ops", found)
    assert not error.value.final, "the message waits for the secret"
    secret = new_secret()
    (tmp_path / "ops").write_text(secret + "\n")
    assert worker(tmp_path)._channel("ops", found) == WebhookNotifier("https://example.com/other", secret)


def test_a_channel_that_was_removed_takes_nothing(tmp_path: Path) -> None:
    story = told(given(Notifier()), HOOK).rows("control", type="channel.removed", subject="ops", data="{}", time=0)
    assert channels_of(story) == {}
    with pytest.raises(Undelivered, match="there is no channel 'ops'") as error:
        worker(tmp_path)._channel("ops", None)
    assert error.value.final


def test_what_is_no_secret_is_not_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPS", "hunter2")
    hook = section_of({**HOOK, "secret": "env:OPS"})
    with pytest.raises(Rejected, match=r"\(env:OPS\) is no secret of Standard Webhooks") as error:
        channel_of(hook, tmp_path)
    assert "hunter2" not in str(error.value)


class Pager(ChannelSection):
    """A plug-in's kind of channel."""

    number: int
    token: SecretStr

    def send(self, key: str, body: str) -> None: ...


PAGER = {"name": "duty", "kind": "pager", "number": 7, "token": "file:pager"}


@pytest.fixture
def pager(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(SECTIONS, "pager", Pager)
    monkeypatch.setitem(CHANNEL_KINDS, "pager", ChannelKind("pager", Pager, lambda section: section))


def test_a_channel_of_a_plug_in_s_kind_is_made_of_its_definition(tmp_path: Path, pager: None) -> None:
    found = channels_of(told(given(Notifier()), PAGER))["duty"]
    with pytest.raises(Undelivered, match=r"the token of duty is in the file .*pager, which is not there; write"):
        worker(tmp_path)._channel("duty", found)
    (tmp_path / "pager").write_text("any text\n")
    made: Any = worker(tmp_path)._channel("duty", found)
    assert (type(made), made.number, made.token.get_secret_value()) == (Pager, 7, "any text")


def test_what_the_configuration_has_in_clear_is_of_the_configuration(tmp_path: Path, pager: None) -> None:
    spec = KINDS["channel"].told(Pager(name="duty", kind="pager", number=7, token=SecretStr("clear")))
    assert spec["token"] == "configuration"
    ours = DashboardNotifier()
    notifier = worker(tmp_path)
    notifier._channels = {"duty": ours}
    assert notifier._channel("duty", channels_of(told(given(Notifier()), spec))["duty"]) is ours


def test_a_channel_whose_plug_in_is_gone_waits_for_it(tmp_path: Path) -> None:
    found = channels_of(told(given(Notifier()), PAGER))["duty"]
    with pytest.raises(Undelivered, match="the kind of duty 'pager' is unknown here: install the plug-in") as error:
        worker(tmp_path)._channel("duty", found)
    assert not error.value.final


def test_a_section_that_hides_a_secret_where_nothing_finds_it_is_refused() -> None:
    class Deep(ChannelSection):
        accounts: list[SecretStr]

    with pytest.raises(ValidationError, match="accounts: a secret is a field of the channel itself"):
        Deep(name="duty", kind="deep", accounts=[SecretStr("x")])
