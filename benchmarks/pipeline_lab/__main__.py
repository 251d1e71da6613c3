"""Measure the empty pipeline: HTTP replica -> collector actor -> dashboard actor -> live socket, with null folds.

``python -m benchmarks.pipeline_lab DIR [--slim] [--coalesce-ms 2] [--replicas 1] [--hub own|ingress] [--app fastapi]``
starts its own Ray below DIR (keep DIR short: Unix socket paths end at 107 bytes), measures, prints JSON and stops
everything it started. Ray may print a line of its own on stdout before the JSON.
"""

import argparse
import asyncio
import json
import os
import subprocess
import time
from pathlib import Path
from typing import Any

from benchmarks.pipeline_lab.probes import cpu, idle_latency, label, load, processes, yardstick
from benchmarks.pipeline_lab.settings import environment
from benchmarks.pipeline_lab.system import start


def measured_load(options: argparse.Namespace, body: bytes, connections: int) -> dict[str, Any]:
    before = cpu(found := processes())
    figure: dict[str, Any] = asyncio.run(load(options.port, body, connections, options.seconds))
    used = {
        label(found[p]): round((s - before[p]) / options.seconds * 100)
        for p, s in cpu(found).items()
        if s - before[p] > 0.05
    }
    return figure | {"cpu_percent": used}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--port", type=int, default=8700)
    parser.add_argument("--replicas", type=int, default=1)
    parser.add_argument("--coalesce-ms", type=float, default=2.0, help="0: next loop turn; below 0: a call per request")
    parser.add_argument("--hub", choices=("own", "ingress"), default="own")
    parser.add_argument("--app", choices=("fastapi", "starlette"), default="fastapi")
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--idle", type=float, default=10.0)
    parser.add_argument("--slim", action="store_true")
    options = parser.parse_args()
    data = options.data.absolute()
    os.environ.update(environment(data, options.port))
    report: dict[str, Any] = {"start_s": start(options, data)}
    import ray
    from ray import serve

    try:
        time.sleep(3)  # HAProxy reloads after the last application, and a reload closes idle kept-alive connections
        report["latency_ms"] = (
            asyncio.run(idle_latency(options.port, "/live" if options.hub == "own" else "", 200))
            if options.app == "fastapi"
            else {}
        )
        before = cpu(found := processes())
        time.sleep(options.idle)
        after = cpu(found)
        report["idle"] = {
            f"{label(found[p])} {p}": [
                round(found[p].memory_full_info().pss / 1e6, 1),
                round((after[p] - before[p]) / options.idle * 100, 2),
            ]
            for p in after
        }
        report["idle_total"] = [round(sum(v[i] for v in report["idle"].values()), 1) for i in (0, 1)]
        one = b'{"id":"a","type":"page.viewed","properties":{"path":"/x"}}'
        many = json.dumps([{"id": f"{i:032d}", "type": "page.viewed", "pad": "x" * 225} for i in range(500)]).encode()
        report["single_64"] = measured_load(options, one, 64)
        report["batch_4"] = measured_load(options, many, 4)
        bare = yardstick(options.port + 5)
        try:
            time.sleep(2)
            report["bare_single_64"] = asyncio.run(load(options.port + 5, one, 64, options.seconds))
            report["bare_batch_4"] = asyncio.run(load(options.port + 5, many, 4, options.seconds))
        finally:
            bare.terminate()
            bare.wait()
        report["listening"] = subprocess.run(["ss", "-Hltnp"], capture_output=True, text=True).stdout.splitlines()
    finally:
        begun = time.perf_counter()
        serve.shutdown()
        ray.shutdown()
        report["stop_s"] = round(time.perf_counter() - begun, 2)
        report["left_over"] = [label(p) for p in processes().values()][1:]
        print(json.dumps(report, indent=1))


if __name__ == "__main__":
    main()
