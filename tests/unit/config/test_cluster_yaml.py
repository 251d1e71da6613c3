"""``cluster.yaml`` is a file that this version of Ray accepts."""

from __future__ import annotations

import json
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

CLUSTER = Path(__file__).parents[3] / "cluster.yaml"


@pytest.fixture
def cluster() -> dict[str, Any]:
    return yaml.safe_load(CLUSTER.read_text())


@pytest.fixture(scope="module")
def schema() -> dict[str, Any]:
    """The schema that `ray up` checks with; found without importing Ray."""
    ray = find_spec("ray")
    assert ray is not None
    assert ray.origin is not None
    return json.loads((Path(ray.origin).parent / "autoscaler" / "ray-schema.json").read_text())


def test_it_keeps_to_rays_own_schema(cluster: dict[str, Any], schema: dict[str, Any]) -> None:
    jsonschema.validate(cluster, schema)


def test_the_schema_would_notice_a_mistake(cluster: dict[str, Any], schema: dict[str, Any]) -> None:
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({**cluster, "max_worker": 1}, schema)


def test_it_has_a_head_workers_and_a_way_to_start_them(cluster: dict[str, Any]) -> None:
    provider = cluster["provider"]
    assert provider["head_ip"] not in provider["worker_ips"]
    assert cluster["max_workers"] == len(provider["worker_ips"])
    assert any("ray start --head" in command for command in cluster["head_start_ray_commands"])
    assert any("ray start --address" in command for command in cluster["worker_start_ray_commands"])


def test_ray_up_would_accept_it_whole(cluster: dict[str, Any]) -> None:
    from ray.autoscaler._private.util import prepare_config, validate_config

    validate_config(prepare_config(cluster))
