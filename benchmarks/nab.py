"""The Numenta Anomaly Benchmark through the public ``detect``: one setting, beside the published detectors.

``python -m benchmarks.nab NAB_DIR SCORES_DIR`` writes <category>/<file> with a column anomaly_score for the scorer, and
prints what ``is_anomaly`` does at the default setting: label windows hit, alarms a week outside of them, probation left out.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv as pc

from analytics.anomaly import detect

WEEK_US = 7 * 24 * 3_600_000_000


def main(nab: Path, scores: Path) -> None:
    hit = labelled = alarms = 0
    weeks = 0.0
    for file, spans in json.loads((nab / "combined_windows.json").read_text()).items():
        found = detect(pc.read_csv(nab / "data" / f"{file}.gz"))
        (scores / file).parent.mkdir(parents=True, exist_ok=True)
        pc.write_csv(found.select(["anomaly_score"]), scores / file)
        time = np.asarray(found["time"].cast(pa.timestamp("us")).cast(pa.int64()))
        alarm = np.asarray(found["is_anomaly"])
        alarm[: min(int(0.15 * len(alarm)), 750)] = False
        outside = alarm.copy()
        for first, last in np.array(spans, "datetime64[us]").astype(np.int64).reshape(-1, 2):
            inside = (time >= first) & (time <= last)
            hit, labelled, outside = hit + bool(alarm[inside].any()), labelled + 1, outside & ~inside
        alarms += int(outside.sum())
        weeks += float(time[-1] - time[0]) / WEEK_US
    print(json.dumps({"windows": labelled, "hit": hit, "alarms_outside_per_week": round(alarms / weeks, 2)}))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
