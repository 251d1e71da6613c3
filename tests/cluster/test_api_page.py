"""The examples of the API's page run as they stand."""

from __future__ import annotations

from typing import Any

from tests.cluster.words import only_packed
from tests.running import Running

pytestmark = only_packed
APART = ("/v1/session", "/v1/shared/answer", "/v1/datasets", "/v1/backtest/tune")
"""A session needs a key of one's own, a shared link its token; a dataset and a proposal need a history."""


def test_every_example_of_the_api_runs(running: Running) -> None:
    document = running.get("/openapi.json").json()
    tried = 0
    for path, operations in document["paths"].items():
        for content_type, body in operations.get("post", {}).get("requestBody", {}).get("content", {}).items():
            if path in APART or "{" in path:
                continue
            example = example_of(document, body)
            said: dict[str, Any] = {"content": example} if isinstance(example, str) else {"json": example}
            answer = running.http.post(path, headers={"content-type": content_type}, **said)
            assert answer.status_code in (200, 201, 202), (path, content_type, answer.text)
            assert answer.json().get("rejected_total", 0) == 0, (path, answer.text)
            tried += 1
    assert tried >= 13


def example_of(document: dict[str, Any], body: dict[str, Any]) -> Any:
    if "example" in body:
        return body["example"]
    return document["components"]["schemas"][body["schema"]["$ref"].rpartition("/")[2]]["examples"][0]


def test_a_key_is_taken_as_the_user_name_of_basic_auth(running: Running) -> None:
    for path in ("/v1/metrics?metric=events&since=1h", "/v1/status", "/v1/streams"):
        answer = running.http.get(path, headers={"authorization": ""}, auth=(running.key, ""))
        assert answer.status_code == 200, answer.text


def test_a_metric_that_is_not_there_brings_one_to_mind(running: Running) -> None:
    answer = running.get("/v1/metrics?metric=evnets")
    assert answer.status_code == 400
    assert "did you mean 'events'?" in answer.json()["error"]["reason"]
    assert running.get("/v1/metrics?metric=sign_ups&since=1h").status_code in (200, 400)
