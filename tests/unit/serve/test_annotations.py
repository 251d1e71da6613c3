"""Annotations over HTTP: said, listed by span, said anew, taken back; and what cannot be one."""

from __future__ import annotations

from typing import Any

import pytest
from fastapi.testclient import TestClient

from tests.unit.serve import test_definitions

http = test_definitions.http
error = test_definitions.error


def said(http: TestClient, **one: Any) -> Any:
    return http.post("/v1/annotations", json=one)


def test_an_annotation_is_said_listed_said_anew_and_taken_back(http: TestClient) -> None:
    made = said(
        http, title="Release 2.1", kind="release", id="r21", time="2026-03-01T10:00:00Z", link="https://x.example/2.1"
    )
    assert made.status_code == 201 and made.json()["author"] == "ada", made.text
    said(http, title="Sale", kind="campaign", time=1_772_000_000, end=1_773_000_000, dashboard="shop")
    every = {"since": "0"}
    listed = http.get("/v1/annotations", params=every).json()["annotations"]
    assert [one["title"] for one in listed] == ["Release 2.1", "Sale"]
    assert listed[1] | {"id": ""} == {
        "id": "", "time": 1_772_000_000, "end": 1_773_000_000, "title": "Sale", "kind": "campaign", "about": "",
        "link": "", "dashboard": "shop", "author": "ada",
    }  # fmt: skip
    within = http.get("/v1/annotations", params={"since": "1772500000", "until": "1772500001"}).json()["annotations"]
    assert [one["title"] for one in within] == ["Sale"]
    said(http, title="Release 2.1.1", kind="release", id="r21", time="2026-03-01T10:00:00Z")
    titles = [one["title"] for one in http.get("/v1/annotations", params=every).json()["annotations"]]
    assert titles == ["Release 2.1.1", "Sale"]
    assert http.delete("/v1/annotations/r21").status_code == 204
    assert [one["title"] for one in http.get("/v1/annotations", params=every).json()["annotations"]] == ["Sale"]
    assert http.delete("/v1/annotations/r21").status_code == 404
    rows = http.post("/v1/query", json={"sql": "SELECT type FROM annotations ORDER BY row_offset"}).json()["rows"]
    assert [row[0] for row in rows] == ["annotation.added"] * 3 + ["annotation.removed"]


@pytest.mark.parametrize(
    ("one", "field"),
    [
        ({"title": " "}, "title"),
        ({"title": "a", "kind": "party"}, "kind"),
        ({"title": "a", "time": "soon"}, "time"),
        ({"title": "a", "time": 5, "end": 4}, "end"),
        ({"title": "a", "link": "javascript:alert(1)"}, "link"),
        ({"title": "a", "colour": "red"}, "colour"),
    ],
)
def test_what_cannot_be_one_is_refused_with_its_field(http: TestClient, one: dict[str, Any], field: str) -> None:
    status, found, _ = error(said(http, **one))
    assert (status, found) == (400, field)
