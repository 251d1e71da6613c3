"""A host shows what the topics of its cells showed, and a backtest's work is divided among processes."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from actors.backtest.asked import Asked
from actors.backtest.run import backtest
from actors.dashboards.user_activity import UserActivity
from actors.host import Host
from actors.topology import CellSpec, HostSpec
from events.errors import Elsewhere, Rejected
from events.memory_log import MemorySpec
from events.sqlite_log import SqliteLog, SqliteSpec
from tests.laws.systems import System


def test_a_host_shows_what_a_topic_showed() -> None:
    log = MemorySpec("looking-back")
    system = System(4, 1, log.open(), folds=(UserActivity(),))
    shown: dict[int, str] = {}
    cell = system.cells[3]

    def look() -> None:
        cell.advance()
        shown[cell.seq] = json.dumps(UserActivity().view(cell.state, "user_activity"), sort_keys=True)

    system.lives(40, look)
    assert len(shown) > 2
    host = Host(HostSpec("h", log, "g", 0))

    async def story() -> None:
        await host.start(CellSpec("dashboards", UserActivity(), "t"))
        for commit, told in shown.items():
            then = await host.view_at(cell.name, "user_activity", commit)
            assert json.dumps(then, sort_keys=True) == told
        with pytest.raises(Elsewhere):
            await host.view_at("t/alert_system/0", "alerts", 1)
        await host.drain()

    asyncio.run(story())


@pytest.mark.cluster
def test_work_is_shared_out_as_ray_tasks(tmp_path: Path) -> None:
    import ray

    from actors.backtest import tasks

    spec = SqliteSpec(tmp_path / "log")
    system = System(7, 1, SqliteLog(tmp_path / "log", doorbell=False))
    system.lives(40)
    asked = Asked.model_validate({})
    assert tasks.shared_out(spec, system.log) == (1, None), "too little to start processes for"
    ray.init(num_cpus=1, include_dashboard=False, log_to_driver=False)
    try:
        shared = backtest(system.log, "t", asked, parts=3, runs=lambda parts: tasks.on_ray(spec, parts))
    finally:
        ray.shutdown()
    assert shared == backtest(system.log, "t", asked)
    assert shared["pages"] > 0


def test_a_topic_that_a_cell_does_not_show_is_refused() -> None:
    from actors.alerts.evaluator import AlertEvaluator
    from actors.looking_back import view_at

    system = System(4, 1)
    with pytest.raises(Rejected, match="shows no topic"):
        view_at(system.log, "t/alert_evaluator/0", AlertEvaluator(), "alerts", 0)
