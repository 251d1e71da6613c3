"""What a start tells the directory: the first key once and for all, and only the definitions that changed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from actors.directory import Directory
from actors.webhook_signing import new_secret
from config.settings import Settings
from hindcast.control import Command, _first_key, changes
from hindcast.testing.story import Story, given
from serve.keys import key_hash, new_link

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


def start(story: Story, settings: Settings) -> list[Command]:
    """What a start with these settings tells; it is told."""
    commands = list(changes(known(story, "configured"), settings))
    told(story, *commands)
    return commands


def owners(story: Story) -> dict[str, str]:
    return {key: e["owner"] for key, e in known(story, "definitions").items() if e["kind"] != "dashboard"}


def file(folder: Path, text: str) -> Settings:
    (folder / "own.yaml").write_text(text)
    return Settings.load(folder / "own.yaml")


MINE = "dashboards: [{id: d, name: D}]\nmetrics: [{name: seen, stream: user_interactions}]\n"
WATCHED = MINE + "alerts: [{name: quiet, condition: seen.count < 1, threshold: 1}]\n"


def test_a_start_tells_every_kind_once_with_the_file_that_declares_it() -> None:
    story, settings = directory(), Settings.load("saas")
    assert {c.type for c in start(story, settings)} == {
        "metric.defined",
        "anomaly.defined",
        "rule.defined",
        "dashboard.defined",
        "business.defined",
        "feature.defined",
        "label.defined",
        "identity.defined",
    }
    assert owners(story)["rule/CPU is busy"] == "file:base.yaml"
    assert owners(story)["rule/API requests fail"] == "file:saas.yaml"
    assert start(story, settings) == []


def test_a_start_removes_what_its_file_dropped_and_nothing_that_people_made(tmp_path: Path) -> None:
    story = directory()
    start(story, file(tmp_path, WATCHED))
    told(story, Command("rule.defined", "mine", {"spec": RULE | {"name": "mine"}, "by": "ada", "owner": "api"}))
    assert [(c.type, c.subject) for c in start(story, file(tmp_path, MINE))] == [("rule.removed", "quiet")]
    assert owners(story) == {"metric/seen": "file:own.yaml", "rule/mine": "api"}


def test_what_is_added_again_is_a_new_version_of_a_later_place_in_the_log(tmp_path: Path) -> None:
    story, versions = directory(), []
    for text in (WATCHED, MINE, WATCHED):
        start(story, file(tmp_path, text))
        versions.append(known(story, "definitions").get("rule/quiet", {}).get("version"))
    assert versions == [1, None, 4]


def test_rules_of_older_versions_are_understood_and_go_on(tmp_path: Path) -> None:
    old = {"name": "quiet", "condition": "seen.count < 1", "threshold": 1.0, "channels": ["dashboard"]}
    story = told(
        directory(),
        Command("rule.created", "quiet", old | {"origin": "configuration"}),
        Command("rule.created", "gone", old | {"name": "gone", "origin": "configuration"}),
        Command("rule.created", "mine", old | {"name": "mine"}),
        Command("rule.created", "deleted", old | {"name": "deleted"}),
        Command("rule.deleted", "deleted", {}),
    )
    assert owners(story) == {"rule/quiet": "file:configuration", "rule/gone": "file:configuration", "rule/mine": "api"}
    start(story, file(tmp_path, WATCHED))
    assert owners(story) == {"metric/seen": "file:own.yaml", "rule/quiet": "file:own.yaml", "rule/mine": "api"}


def test_what_people_took_over_from_a_file_stays_when_the_file_drops_it(tmp_path: Path) -> None:
    story = directory()
    start(story, file(tmp_path, WATCHED))
    told(story, Command("rule.created", "quiet", RULE | {"name": "quiet"}))  # as older versions let people do
    assert start(story, file(tmp_path, WATCHED)) == []
    start(story, file(tmp_path, MINE))
    assert owners(story) == {"metric/seen": "file:own.yaml", "rule/quiet": "api"}


def test_a_secret_never_stands_on_control(tmp_path: Path) -> None:
    secret = new_secret()
    told_ = start(
        directory(), file(tmp_path, f"channels: [{{name: ops, kind: webhook, url: https://e.x, secret: {secret}}}]")
    )
    assert [c.data["spec"]["secret"] for c in told_ if c.type == "channel.defined"] == ["configuration"]
    assert secret[6:] not in json.dumps([dict(c.data) for c in told_])


def test_without_dashboards_those_of_the_base_are_told() -> None:
    settings = Settings.load("base").replaced(dashboards=[])
    wanted = [c.subject for c in changes({}, settings) if c.type == "dashboard.defined"]
    assert wanted == [dashboard.id for dashboard in Settings.load("base").dashboards]
