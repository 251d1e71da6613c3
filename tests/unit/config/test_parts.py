"""What a configuration asks of parts: checked by their own schemas, and said so that it can be mended."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from pydantic import Field

from actors.parts import Part, Parts, PartSection, PlugIn, SourceKind, SourceSection
from config import parts as installed
from config.settings import Settings
from events.catalog import SYSTEM_METRICS
from events.errors import Rejected


class WellSection(SourceSection):
    depth: int = Field(default=3, ge=1)


class GardenSection(PartSection):
    beds: int = 2


def no_source(*_: object) -> object:
    raise AssertionError("nothing is read here")


WELL = SourceKind("well", SYSTEM_METRICS, no_source, WellSection)  # type: ignore[arg-type]
BOARD = {"id": "garden", "name": "Garden", "widgets": [{"id": "a", "type": "alert_system"}]}
GARDEN = Part("garden", sources=(WELL,), section=GardenSection, defaults={"dashboards": [BOARD]})


@pytest.fixture
def known(monkeypatch: pytest.MonkeyPatch) -> Iterator[Parts]:
    """A plug-in `garden` besides Hindcast's own parts."""
    ours = installed.parts()
    plug_in = PlugIn("garden", "hindcast-garden", "1.0", "garden:PART")
    found = Parts({**ours.by_name, "garden": GARDEN}, {"garden": plug_in})
    monkeypatch.setattr(installed, "parts", lambda: found)
    yield found


def load(folder: Path, text: str) -> Settings:
    path = folder / "mine.yaml"
    path.write_text(text)
    return Settings.load(path)


def test_two_sources_of_one_kind_are_two_instances(tmp_path: Path, known: Parts) -> None:
    settings = load(tmp_path, "sources: {a: {kind: well}, b: {kind: well, depth: 9}, machine: {enabled: false}}")
    assert [(s.name, s.kind.name, s.section.model_dump()["depth"]) for s in settings.asked_sources()] == [
        ("a", "well", 3),
        ("b", "well", 9),
    ]


def test_one_file_completes_what_another_one_begins(tmp_path: Path, known: Parts) -> None:
    (tmp_path / "base.yaml").write_text("sources: {a: {kind: well, depth: 2}}")
    settings = load(tmp_path, "extends: base.yaml\nsources: {a: {depth: 5}}")
    assert {s.name: s.section.model_dump().get("depth") for s in settings.asked_sources()} == {"machine": None, "a": 5}


@pytest.mark.parametrize(
    ("text", "field", "said"),
    [
        ("sources: {a: {kind: wel}}", "sources.a", "did you mean 'well'"),
        ("sources: {machin: {}}", "sources.machin", "did you mean 'machine'"),
        ("sources: {a: {kind: well, depht: 3}}", "sources.a.depht", "is not a key in mine.yaml; keys there are depth"),
        ("sources: {a: {kind: well, depth: 0}}", "sources.a.depth", "greater than or equal to 1 in mine.yaml"),
        ("sources: {a: {kind: file}}", "sources.a.path", "Field required"),
        ("parts: {gardn: {}}", "parts.gardn", "did you mean 'garden'"),
        ("parts: {garden: {beds: many}}", "parts.garden.beds", "valid integer, unable to parse"),
    ],
)
def test_a_mistake_names_its_key_its_file_and_the_remedy(
    tmp_path: Path, known: Parts, text: str, field: str, said: str
) -> None:
    with pytest.raises(Rejected) as refused:
        load(tmp_path, text)
    assert refused.value.field == field
    assert said in refused.value.reason


def test_a_part_has_its_settings_and_can_be_turned_off(tmp_path: Path, known: Parts) -> None:
    asked = {part.name: section for part, section in load(tmp_path, "parts: {garden: {beds: 4}}").asked_parts()}
    assert asked["garden"] == GardenSection(beds=4)
    off = load(tmp_path, "parts: {garden: {enabled: false}}")
    assert "garden" not in {part.name for part, _ in off.asked_parts()}
    assert off.dashboards == ()


def test_its_definitions_hold_unless_the_user_has_one_of_that_name(tmp_path: Path, known: Parts) -> None:
    settings = load(tmp_path, "dashboards: [{id: mine, name: Mine}]")
    assert [d.id for d in settings.dashboards] == ["mine", "garden"], "the user's come first"
    mine = load(tmp_path, "dashboards: [{id: garden, name: My own}]")
    assert [d.name for d in mine.dashboards] == ["My own"]


def test_while_a_plug_in_fails_a_source_that_may_be_its_is_left_out(
    tmp_path: Path, known: Parts, monkeypatch: pytest.MonkeyPatch
) -> None:
    failed = replace(known.plug_ins["garden"], error="ImportError: no soil")
    ours = {name: part for name, part in known.by_name.items() if name != "garden"}
    monkeypatch.setattr(installed, "parts", lambda: Parts(ours, {"garden": failed}))
    settings = load(tmp_path, "sources: {a: {kind: well}}\nparts: {garden: {beds: 4}}")
    assert [source.name for source in settings.asked_sources()] == ["machine"]


def test_the_environment_reaches_a_source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HINDCAST_SOURCES__MACHINE__EVERY_S", "7")
    (machine,) = load(tmp_path, "{}").asked_sources()
    assert machine.section.model_dump()["every_s"] == 7
