"""docs/executive.md: its example is a business, and it names every field; the presets have one each."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from actors.definitions.kinds import KINDS
from config.settings import Settings
from query.business.kpis import NAMES
from query.business.meaning import Business
from query.business.periods import NAMED

PAGE = (Path(__file__).parents[4] / "docs" / "executive.md").read_text()


def test_the_example_is_a_business_and_every_field_is_told() -> None:
    (example,) = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
    (spec,) = yaml.safe_load(example)["businesses"]
    business = Business.model_validate(spec)
    assert KINDS["business"].told(business) == KINDS["business"].told(
        Business.model_validate(KINDS["business"].told(business))
    )
    told = PAGE.partition("| field |")[2].partition("\n\n")[0]
    assert [name for name in Business.model_fields if f"`{name}`" not in told] == []
    figures = PAGE.partition("| in `kpis` |")[2].partition("\n\n")[0]
    assert [name for name in NAMES if f"| `{name}` |" not in figures] == []
    assert [name for name in NAMED if f"`{name}`" not in PAGE] == []


@pytest.mark.parametrize(
    ("preset", "domains"), [("course", ["course"]), ("saas", ["marketing"]), ("demo", ["course", "marketing"])]
)
def test_presets_have_a_business_of_each_domain(preset: str, domains: list[str]) -> None:
    settings = Settings.load(preset)
    assert [business.domain for business in settings.businesses] == domains
    assert all(business.user == "person" for business in settings.businesses) and settings.identities
