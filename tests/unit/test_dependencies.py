"""``docs/dependencies.md`` gives a reason for every dependency, and for nothing else."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[2]


def names(requirements: list[str]) -> list[str]:
    return [re.split(r"[<>=!~;\s]", requirement, maxsplit=1)[0] for requirement in requirements]


def test_the_page_and_the_project_name_the_same_packages() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    run, develop = (ROOT / "docs" / "dependencies.md").read_text().split("## To develop")
    for section, wanted in ((run, project["project"]["dependencies"]), (develop, project["dependency-groups"]["dev"])):
        reasons = dict(re.findall(r"^\| (\S+) \| (.+) \|$", section, re.MULTILINE))
        reasons = {name: why for name, why in reasons.items() if name not in ("package", "---")}
        assert sorted(reasons) == sorted(names(wanted))
        assert all(len(why) > 8 for why in reasons.values())
