"""The tracking plans that hold, applied to what came: what is not in one is refused, or taken with a warning."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa

from analytics import tracking
from serve.ingest.verdicts import PAYLOAD_BYTES, Decoded, Fault, Refused, Warned

Plans = Sequence[Mapping[str, Any]]
"""Their specs."""


def planned(decoded: Decoded, plans: Plans) -> Decoded:
    """The request as the plans leave it: a row that one with ``mode: block`` is against is refused with all its faults, and
    kept as a dead letter; what one with ``mode: flag`` is against is a warning."""
    plans = [plan for plan in plans if plan["mode"] != "learn"]
    if not plans or not decoded.batch.num_rows:
        return decoded
    types = decoded.batch.column("type").to_pylist()
    texts = decoded.batch.column("properties").to_pylist()
    ids = decoded.batch.column("id")
    refused: list[Refused] = []
    warned: list[Warned] = []
    kept = np.ones(len(types), np.bool_)
    for row, (type_, text) in enumerate(zip(types, texts, strict=True)):
        properties = json.loads(text) if text else {}
        index, id_ = int(decoded.index[row]), ids[row].as_py()
        for plan in plans:
            faults = [Fault(*fault) for fault in tracking.against(plan, type_, properties)]
            if faults and plan["mode"] == "block":
                kept[row] = False
                refused.append(Refused(index, id_, tuple(faults), _text(decoded.batch, row)))
                break
            warned += [Warned(index, id_, *fault) for fault in faults]
    if not refused and not warned:
        return decoded
    gone = {one.index for one in refused}
    return replace(
        decoded,
        batch=decoded.batch.filter(pa.array(kept)) if gone else decoded.batch,
        index=decoded.index[kept],
        refused=sorted([*decoded.refused, *refused], key=lambda one: one.index),
        warned=[one for one in (*decoded.warned, *warned) if one.index not in gone],
    )


def _text(batch: pa.RecordBatch, row: int) -> bytes:
    """The event as a sender could send it again: as Segment's message where that says more, else as a CloudEvent."""
    said = {name: batch.column(name)[row].as_py() for name in _KEPT}
    properties = json.loads(said["properties"] or "{}")
    at = said["time"].isoformat()
    if said["anonymous_id"] or said["context"]:
        user = said["subject"] if said["subject"] != said["anonymous_id"] else None
        event = {
            "type": "track", "event": said["type"], "userId": user, "anonymousId": said["anonymous_id"],
            "messageId": said["id"], "timestamp": at, "properties": properties,
            "context": json.loads(said["context"] or "{}"),
        }  # fmt: skip
    else:
        event = {"specversion": "1.0", "id": said["id"], "source": said["source"], "type": said["type"],
                 "subject": said["subject"], "time": at, "data": properties}  # fmt: skip
    whole = {name: value for name, value in event.items() if value is not None}
    return json.dumps(whole, ensure_ascii=False).encode()[:PAYLOAD_BYTES]


_KEPT = ("id", "source", "type", "subject", "anonymous_id", "time", "properties", "context")
