"""Who is who, from a user's view: logins, aliases, shared devices, placeholders, accounts, and taking it all back."""

from __future__ import annotations

import json
from typing import Any

import pytest

from actors.analyzers.identity import IdentityAnalyzer
from actors.definitions.identity import Identity
from hindcast.testing.story import Story, Word, given

BEGIN = 1_760_000_000_000_000


def defined(story: Story) -> None:
    data = json.dumps({"spec": Identity().model_dump(mode="json"), "owner": "api"})
    story.rows("control", type="identity.defined", subject="people", data=data, time=BEGIN)


def identified(device: str, user: str, second: int = 1) -> Word:
    at = BEGIN + second * 1_000_000
    return lambda story: story.rows(
        "user_interactions", type="user.identified", anonymous_id=device, subject=user, time=at, properties="{}"
    )


def event(type_: str, user: str, second: int = 1, **properties: Any) -> Word:
    at, said = BEGIN + second * 1_000_000, json.dumps(properties)
    return lambda story: story.rows("user_interactions", type=type_, subject=user, time=at, properties=said)


def unlinked(id_: str, other: str | None = None) -> Word:
    data = json.dumps({"other": other, "by": "ada"})
    return lambda story: story.rows("control", type="identity.unlinked", subject=id_, data=data, time=BEGIN)


def placed(**people: str) -> Word:
    ids = sorted(people)
    return lambda story: story.then(
        "identities", type=["identity.placed"] * len(ids), subject=ids, person=[people[id_] for id_ in ids]
    )


def nothing(story: Story) -> None:
    story.then("identities", type=[])


def test_a_login_makes_a_device_somebodys_and_says_so_once() -> None:
    story = given(IdentityAnalyzer()).when(defined, identified("phone", "ada"), placed(phone="ada"))
    story.when(identified("phone", "ada", 5), nothing, identified("laptop", "ada", 6), placed(laptop="ada"))


def test_a_second_user_of_a_device_is_refused_until_the_first_is_taken_back() -> None:
    story = given(IdentityAnalyzer()).when(defined, identified("kiosk", "ada", 1), placed(kiosk="ada"))
    story.when(identified("kiosk", "bob", 2)).then(
        "identities", type=["identity.refused"], subject=["kiosk"], other=["bob"], reason=["shared_device"],
        message=["'kiosk' is of 'ada' already; 'bob' was identified there later, so the device is shared"],
    )  # fmt: skip
    story.when(unlinked("kiosk", "ada"), placed(kiosk="bob"))
    story.when(unlinked("kiosk"), placed(kiosk="kiosk"))


def test_a_login_that_comes_late_was_first_nevertheless() -> None:
    story = given(IdentityAnalyzer()).when(defined, identified("kiosk", "ada", 9), placed(kiosk="ada"))
    story.when(identified("kiosk", "bob", 3)).then(
        "identities", type=["identity.refused", "identity.placed"], subject=["kiosk", "kiosk"], person=["bob", "bob"],
        reason=["shared_device", None], other=["ada", None],
    )  # fmt: skip


def test_an_alias_makes_one_person_of_two_known_users_with_a_warning() -> None:
    story = (
        given(IdentityAnalyzer())
        .when(defined, identified("phone", "ada", 1), identified("laptop", "ada@work", 2))
        .then("identities", subject=["phone", "laptop"], person=["ada", "ada@work"])
    )
    story.when(event("user.aliased", "ada@work", 3, previousId="ada")).then(
        "identities", type=["identity.warned", "identity.placed", "identity.placed"],
        subject=["ada", "ada@work", "laptop"], person=["ada", "ada", "ada"], reason=["known_users_merged", None, None],
    )  # fmt: skip
    story.when(unlinked("ada", "ada@work"), placed(**{"ada@work": "ada@work", "laptop": "ada@work"}))


def test_an_alias_in_a_circle_is_harmless_and_warned_of() -> None:
    story = given(IdentityAnalyzer()).when(defined, event("user.aliased", "b", 1, previousId="a"), placed(a="b"))
    story.when(event("user.aliased", "a", 2, previousId="b")).then(
        "identities", type=["identity.warned"], reason=["loop"], person=["b"]
    )


@pytest.mark.parametrize("nobody", ["null", "undefined", "Guest", "[object Object]", "0"])
def test_a_placeholder_makes_no_person_of_strangers(nobody: str) -> None:
    story = given(IdentityAnalyzer()).when(defined, identified("a", nobody)).then("identities", reason=["no_id"])
    story.when(identified("b", nobody), nothing)


def test_posthog_s_events_are_understood() -> None:
    story = given(IdentityAnalyzer()).when(
        defined, event("$identify", "ada", 1, **{"$anon_distinct_id": "0195"}), placed(**{"0195": "ada"})
    )
    story.when(event("$create_alias", "ada", 2, alias="old"), placed(old="ada"))


def test_the_newest_account_counts_and_is_told_when_it_changes() -> None:
    story = (
        given(IdentityAnalyzer())
        .when(defined, event("user.grouped", "ada", 5, groupId="acme"))
        .then("identities", type=["account.joined"], subject=["ada"], account=["acme"])
    )
    story.when(event("user.grouped", "ada", 6, groupId="acme"), event("user.grouped", "ada", 3, groupId="old"), nothing)
    story.when(event("user.grouped", "ada", 7, groupId=12)).then("identities", account=["12"])


def test_nothing_is_read_until_it_is_defined() -> None:
    fold = IdentityAnalyzer()
    assert fold.wants(fold.initial()) == {"control"}
