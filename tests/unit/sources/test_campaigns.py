"""Results of e-mail campaigns from a CSV file that a mailing service lets one save, again and again."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import pytest

from events.errors import Rejected
from serve.sources.campaign_results import CampaignFile
from serve.sources.campaigns_settings import CampaignsSection

NOW = 1_795_000_000_000_000
MAILCHIMP = ["Title", "Subject", "Send Date", "Total Recipients", "Successful Deliveries", "Soft Bounces", "Hard Bounces",
             "Total Bounces", "Unique Opens", "Total Opens", "Unique Clicks", "Total Clicks", "Unsubscribes",
             "Abuse Complaints", "Unique Id"]  # fmt: skip
SPRING = ["Spring sale", "20 % off", "Mar 05, 2026 09:00", "1,200", "1190", "6", "4", "10", "300", "420", "80", "95",
          "3", "1", "c1"]  # fmt: skip


def write(path: Path, header: list[str], *rows: list[str]) -> None:
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([header, *rows])


def read(path: Path, position: bytes | None = None, **said: Any) -> tuple[list[dict[str, Any]], Any]:
    section = CampaignsSection(path=path, **said)
    found = CampaignFile(section, "news", lambda: NOW).open(position).read()
    return found.rows.to_pylist(), found


def counted(rows: list[dict[str, Any]]) -> dict[Any, int]:
    return {(row["type"].removeprefix("email."), row["permanent"]): row["count"] for row in rows}


def test_a_file_of_a_mailing_service_is_read_as_it_is(tmp_path: Path) -> None:
    file = tmp_path / "campaigns.csv"
    write(file, MAILCHIMP, SPRING)
    rows, found = read(file)
    assert found.refused is None
    assert counted(rows) == {("sent", None): 1200, ("delivered", None): 1190, ("bounced", True): 4, ("bounced", False): 6,
                             ("opened", None): 420, ("clicked", None): 95, ("unsubscribed", None): 3,
                             ("complained", None): 1}  # fmt: skip
    assert {row["campaign"] for row in rows} == {"Spring sale"}
    assert {row["time"].isoformat() for row in rows} == {"2026-03-05T09:00:00+00:00"}
    assert "20 % off" in rows[0]["properties"]


def test_a_newer_file_adds_what_came_since_and_the_same_one_nothing(tmp_path: Path) -> None:
    file = tmp_path / "campaigns.csv"
    write(file, MAILCHIMP, SPRING)
    _, first = read(file)
    rows, again = read(file, first.position)
    assert rows == [] and again.position == first.position
    later = [*SPRING]
    later[MAILCHIMP.index("Total Opens")] = "500"
    second = ["Summer", "hot", "Jun 01, 2026 10:30", "10", *["0"] * 11]
    second[-1] = "c2"
    write(file, MAILCHIMP, later, second)
    rows, after = read(file, first.position)
    assert [(row["campaign"], row["type"], row["count"]) for row in rows] == [
        ("Spring sale", "email.opened", 80),
        ("Summer", "email.sent", 10),
    ]
    write(file, MAILCHIMP, SPRING, second)
    rows, fewer = read(file, after.position)
    assert rows == []
    (refused,) = fewer.refused.to_pylist()
    assert "was 500 before, and is 420" in refused["reason"]


def test_columns_are_named_and_times_are_of_a_zone(tmp_path: Path) -> None:
    file = tmp_path / "results.csv"
    write(
        file,
        ["Kampagne", "Versand", "Verschickt"],
        ["Frühling", "5.3.2026 09:00", "12"],
        ["Mai", "31.5.2026 10:00", "3"],
    )
    with pytest.raises(Rejected, match="name its column: there are Kampagne, Versand, Verschickt"):
        read(file)
    said: dict[str, Any] = {
        "campaign": "Kampagne",
        "time": "Versand",
        "figures": {"sent": "Verschickt"},
        "zone": "Europe/Berlin",
    }
    rows, _ = read(file, **said)
    assert [(row["campaign"], row["count"], row["time"].isoformat()) for row in rows] == [
        ("Frühling", 12, "2026-03-05T08:00:00+00:00"),
        ("Mai", 3, "2026-05-31T08:00:00+00:00"),
    ]


def test_a_row_that_cannot_be_read_spoils_no_other(tmp_path: Path) -> None:
    file = tmp_path / "results.csv"
    header = ["campaign", "sent at", "sent"]
    write(
        file, header, ["a", "2026-03-05", "many"], ["", "2026-03-05", "1"], ["c", "soon", "1"], ["d", "2026-03-05", "7"]
    )
    rows, found = read(file)
    assert counted(rows) == {("sent", None): 7}
    assert [each["field"] for each in found.refused.to_pylist()] == ["sent", "campaign", "sent at"]
    assert "must be a number of messages, got 'many'" in found.refused.to_pylist()[0]["reason"]
