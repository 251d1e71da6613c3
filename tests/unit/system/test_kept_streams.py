"""A plug-in that was uninstalled: what it wrote can be read, cells of ours go on, and it is named."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from actors.analyzers.metrics import MetricsAnalyzer, MetricSpec
from actors.cell import Cell
from actors.parts import Part, Parts, PlugIn
from events import catalog
from events.catalog import STREAMS, rows, stream_of
from events.entry import encode
from events.errors import Corrupt
from events.log import Commit, Output
from events.memory_log import MemoryLog
from hindcast.kept_streams import keep
from tests.told import metrics_defined

THROWS = stream_of("kept_throws", "die.thrown", pa.field("eyes", pa.int64()))
INSTALLED = Parts(
    {"kept": Part("kept", streams=(THROWS,))}, {"kept": PlugIn("kept", "hindcast-kept", "1.2", "kept:PART")}
)
SECOND = 1_000_000


@pytest.fixture
def known() -> Iterator[dict[str, Any]]:
    """The catalog, as it was before once the test is over."""
    streams: dict[str, Any] = vars(catalog)["_known"]
    before = dict(streams)
    catalog.join(THROWS)
    yield streams
    streams.clear()
    streams.update(before)


def written(log: MemoryLog, stream: str, n: int, **columns: Any) -> None:
    lease = log.acquire(f"t/{stream}/0", [stream])
    output = Output(stream, encode(STREAMS[stream], rows(STREAMS[stream], columns, n)), 0)
    log.commit(lease, Commit(0, b"1", 1, outputs=(output,)))


def metrics(log: MemoryLog) -> Cell[Any]:
    cell: Cell[Any] = Cell(MetricsAnalyzer(), log, tenant="t", now=lambda: 0)
    cell.recover()
    return cell


def test_a_cell_of_ours_that_has_read_its_stream_folds_it_again(tmp_path: Path, known: dict[str, Any]) -> None:
    assert keep(tmp_path / "streams", INSTALLED) == ()
    log = MemoryLog()
    spec = MetricSpec("throws", THROWS.name, value="eyes", width_us=SECOND)
    written(log, "control", 1, **metrics_defined([spec], 0))
    times = [i * SECOND for i in range(9)]
    written(log, THROWS.name, 9, type="die.thrown", time=times, received=times, eyes=[*range(9)])
    cell = metrics(log)
    while cell.advance():
        pass
    folded = cell.fold.dump(cell.state)
    assert cell.state.series

    del known[THROWS.name]
    with pytest.raises(Corrupt, match="'kept_throws', which nobody here knows: install the plug-in that brings it"):
        metrics(log)
    gone = Parts({}, {})
    assert [stream.name for stream in keep(tmp_path / "streams", gone)] == [THROWS.name]
    again = metrics(log)
    assert again.fold.dump(again.state) == folded
    assert STREAMS[THROWS.name] == THROWS
    plug_in = gone.plug_ins["kept"]
    assert (plug_in.package, plug_in.version, plug_in.installed, plug_in.runs) == ("hindcast-kept", "1.2", False, False)
    assert "kept_throws" in plug_in.lacks and "Install hindcast-kept again" in plug_in.lacks
    assert gone.where == ()


def test_one_that_cannot_be_loaded_keeps_its_own_error(tmp_path: Path, known: dict[str, Any]) -> None:
    keep(tmp_path / "streams", INSTALLED)
    del known[THROWS.name]
    failing = Parts({}, {"kept": PlugIn("kept", "hindcast-kept", "1.3", "kept:PART", error="ImportError: no dice")})
    assert len(keep(tmp_path / "streams", failing)) == 1
    assert failing.plug_ins["kept"].error == "ImportError: no dice"


def test_installed_again_it_brings_its_stream_itself(tmp_path: Path, known: dict[str, Any]) -> None:
    keep(tmp_path / "streams", INSTALLED)
    assert keep(tmp_path / "streams", INSTALLED) == ()


@pytest.mark.parametrize("damage", [b"", b"{}", b'{"part": "kept"', b"\xff\xff"])
def test_a_damaged_file_keeps_nothing_from_starting(tmp_path: Path, known: dict[str, Any], damage: bytes) -> None:
    keep(tmp_path / "streams", INSTALLED)
    (tmp_path / "streams" / "kept_throws.json").write_bytes(damage)
    del known[THROWS.name]
    assert keep(tmp_path / "streams", Parts({}, {})) == ()
