"""``hindcast questions``: what is typed reaches the client as the object that it says."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest
from click.testing import CliRunner

from hindcast.cli import main

FUNNEL = {"ask": "funnel", "steps": ["a", "b"]}
HERE = ["--address", "http://127.0.0.1:1", "--key", "hc_x"]


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[tuple[str, Any]]]:
    """What the client would have sent: (path, body); each call is answered with an empty object."""
    found: list[tuple[str, Any]] = []

    def send(self: httpx.Client, request: httpx.Request) -> httpx.Response:
        found.append((request.url.path, orjson.loads(request.content) if request.content else None))
        return httpx.Response(200, json={"questions": {}})

    monkeypatch.setattr(httpx.Client, "send", send)
    yield found


def run(*words: str, input: str | None = None, code: int = 0) -> str:
    done = CliRunner().invoke(main, ["questions", *words, *HERE], input=input)
    assert done.exit_code == code, done.output
    return done.output


@pytest.mark.parametrize(
    "said", ["{ask: funnel, steps: [a, b]}", '{"ask": "funnel", "steps": ["a", "b"]}', "@FILE", "@-"]
)
def test_a_question_is_json_or_yaml_or_a_file(sent: list[tuple[str, Any]], tmp_path: Path, said: str) -> None:
    file = tmp_path / "funnel.yaml"
    file.write_text("ask: funnel\nsteps: [a, b]\n")
    run("ask", said.replace("FILE", str(file)), input=file.read_text())
    assert sent == [("/v1/questions", FUNNEL)]


def test_a_cell_is_drilled_into_on_the_cut_of_its_answer(sent: list[tuple[str, Any]]) -> None:
    run("drill", str(FUNNEL), "{step: 1}", "--show", "events", "--limit", "5", "--answer", "{asked_at: 7, cut: {}}")
    wanted = {"question": FUNNEL, "cell": {"step": 1}, "show": "events", "limit": 5, "asked_at": 7, "cut": {}}
    assert sent == [("/v1/questions/drill", wanted)]


def test_the_optimizer_takes_sql_and_questions(sent: list[tuple[str, Any]]) -> None:
    run("optimize", "SELECT 1")
    run("optimize", str(FUNNEL), "--data-size", "3")
    assert [body for _, body in sent] == [
        {"query": "SELECT 1", "data_size": None},
        {"query": FUNNEL, "data_size": 3},
    ]


@pytest.mark.parametrize("said", ["trends", "[1]", "{a: [}", "@nowhere.yaml"])
def test_what_is_no_object_is_refused(sent: list[tuple[str, Any]], said: str) -> None:
    assert "Error: Invalid value for 'QUESTION'" in run("ask", said, code=2)
    assert sent == []
