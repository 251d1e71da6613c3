"""Links in messages: only ours, only for a while, and named so that each works once."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from actors.edges.acknowledging import LASTS_US, make_secret, verified, with_link
from events.errors import Rejected

BODY = json.dumps({"type": "alert.fired", "alert": "abc", "link": "https://h.example/#/alert/abc"})


def token_of(body: str) -> str:
    return json.loads(body)["acknowledge"].partition("token=")[2]


def test_a_link_says_what_it_was_made_for(tmp_path: Path) -> None:
    make_secret(tmp_path)
    make_secret(tmp_path)
    body = with_link(BODY, "k1", "mail", 0, tmp_path)
    assert json.loads(body)["acknowledge"].startswith("https://h.example/acknowledge?token=")
    found = verified(token_of(body), LASTS_US, tmp_path)
    assert (found.alert, found.channel) == ("abc", "mail")
    assert found.once == verified(token_of(with_link(BODY, "k1", "mail", 5, tmp_path)), 0, tmp_path).once
    assert found.once != verified(token_of(with_link(BODY, "k2", "mail", 0, tmp_path)), 0, tmp_path).once


@pytest.mark.parametrize("change", ["", "x", ".", "é", "a.b", "===.==="])
def test_a_forged_link_is_refused(tmp_path: Path, change: str) -> None:
    make_secret(tmp_path)
    right = token_of(with_link(BODY, "k", "mail", 0, tmp_path))
    for token in (change, right + "A", right[1:], change + right if change else right.partition(".")[0]):
        with pytest.raises(Rejected, match="is none of this system"):
            verified(token, 0, tmp_path)


def test_an_old_link_and_that_of_another_system_are_refused(tmp_path: Path) -> None:
    here, there = tmp_path / "here", tmp_path / "there"
    make_secret(here)
    token = token_of(with_link(BODY, "k", "mail", 0, here))
    with pytest.raises(Rejected, match="too old"):
        verified(token, LASTS_US + 1, here)
    for folder in (there, tmp_path):
        if folder is there:
            make_secret(there)
        with pytest.raises(Rejected, match="none of this system"):
            verified(token, 0, folder)


def test_only_what_fires_and_leads_to_our_page_gets_one(tmp_path: Path) -> None:
    assert with_link(BODY, "k", "mail", 0, tmp_path) == BODY, "there is no secret"
    make_secret(tmp_path)
    for change in ({"type": "alert.resolved"}, {"link": ""}, {"link": "https://h.example/"}):
        other = json.dumps({**json.loads(BODY), **change})
        assert with_link(other, "k", "mail", 0, tmp_path) == other
    assert with_link("[1]", "k", "mail", 0, tmp_path) == "[1]"
