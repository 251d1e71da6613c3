"""Channels that are defined while the system runs: the worker follows the definitions, and secrets stay where they are."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from actors.cell import Cell
from actors.edges.channels import DashboardChannel, Undelivered, WebhookChannel
from actors.edges.delivery import NotifierWorker
from actors.edges.secrets import secret_at
from actors.notifier import Notifier
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
    return NotifierWorker(cell, MemoryLog(), {"dashboard": DashboardChannel()}, lambda: 0, folder)


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
    assert worker(tmp_path)._channel("ops", found) == WebhookChannel("https://example.com/other", secret)


def test_a_channel_that_was_removed_takes_nothing(tmp_path: Path) -> None:
    story = told(given(Notifier()), HOOK).rows("control", type="channel.removed", subject="ops", data="{}", time=0)
    assert channels_of(story) == {}
    with pytest.raises(Undelivered, match="there is no channel 'ops'") as error:
        worker(tmp_path)._channel("ops", None)
    assert error.value.final


def test_what_is_no_secret_is_not_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPS", "hunter2")
    with pytest.raises(Rejected, match="environment variable OPS") as error:
        secret_at("env:OPS", tmp_path)
    assert "hunter2" not in str(error.value)
