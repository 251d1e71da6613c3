"""AutoML beside its peers: ``make bench-automl``, or ``python -m benchmarks.automl --budget 60 --tables german,vehicle``.

Each system gets the same rows, seconds and cores. Results are appended to ``bench/out/automl/results.ndjson`` as they
come; what is there already is not run again, so a broken contest goes on where it was. Nothing of ours is tuned to them.
"""

from __future__ import annotations

import argparse
import json
import os
from itertools import product
from pathlib import Path

from benchmarks.automl.contest import run
from benchmarks.automl.contestant import SYSTEMS
from benchmarks.automl.ranks import summary
from benchmarks.automl.tables import TABLES, split

OUT = Path("bench/out/automl")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--budget", type=float, nargs="+", default=[60.0, 180.0])
    parser.add_argument("--tables", default=",".join(TABLES), help="default: %(default)s")
    parser.add_argument("--systems", default=",".join(SYSTEMS), help="default: %(default)s")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--table-only", action="store_true", help="print what was measured before")
    asked = parser.parse_args()
    results = OUT / "results.ndjson"
    results.parent.mkdir(parents=True, exist_ok=True)
    results.touch()
    done = [json.loads(line) for line in results.read_text().splitlines() if line.endswith("}")]
    known = {(one["table"], one["seed"], one["budget"], one["system"]) for one in done}
    tables = asked.tables.split(",")
    runs = product(tables, asked.seeds, asked.budget, asked.systems.split(","))
    for table, seed, budget, system in [] if asked.table_only else runs:
        if (table, seed, budget, system) in known:
            continue
        folder = split(table, seed, OUT / "tables")
        load = os.getloadavg()[0]
        found = run(system, folder, budget, OUT / "scratch" / system)
        row = {"table": table, "seed": seed, "budget": budget, "system": system, "load": load} | found
        with results.open("a") as file:
            file.write(json.dumps(row) + "\n")
        done.append(row)
        said = found.get("scores") or found.get("fault")
        print(f"{table} {system} {budget:.0f} s: {said}, {found['wall_s']:.0f} s", flush=True)
    print(summary([one for one in done if one["table"] in tables]))


if __name__ == "__main__":
    main()
