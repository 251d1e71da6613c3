"""What a start tells the directory: the first key once and for all, and only the rules that changed."""

from __future__ import annotations

import json
from typing import Any

from actors.directory import Directory
from config.settings import Settings
from hindcast.control import Command, _first_key, _rules
from serve.keys import key_hash, new_link
from tests.story import Story, given

RULE = {"name": "r", "condition": "events.count > threshold", "threshold": 5.0}


def told(story: Story, *commands: Command, at: int = 1) -> Story:
    for command in commands:
        story.rows("control", type=command.type, subject=command.subject, data=json.dumps(dict(command.data)), time=at)
    return story


def known(story: Story, topic: str) -> dict[str, Any]:
    return dict(story.fold.view(story.fold.load(story._stored), topic))


def directory() -> Story:
    return given(Directory())


def first(story: Story, key: str) -> list[Command]:
    return list(_first_key({topic: known(story, topic) for topic in ("keys", "revoked")}, key))


def test_the_first_key_is_told_once() -> None:
    story = directory()
    told(story, *first(story, "hc_1"))
    assert known(story, "keys")[key_hash("hc_1")]["id"] == "key_admin"
    assert first(story, "hc_1") == []


def test_a_revoked_first_key_is_not_told_again_and_another_one_has_an_id_of_its_own() -> None:
    story = directory()
    told(story, *first(story, "hc_1"), Command("key.revoked", key_hash("hc_1"), {"id": "key_admin"}))
    assert known(story, "keys") == {}
    assert first(story, "hc_1") == []
    told(story, *first(story, "hc_2"))
    (key,) = known(story, "keys").values()
    assert key["id"].startswith("key_admin_")
    told(story, Command("key.revoked", key_hash("hc_2"), {"id": key["id"]}))
    assert first(story, "hc_1") == first(story, "hc_2") == []


def test_other_keys_that_were_revoked_are_forgotten() -> None:
    story = told(directory(), Command("key.created", "h", {"id": "key_1", "name": "shop", "scopes": ["ingest"]}))
    told(story, Command("key.revoked", "h", {"id": "key_1"}))
    assert known(story, "revoked") == {}


def test_a_link_becomes_a_session_once_and_both_end() -> None:
    _, link = new_link(0.0)
    opened = Command("link.opened", "t", {"session": "s", "id": "ses_1", "name": "page", "expires": 1e6})
    story = told(
        directory(), Command("link.created", "t", link), opened, opened._replace(data={**opened.data, "session": "x"})
    )
    assert {name: key["scopes"] for name, key in known(story, "keys").items()} == {"s": ["query", "control"]}
    assert known(story, "links") == {}
    told(story, Command("link.created", "u", new_link(1e6)[1]), at=2_000_000_000_000)
    assert (set(known(story, "keys")), set(known(story, "links"))) == (set(), {"u"})


def test_only_rules_that_changed_are_told() -> None:
    settings = Settings.load("base")
    everything = list(_rules({}, settings))
    assert {command.subject for command in everything} == {rule.name for rule in settings.alerts}
    configured = {command.subject: command.data for command in everything}
    assert list(_rules(configured, settings)) == []
    assert [c.type for c in _rules({**configured, "old": RULE}, settings)] == ["rule.deleted"]
