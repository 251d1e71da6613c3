"""``result.json`` is read back as it was written, and what is none is refused with a reason."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from pydantic import ValidationError

from tests.reports import made
from tuning.report import FORMAT, Problem, Score, read_report


@pytest.mark.parametrize("problem", ["binary", "multiclass", "regression"])
def test_it_survives_the_disk(tmp_path: Path, problem: Problem) -> None:
    report = made(problem)
    report.write(tmp_path / "result.json")
    assert read_report(tmp_path / "result.json") == report
    assert [path.name for path in tmp_path.iterdir()] == ["result.json"]


def test_the_file_is_plain_json_with_a_format_number(tmp_path: Path) -> None:
    made("binary").write(tmp_path / "result.json")

    def refuse(name: str) -> None:
        raise AssertionError(f"{name} is no JSON")

    document = json.loads((tmp_path / "result.json").read_text(), parse_constant=refuse)
    assert document["format"] == FORMAT
    assert document["hashes"]["schema"] == "cd" * 32


def test_nan_is_refused_where_it_would_be_written() -> None:
    with pytest.raises(ValidationError, match="finite"):
        Score(metric="auc", value=float("nan"), rows=3)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("{", "is not JSON"),
        ("[]", "no result of `hindcast automl`"),
        ('{"format": 999}', "upgrade hindcast"),
        ('{"format": 1, "title": 3}', "damaged at"),
    ],
)
def test_what_is_no_result_is_refused(tmp_path: Path, content: str, says: str) -> None:
    path = tmp_path / "result.json"
    path.write_text(content)
    with pytest.raises(ValueError, match=says):
        read_report(path)


def test_a_field_of_a_later_version_does_no_harm(tmp_path: Path) -> None:
    path = tmp_path / "result.json"
    made("binary").write(path)
    document = json.loads(path.read_text())
    document["invented_later"] = {"a": 1}
    path.write_text(json.dumps(document))
    assert read_report(path) == made("binary")
