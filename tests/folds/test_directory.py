"""The directory as the gateway follows it: keys, links to the page, and the definitions that hold."""

from __future__ import annotations

from typing import Any

from actors.directory import Directory
from hindcast.testing.story import Story, Word, given
from tests.folds.words import command, shows

HASH, FIRST = "5e88…", "9f86…"


def key(hashed: str, id: str = "key_1", **more: Any) -> Word:
    return command("key.created", hashed, id=id, name="shop", scopes=["ingest"], source="shop", **more)


def defined(name: str, spec: dict[str, Any], owner: str = "api") -> Word:
    return command("rule.defined", name, spec=spec, owner=owner, by="ada")


def removed(name: str, owner: str = "api") -> Word:
    return command("rule.removed", name, owner=owner, by="ada")


def spec_of(story: Story, name: str, topic: str = "definitions") -> Any:
    entry = story.view(topic).get(f"rule/{name}")
    return entry and (entry["spec"], entry["owner"])


def test_a_key_is_known_from_its_creation_until_it_is_revoked() -> None:
    story = given(Directory()).when(key(HASH))
    known = story.view("keys")[HASH]
    assert (known["id"], known["name"], known["scopes"]) == ("key_1", "shop", ["ingest"])
    story.when(command("key.revoked", HASH, id="key_1")).then(shows("keys", **{HASH: None}))
    assert story.view("revoked") == {}, "a key that was made can only come back if somebody makes it again"


def test_the_first_key_of_a_directory_is_remembered_as_revoked_until_it_is_made_again() -> None:
    story = given(Directory()).when(key(FIRST, "key_admin"), command("key.revoked", FIRST, id="key_admin"))
    assert list(story.view("revoked")) == [FIRST]
    story.when(key(FIRST, "key_admin"))
    assert story.view("revoked") == {}


def test_a_key_that_nobody_knows_can_be_revoked_in_peace() -> None:
    story = given(Directory()).when(command("key.revoked", HASH, id="key_1"))
    assert (story.view("keys"), story.view("revoked")) == ({}, {})


def test_a_link_opens_the_page_once() -> None:
    opened = {"session": "s1", "id": "session_1", "name": "browser", "expires": 2e9}
    story = given(Directory()).when(command("link.created", "t1", scopes=["query"], expires=1.9e9))
    story.when(command("link.opened", "t1", **opened))
    session = story.view("keys")["s1"]
    assert (session["id"], session["scopes"], session["expires"]) == ("session_1", ["query"], 2e9)
    story.then(shows("links", t1=None))
    story.when(command("link.opened", "t1", **opened | {"session": "s2"})).then(shows("keys", s2=None))


def test_sessions_and_links_that_have_expired_are_forgotten_when_the_next_link_is_made() -> None:
    soon = 1_760_000_100.0
    opened = {"session": "s1", "id": "session_1", "name": "browser", "expires": soon}
    story = given(Directory()).when(
        command("link.created", "t1", scopes=["query"], expires=soon), command("link.opened", "t1", **opened)
    )
    story.when(command("link.created", "t2", scopes=["query"], expires=soon), key(HASH))
    story.now += 200_000_000
    story.when(command("link.created", "t3", scopes=["query"], expires=2e9))
    assert (list(story.view("links")), list(story.view("keys"))) == (["t3"], [HASH])


def test_a_definition_holds_as_it_was_said_last_with_its_place_in_the_log_as_version() -> None:
    story = given(Directory()).when(defined("busy", {"threshold": 1}), defined("busy", {"threshold": 2}))
    entry = story.view("definitions")["rule/busy"]
    assert (entry["spec"], entry["version"], entry["owner"], entry["by"]) == ({"threshold": 2}, 1, "api", "ada")
    story.when(removed("busy"))
    assert spec_of(story, "busy") is None


def test_a_file_takes_back_only_what_it_declared_itself() -> None:
    story = given(Directory()).when(defined("mine", {"threshold": 1}, "file:base.yaml"))
    assert spec_of(story, "mine", "configured") == ({"threshold": 1}, "file:base.yaml")
    story.when(defined("mine", {"threshold": 2}))  # somebody took it over
    story.when(removed("mine", "file:base.yaml"))  # and the file says it no more
    assert spec_of(story, "mine") == ({"threshold": 2}, "api")
    assert spec_of(story, "mine", "configured") is None
    story.when(defined("other", {"threshold": 3}, "file:base.yaml"), removed("other", "file:base.yaml"))
    assert spec_of(story, "other") is None


def test_commands_that_are_no_business_of_the_directory_change_nothing() -> None:
    story = given(Directory())
    before = {topic.name: dict(story.view(topic.name)) for topic in Directory().topics}
    story.when(command("alert.acknowledged", "a1", by="ada"), command("notification.resent", "k1"))
    assert {topic.name: dict(story.view(topic.name)) for topic in Directory().topics} == before
