"""People, visits and mended events of a running system: by HTTP, by the client and by the command line."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from hindcast.client import Client
from tests.cluster.test_command_line import run
from tests.cluster.words import BATCH, event, fresh, only_packed
from tests.running import Running

pytestmark = [pytest.mark.cluster, only_packed]


def until(found: Callable[[], Any], wanted: Any) -> None:
    """Wait until ``found`` gives what is wanted."""
    ends = time.monotonic() + 60
    while (last := found()) != wanted and time.monotonic() < ends:
        time.sleep(0.2)
    assert last == wanted


def test_who_somebody_is_holds_for_what_was_done_before_the_login_until_it_is_taken_back(running: Running) -> None:
    device, user, visit = fresh("device"), fresh("ada"), fresh("visit")
    at = (datetime.now(UTC) - timedelta(minutes=5)).isoformat()
    with Client(running.url, running.key) as client:
        client.define("session", "clicks", {"gap_s": 1, "lateness_s": 3600})
        client.track(
            visit, anonymousId=device, timestamp=at, properties={"url": "https://shop.example/?utm_source=news"}
        )
        client.identify(user, anonymousId=device)
        client.track(visit, user, timestamp=at)
        question = {"ask": "users", "events": visit, "since": "1h"}
        assert client.ask(question)["total"] == 2  # type: ignore[typeddict-item]
        until(lambda: client.ask({**question, "user": "person"})["total"], 1)  # type: ignore[typeddict-item]
        assert client.identity(device)["ids"] == sorted([device, user])
        shown = json.loads(run(running, "identities", "show", device).stdout)
        assert (shown["person"], shown["notes"]) == (user, [])
        run(running, "identities", "unlink", device, "--other", user)
        until(lambda: client.ask({**question, "user": "person"})["total"], 2)  # type: ignore[typeddict-item]
        sessions = (
            f"SELECT origin FROM sessions_latest WHERE session = 'clicks' AND device = '{device}' AND origin <> ''"
        )
        until(lambda: client.sql(sessions)["origin"].to_pylist(), ["news"])
        client.remove_definition("session", "clicks")


def test_a_refused_event_is_mended_and_recorded_once(running: Running) -> None:
    type_, when = fresh("order"), (datetime.now(UTC) - timedelta(minutes=5)).isoformat()
    bad = event(type=type_, time="yesterday", data={"when": when})
    assert running.post("/v1/events", json=[bad], headers=BATCH).json()["rejected_total"] == 1
    with Client(running.url, running.key) as client:
        (letter,) = [one for one in client.dead_letters(field="time") if type_ in one["payload"]]
        mend = {"time": "data.when"}
        tried = client.replay_dead_letters(letter["id"], set=mend, dry_run=True)
        assert (tried["accepted"], tried["events"][0]["time"]) == (1, when)
        assert client.replay_dead_letters(letter["id"])["refused"][0]["field"] == "time"
        said = run(running, "dead-letters", "replay", "--id", letter["id"], "--set", json.dumps(mend)).stdout
        assert json.loads(said)["accepted"] == 1
        again = client.replay_dead_letters(letter["id"], set=mend)
        assert (again["accepted"], again["refused"][0]["reason"]) == (0, "was replayed already")
        count = f"SELECT count(*) AS n FROM user_interactions WHERE type = '{type_}'"
        assert client.sql(count)["n"].to_pylist() == [1]
