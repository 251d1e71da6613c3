"""The Numenta Anomaly Benchmark through the public ``detect``: one setting, beside the published detectors.

``HINDCAST_DATA=… python -m benchmarks.nab``; reads ``nab/`` there and the scorer ``../tools/nab_score.py`` beside it. Prints
JSON lines ``{name, value, unit, against, ratio}``: the three profiles, with NAB's own threshold and with one from the other
categories, each beside the best published detector of that profile; the published table; and what ``is_anomaly`` does at
the default setting, probation left out: label windows hit, and alarms (episodes) and rows a week outside of all windows.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pyarrow as pa
import pyarrow.csv as pc

from analytics.anomaly import detect, episodes
from benchmarks.data import DATA, data_set

WEEK_US = 7 * 24 * 3_600_000_000
NAB, SCORER = DATA / "nab", DATA.parent / "tools" / "nab_score.py"


def report(name: str, value: float, unit: str, against: str = "", yardstick: float = 0.0) -> None:
    ratio = round(value / yardstick, 2) if yardstick else None
    print(json.dumps({"name": name, "value": round(value, 2), "unit": unit, "against": against, "ratio": ratio}))


def published() -> dict[str, dict[str, float]]:
    """Points on this part, by profile and detector."""
    table: dict[str, dict[str, float]] = {}
    for row in pc.read_csv(NAB / "published_detectors_split_scores.csv").to_pylist():
        if row["detector"] and row["detector"] != "null":
            table.setdefault(row["profile"], {})[row["detector"]] = float(row["dev"])
    return table


def scored(windows: dict[str, list[list[str]]], scores: Path, *options: str) -> dict[str, float]:
    """Points by profile, of the files in ``windows`` alone."""
    with TemporaryDirectory() as folder:
        part = Path(folder)
        (part / "combined_windows.json").write_text(json.dumps(windows))
        (part / "data").symlink_to((NAB / "data").resolve())
        (part / "profiles.json").symlink_to((NAB / "profiles.json").resolve())
        command = [sys.executable, str(SCORER), str(part), str(scores), *options]
        found = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)
    return {profile: of["score"] for profile, of in found.items()}


def held_out(windows: dict[str, list[list[str]]], scores: Path) -> dict[str, float]:
    """Points by profile where each category takes the threshold of the others; the artificial ones are one category."""
    category = {file: "artificial" if file.startswith("artificial") else file.split("/")[0] for file in windows}
    points: dict[str, float] = {}
    labels = sum(map(len, windows.values()))
    for one in sorted(set(category.values())):
        others = {file: spans for file, spans in windows.items() if category[file] != one}
        own = {file: spans for file, spans in windows.items() if category[file] == one}
        thresholds = str(scores / f"without_{one}.json")
        scored(others, scores, "--save-thresholds", thresholds)
        for profile, score in scored(own, scores, "--thresholds", thresholds).items():
            points[profile] = points.get(profile, 0.0) + score * sum(map(len, own.values())) / labels
    return points


def found_in(file: str, spans: list[list[str]], scores: Path) -> np.ndarray:
    """Writes the scores; windows hit, alarms and rows outside of all windows, weeks judged."""
    found = detect(pc.read_csv(NAB / "data" / f"{file}.gz"))
    (scores / file).parent.mkdir(parents=True, exist_ok=True)
    pc.write_csv(found.select(["anomaly_score"]), scores / file)
    time = np.asarray(found["time"].cast(pa.timestamp("us")).cast(pa.int64()))
    alarm = np.asarray(found["is_anomaly"])[np.argsort(time, kind="stable")]
    time = np.sort(time)
    probation = min(int(0.15 * len(alarm)), 750)
    alarm[:probation] = False
    inside = np.zeros(len(time), bool)
    hit = 0
    for first, last in np.array(spans, "datetime64[us]").astype(np.int64).reshape(-1, 2):
        window = (time >= first) & (time <= last)
        hit, inside = hit + bool(alarm[window].any()), inside | window
    outside = alarm & ~inside
    weeks = float(time[-1] - time[probation]) / WEEK_US
    return np.array([hit, len(episodes(outside)), outside.sum(), weeks])


def main(scores: Path) -> None:
    windows = json.loads((data_set("nab") / "combined_windows.json").read_text())
    hit, alarms, rows, weeks = sum(found_in(file, spans, scores) for file, spans in windows.items())
    known = published()
    blind = held_out(windows, scores)
    for profile, score in scored(windows, scores).items():
        best = max(known[profile], key=lambda name, of=known[profile]: of[name])
        report(f"NAB {profile}", score, "points", f"{best}, published", known[profile][best])
        report(f"NAB {profile}, threshold of the others", blind[profile], "points")
    for profile, of in known.items():
        for name, score in sorted(of.items(), key=lambda pair: -pair[1]):
            report(f"NAB {profile}, published: {name}", score, "points")
    labels = sum(map(len, windows.values()))
    report("NAB label windows hit by is_anomaly", float(hit), "windows", "all windows", labels)
    report("NAB alarms outside of the windows", alarms / weeks, "1/week", "as asked for", 1.0)
    report("NAB anomalous rows outside of the windows", rows / weeks, "1/week")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path("bench/out/nab"))
