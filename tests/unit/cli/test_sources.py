"""``hindcast sources``: a source is tried before it is defined."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from hindcast.cli import main
from hindcast.cli.target import Target


class Fake:
    """A client that keeps what is defined."""

    def __init__(self) -> None:
        self.defined: list[tuple[str, str, dict[str, Any], bool]] = []
        self.pulled: list[dict[str, Any]] = []

    def __enter__(self) -> Fake:
        return self

    def __exit__(self, *_: object) -> None: ...

    def define(self, kind: str, name: str, spec: dict[str, Any], *, dry_run: bool) -> dict[str, Any]:
        self.defined.append((kind, name, spec, dry_run))
        return {"change": "new"}

    def status(self) -> dict[str, Any]:
        return {"pulled": self.pulled}


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> Fake:
    fake = Fake()
    monkeypatch.setattr(Target, "client", lambda _: fake)
    return fake


def run(*words: str) -> Any:
    return CliRunner().invoke(main, ["sources", *words])


def test_a_source_is_read_shown_and_defined(fake: Fake, tmp_path: Path) -> None:
    log = tmp_path / "app.log"
    log.write_text('{"message": "no stock", "level": "error", "time": "2026-11-28T10:00:00Z"}\nbroken\n')
    done = run("add", "app", "--kind", "logs", "--set", f"path={log}", "--set", "format=json", "--yes")
    assert done.exit_code == 0, done.output
    assert "It brings 1 rows at first" in done.output
    assert "no stock" in done.output
    assert "1 items cannot be rows" in done.output
    assert fake.defined == [("source", "app", {"kind": "logs", "path": str(log), "format": "json"}, False)]


def test_one_that_cannot_be_read_is_not_defined_unless_it_is_wanted(fake: Fake) -> None:
    words = ("add", "x", "--kind", "http", "--set", "url=http://127.0.0.1:9/x", "--yes")
    done = run(*words, "--allow", "127.0.0.1")
    assert (done.exit_code, fake.defined) == (1, [])
    assert "x cannot be read" in done.output
    done = run(*words)
    assert "not an address of the public internet" in done.output
    assert run(*words, "--no-trial").exit_code == 0
    assert len(fake.defined) == 1


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (("add", "x", "--yes"), "say --kind; kinds are "),
        (("add", "x", "--kind", "htpp", "--yes"), "did you mean 'http'?"),
        (("add", "x", "--kind", "http", "--yes"), "url: Field required; `hindcast sources kinds http`"),
        (("add", "x", "--kind", "http", "--set", "url", "--yes"), "write it as setting=value"),
        (
            ("add", "x", "--kind", "sql", "--set", "url=sqlite://", "--set", "cursor=a", "--set", "id=b", "--yes"),
            "say either",
        ),
    ],
)
def test_what_cannot_be_is_said_before_anything_is_read(fake: Fake, words: tuple[str, ...], reason: str) -> None:
    done = run(*words)
    assert (done.exit_code, fake.defined) == (2, [])
    assert reason in done.output


def test_kinds_and_their_settings_are_listed() -> None:
    assert "kafka" in run("kinds").output
    shown = run("kinds", "kafka").output
    assert "brokers" in shown
    assert "required" in shown


def test_the_list_shows_each_source_and_fails_where_one_does(fake: Fake) -> None:
    one = {"name": "blog", "kind": "feed", "stream": "social_media", "state": "retrying", "rows": 3, "refused": 0}
    fake.pulled = [{**one, "lag_s": 2.5, "behind": None, "last_error": "answers 500"}]
    done = run("list")
    assert done.exit_code == 1
    assert "answers 500" in done.output
    assert json.loads(run("list", "--json").output)[0]["name"] == "blog"
