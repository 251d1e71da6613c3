"""What all tests share: one running system a placement, and where the real data sets are."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, settings

from tests.examples import FEW
from tests.receiver import SECRET, Receiver
from tests.running import Running, start

settings.register_profile(
    "steady", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow], print_blob=True
)
"""The same examples in every run, however slow the machine: what the suite says of a change is about the change."""
settings.register_profile("quick", settings.get_profile("steady"), max_examples=FEW)
"""For ``make check``: what says nothing of its own number of examples gets few."""
settings.register_profile("wide", settings.get_profile("steady"), derandomize=False)
"""For ``make test-long``: other examples in every run."""
settings.load_profile("steady")


def pytest_itemcollected(item: pytest.Item) -> None:
    """``make check`` leaves out, whether they say so or not, who asks for the running system (it starts Ray), and of a test
    that is tried with several seeds all but the first."""
    if "running" in getattr(item, "fixturenames", ()):
        item.add_marker("cluster")
    case: Any = getattr(item, "callspec", None)
    if case and case.indices.get("seed"):
        item.add_marker("slow")


@pytest.fixture(scope="session")
def receiver() -> Iterator[Receiver]:
    """Where the running system's channel ``ops`` sends."""
    receiver = Receiver()
    yield receiver
    receiver.close()


@pytest.fixture(scope="session", params=["packed", "spread"])
def running(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, receiver: Receiver
) -> Iterator[Running]:
    """A whole system in a process of its own, shared by all tests: first packed, then spread.

    It is the demo with windows of one second, so that no test waits long for one to close. A test that need not see both
    placements says ``only_packed``.
    """
    folder = tmp_path_factory.mktemp(request.param)
    config = folder / "config.yaml"
    config.write_text(yaml.safe_dump(quick(receiver.url)))
    system = start(folder, str(config), "--placement", request.param)
    yield system
    assert system.stop() == 0, system.output.read_text()[-3000:]


@pytest.fixture(autouse=True)
def settled(request: pytest.FixtureRequest) -> None:
    """A test of the running system begins when all of it runs, whatever the one before killed, moved or made anew."""
    if "running" in request.fixturenames:
        system: Running = request.getfixturevalue("running")
        system.until(lambda: unsettled(system), [])


def unsettled(system: Running) -> list[str]:
    """The cells that do not run, as ``/v1/status`` has it."""
    answer = system.get("/v1/status")
    if answer.status_code != 200:
        return [answer.text]
    return [f"{c['cell']}: {c['state']}" for c in answer.json()["cells"] if c["state"] != "running"] or (
        [] if system.get("/ready").status_code == 200 else ["not ready"]
    )


def quick(hook: str) -> dict[str, object]:
    """The demo, with orders counted by the second and a webhook."""
    orders = {
        "name": "orders", "stream": "user_interactions", "types": ["order.placed"], "key": "currency",
        "value": "amount", "distinct": "subject", "width_s": 1, "lateness_s": 600,
    }  # fmt: skip
    return {
        "extends": "demo",
        "collectors": {"bound_s": 0.5},
        "metrics": [orders],
        "channels": [{"name": "ops", "kind": "webhook", "url": hook, "secret": SECRET}],
    }


@pytest.fixture(scope="session")
def data_sets() -> Path:
    """The real data sets; skips where they are not."""
    folder = Path(os.environ.get("HINDCAST_DATA", "../shared/data"))
    if not folder.is_dir():
        pytest.skip(f"no data sets at {folder}: set HINDCAST_DATA to the folder that has them")
    return folder
