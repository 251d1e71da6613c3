"""The background: what is trained is served where it is better, what cannot be yet is tried again, and what is asked for."""

from __future__ import annotations

import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from analytics.models.schema import WrongInput
from hindcast.modelling import six
from hindcast.modelling.background import Background


class Log:
    """A client that notes what is done to the registry."""

    def __init__(self) -> None:
        self.done: list[tuple[str, ...]] = []
        self.requests: list[dict[str, str]] = []

    def models(self) -> list[dict[str, Any]]:
        return []

    def query(self, sql: str) -> list[dict[str, str]]:
        return self.requests

    def promote_model(self, name: str, version: str, reason: str) -> None:
        self.done.append(("promoted", name, version))

    def deploy_model_version(self, name: str, config: dict[str, Any]) -> None:
        self.done.append(("deployed", name))


def background(log: Log, monkeypatch: pytest.MonkeyPatch, better: bool = True) -> tuple[Background, list[str]]:
    trained: list[str] = []

    def train(client: Any, name: str, settings: dict[str, Any], *, artifacts: Path) -> Any:
        trained.append(name)
        if settings.get("too_little"):
            raise WrongInput("label", "has too few rows")
        return SimpleNamespace(may_take_over=better, number=len(trained), contest=None)

    monkeypatch.setattr(six, "train_named", train)
    settings = {"churn_prediction": {}, "conversion_prediction": {"too_little": True}}
    return Background(log, settings, Path(), os.getppid()), trained  # type: ignore[arg-type]


def test_a_model_is_trained_promoted_and_deployed_and_one_without_rows_is_tried_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    log = Log()
    work, trained = background(log, monkeypatch)
    for name in list(work.due):
        work.train(name)
    assert trained == ["churn_prediction", "conversion_prediction"]
    assert log.done == [("promoted", "churn_prediction", "1"), ("deployed", "churn_prediction")]
    assert list(work.due) == ["conversion_prediction"]


def test_what_is_asked_for_is_trained_again_and_takes_over_only_where_it_is_better(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    log = Log()
    work, _ = background(log, monkeypatch, better=False)
    work.train("churn_prediction")
    assert log.done == []
    log.requests = [{"subject": "churn_prediction", "at": "2026-03-01"}, {"subject": "of somebody else", "at": "x"}]
    work.look()
    assert work.due["churn_prediction"] == 0.0
    work.train("churn_prediction")
    work.look()
    assert "churn_prediction" not in work.due
