"""Real sets in a log, without a system: what their adapters make of them, and datasets of that."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from typing import Any

import pyarrow as pa

from events.catalog import USER_INTERACTIONS, rows
from events.entry import encode
from events.log import Commit, Output
from events.memory_log import MemoryLog
from query import as_of
from query.features.asked import DatasetAsked
from query.features.choosing import features_of, label_of
from query.features.dataset import MadeDataset, make

EXAMPLES = Path(__file__).parents[3] / "examples" / "real"
NOW = 1_790_000_000_000_000


def example(name: str) -> Any:
    spec = importlib.util.spec_from_file_location(f"example_{name}", EXAMPLES / f"{name}.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def log_of(table: pa.Table) -> MemoryLog:
    """The events as an import brings them: known when they happened."""
    log = MemoryLog()
    lease = log.acquire("t/imports/0", [USER_INTERACTIONS.name])
    value = [json.loads(one).get("value") for one in table["data"].to_pylist()]
    columns = {name: table[name] for name in ("id", "source", "type", "subject", "time")}
    columns |= {"received": table["time"], "properties": table["data"], "value": value}
    written = encode(USER_INTERACTIONS, rows(USER_INTERACTIONS, columns, table.num_rows))
    log.commit(lease, Commit(0, "1", NOW, outputs=(Output(USER_INTERACTIONS.name, written),)))
    return log


def dataset(log: MemoryLog, definitions: dict[str, Any], label: str, **asked: Any) -> MadeDataset:
    wanted = DatasetAsked.model_validate({"label": label, **asked})
    rule = label_of(label, {one["name"]: one for one in definitions["labels"]})
    features = features_of(None, {one["name"]: one for one in definitions["features"]})
    return make(log, "t", wanted, rule, features, as_of.now(log, "t"), NOW)
