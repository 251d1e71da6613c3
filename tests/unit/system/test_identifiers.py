"""Where a name begins and ends in a text, and how it may be written there."""

from __future__ import annotations

import pytest

from events.erasure.identifiers import Identifiers


@pytest.mark.parametrize(
    ("text", "there"),
    [
        ("user-17", True),
        ("by user-17.", True),
        ("/users/user-17/orders?x", True),
        ('{"who": "user-17"}', True),
        ("@user-17: yes", True),
        ("user-170", False),
        ("user-17-b", False),
        ("super-user-17", False),
        ("a_user-17", False),
        ("user-17.example.org", False),
        ("mail@user-17", False),
        ("user-17@example.org", False),
    ],
)
def test_a_name_is_no_part_of_another_one(text: str, there: bool) -> None:
    who = Identifiers(["user-17"])
    assert who.within(text.encode()) is there and (who.replaced(text) != text) is there
    assert "user-17" not in who.replaced(text) or not there


def test_a_name_is_found_as_json_and_addresses_write_it() -> None:
    name = 'ä "quoted" ada'
    who = Identifiers([name])
    pseudonym = who.replaced(name)
    for form in ('{"n": "\\u00e4 \\"quoted\\" ada"}', '{"n": "ä \\"quoted\\" ada"}', "/u/%C3%A4%20%22quoted%22%20ada"):
        assert who.within(form.encode()) and pseudonym in who.replaced(form), form


def test_one_name_has_one_pseudonym_and_two_have_two() -> None:
    who = Identifiers(["user-17", "ada@example.org"])
    assert who.replaced("user-17") == who.replaced("user-17") != who.replaced("ada@example.org")
    assert Identifiers(["user-17"]).replaced("user-17") != who.replaced("user-17"), "it is random, not derived"
    assert who.row_id("1") == who.row_id("1") != who.row_id("2")
