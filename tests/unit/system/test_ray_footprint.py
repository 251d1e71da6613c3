"""What processes do without, seen from a fresh one: slimming works by what is imported first."""

import json
import subprocess
import sys

import pytest

from hindcast.ray_footprint import UNUSED

pytestmark = pytest.mark.slow


def loaded(code: str) -> dict[str, bool]:
    """Which of the optional libraries a fresh interpreter has loaded after ``code``."""
    tell = f"import json, sys; print(json.dumps({{name: name in sys.modules for name in {list(UNUSED)}}}))"
    ran = subprocess.run([sys.executable, "-c", f"{code}\n{tell}"], capture_output=True, text=True, check=True)
    return json.loads(ran.stdout)


@pytest.mark.parametrize("module", ["analytics.window_kernel", "ray.serve"])
def test_a_slim_process_loads_no_library_that_nothing_of_it_uses(module: str) -> None:
    fat = loaded(f"import {module}")
    slim = loaded(f"from hindcast.ray_footprint import slim; slim(); import {module}")

    assert any(fat.values()), "the library no longer imports it: drop it from UNUSED"
    assert not any(slim.values())


def test_what_is_hidden_from_one_stays_there_for_everybody_else() -> None:
    code = "from hindcast.ray_footprint import slim; slim(); import analytics.window_kernel, cffi, pandas, scipy.linalg"

    assert all(loaded(code).values())


def test_serves_controller_starts_no_second_proxy() -> None:
    code = """
from hindcast.ray_footprint import slim
slim()
import ray.serve._private.controller as controller
print(controller.ProxyStateManager._start_fallback_proxy_if_needed.__module__)
"""
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert ran.stdout.strip() == "hindcast.ray_footprint"
