"""The examples of docs/questions.md are asked, each over a small shop."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from actors.definitions.checking import Wanted, accept
from actors.definitions.inventory import Inventory
from hindcast.client.operations import Operations
from query.questions.asking import KINDS, question_of
from query.questions.schema import Filter
from tests.unit.query.questions.words import Shop, us

PAGE = (Path(__file__).parents[4] / "docs" / "questions.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```(\w+)\n(.*?)```", PAGE, re.DOTALL)
ASKED = [json.loads(text) for language, text in BLOCKS if language == "json"]
DEFINED = [yaml.safe_load(text) for language, text in BLOCKS if language == "yaml"]


@pytest.fixture
def told(shop: Shop) -> Shop:
    t = us("2026-03-24T10:00")
    for i, user in enumerate(["ada", "bob", "cleo"]):
        shop.did((user, "page", t + i, {"plan": "pro"}), (user, "cart.filled", t + 60_000_000 + i))
    shop.columns(2, subject="ada", type="order.placed", time=t + 90_000_000, amount=[100, 200], currency="EUR")
    shop.did(("bob", "order.cancelled", t + 90_000_000), ("bob", "order.placed", t + 95_000_000))
    return shop


def test_every_kind_of_question_has_an_example() -> None:
    assert [question["ask"] for question in ASKED] == list(KINDS)


@pytest.mark.parametrize("question", ASKED, ids=[question["ask"] for question in ASKED])
def test_examples_are_answered(told: Shop, question: dict[str, Any]) -> None:
    told.cohorts = cohorts()
    answer = told.ask(**question)
    assert answer["warnings"] == []
    if question["ask"] == "funnel":
        assert [step["users"] for step in answer["groups"][0]["steps"]] == [3, 3, 1]
        assert [step["excluded"] for step in answer["groups"][0]["steps"]] == [0, 1, 0]
    if question["ask"] == "trends":
        assert [line["total"] for line in answer["series"]] == [300, 3]
    if question["ask"] == "cohort":
        assert told.users({}, **question) == []


def cohorts() -> dict[str, Any]:
    (document,) = DEFINED
    wanted = [Wanted("cohort", None, {**spec, "criteria": spec["criteria"]}) for spec in document["cohorts"]]
    return {one.key.name: one.spec for one in accept(wanted, Inventory({}))}


def test_code_and_commands_are_right() -> None:
    (code,) = [text for language, text in BLOCKS if language == "python"]
    compile(code, "questions.md", "exec")
    for name in re.findall(r"client\.(\w+)\(", PAGE):
        assert hasattr(Operations, name)
    (commands,) = [text for language, text in BLOCKS if language == "sh"]
    for said in re.findall(r"ask '(\{.*?\})'", commands):
        question_of(yaml.safe_load(said))


def test_every_field_is_told() -> None:
    for kind in KINDS.values():
        fields = {*kind.schema.model_fields, *kind.cell.model_fields} - {"ask", "from_", "series", "definition"}
        missing = [field for field in sorted(fields) if f"`{field}" not in PAGE and f'"{field}"' not in PAGE]
        assert missing == []
    for operator in Filter.model_json_schema()["properties"]["op"]["enum"]:
        assert f"`{operator}`" in PAGE
