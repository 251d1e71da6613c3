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


def test_a_worker_has_no_pandas_until_somebody_asks_for_it() -> None:
    code = """
import sys
from hindcast.ray_footprint import slim_worker
slim_worker()
import pyarrow as pa
table = pa.table({"a": [1, 2]})
pa.array(["x"]), table.to_pylist(), table.column("a").to_numpy(), pa.array([b""])
print("pandas" in sys.modules)
print(list(table.to_pandas()["a"]))
import pandas
print(pa.Table.from_pandas(pandas.DataFrame({"b": [3]})).to_pydict())
"""
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.split("\n")[:3] == ["False", "[1, 2]", "{'b': [3]}"]
