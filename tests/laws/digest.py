"""One line a fold: a digest of what it makes of fixed input. Run as a process under different environments."""

from __future__ import annotations

import hashlib
import os
import time


def main() -> None:
    frozen = float(os.environ["FROZEN_AT"])
    for clock in ("time", "monotonic", "perf_counter"):
        setattr(time, clock, lambda: frozen)
    time.time_ns = lambda: int(frozen * 1e9)

    from tests.laws.feeds import batches, make
    from tests.laws.folds import FOLDS
    from tests.laws.machine import run, told

    for case in FOLDS:
        digest = hashlib.sha256()
        fold = case.make()
        for seed in range(5):
            if case.reads is not None:
                digest.update(repr(run(case.make(), batches(make(seed, 20, 12, fold.reads)))).encode())
            if case.told is not None:
                digest.update(repr(told(case, make(seed, 20, 12, (case.stream_told,)))).encode())
        print(fold.name, digest.hexdigest())  # noqa: T201 - the answer


if __name__ == "__main__":
    main()
