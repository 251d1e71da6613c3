"""How often the direction test cries trend where there is none, and how often the slope's interval holds the slope.

Autoregressions of order 1 without and with a slope, and white noise: 400 series a row. ``python -m benchmarks.trend_null``
"""

from __future__ import annotations

import numpy as np
from scipy.signal import lfilter

from analytics.trend import change_points
from analytics.trend.direction import direction

SERIES, SLOPE, ALPHA = 400, 0.05, 0.05


def main() -> None:
    print("| phi | n | called up or down, of flat | interval holds the slope | a change found, of flat |")
    print("|---" * 5 + "|")
    for phi in (0.0, 0.3, 0.6, 0.9):
        for n in (30, 100, 400):
            rng, time = np.random.default_rng(n), np.arange(n, dtype=np.float64)
            called = held = cut = 0
            for _ in range(SERIES):
                noise = lfilter([1.0], [1.0, -phi], rng.standard_normal(n + 200))[200:]
                called += direction(time, noise, None, ALPHA)[0] != "flat"
                _, lower, upper = direction(time, noise + SLOPE * time, None, ALPHA)[2]
                held += lower <= SLOPE <= upper
                cut += bool(change_points(noise).indices)
            print(f"| {phi} | {n} | {called / SERIES:.3f} | {held / SERIES:.3f} | {cut / SERIES:.3f} |", flush=True)


if __name__ == "__main__":
    main()
