"""The anomaly detector of one key again, row by row in plain Python: an oracle for tests, a yardstick for speed.

Written from the descriptions in ``analytics/anomaly``, with none of its code; constants are repeated.
"""

from __future__ import annotations

import math

SIGMA = math.sqrt(math.pi / 2)
HOUR, WEEK = 3_600_000_000, 604_800_000_000
SURPRISES = ((1.5, 0.1), (1.0, 0.2), (1.0, 0.2), (0.5, 4.0))
"""Weight and floor of: a record, one of the short mean, one of the rest, the rest."""


def clip(x: float, low: float, high: float) -> float:
    return min(max(x, low), high)


class Range:
    """Of all that was shown; ``least`` is what its width never falls below."""

    def __init__(self, x: float) -> None:
        self.low = self.high = x

    def outside(self, x: float, least: float) -> float:
        return max(x - self.high, self.low - x, 0.0) / (self.high - self.low + least)

    def within_reach(self, x: float, least: float) -> float:
        reach = 3 * (self.high - self.low + least)
        return clip(x, self.low - reach, self.high + reach)

    def show(self, x: float) -> None:
        self.low, self.high = min(self.low, x), max(self.high, x)


class Key:
    def __init__(self, asked: float = 1.0, memory: int = 60, warm_up: int = 30, shift: int = 12) -> None:
        self.asked, self.alpha, self.warm_up, self.shift = asked, 2 / (memory + 1), warm_up, shift
        self.seen, self.newest = 0, -math.inf
        self.level = self.deviation = 0.0
        self.points, self.excesses = [2.57, 2.57], [0.8, 0.8]
        self.run: list[float] = []
        self.run_side = 0
        self.due, self.raised, self.open = 0.0, 1.0, 0
        self.long = self.spread = self.size = self.short = 0.0
        self.values = self.shorts = Range(0.0)
        self.left, self.left_spread, self.lefts = 0.0, 0.0, Range(0.0)
        self.miss_hours = self.miss_level = self.hushed = 0.0
        self.hours: dict[tuple[bool, int], tuple[float, int]] = {}
        self.past = [(0.0, 0.0)] * 4

    def row(self, time: int, value: float) -> tuple[float, float, float, float, bool]:
        """Score, expected, lower, upper, whether it is an anomaly; then learned from, if it is new."""
        nothing = (0.0, self.level if self.seen else math.nan, math.nan, math.nan, False)
        if not math.isfinite(value):
            return nothing
        value, new, ready = clip(value, -1e150, 1e150), time > self.newest, self.seen >= self.warm_up
        surprise = self.surprise(time, value, new, ready)
        score = surprise / (1 + surprise)
        share = min(0.01, self.asked * (time - self.newest) / WEEK) if self.seen and new else 0.0
        answer, outside, anomaly = (score, *nothing[1:]), False, False
        sigma = max(SIGMA * self.deviation, abs(self.level) / 1000, 1e-12)
        if ready:
            far = math.log(0.04 / max(self.due / (self.seen - 1), 1e-18))
            below, above = (p + far * e for p, e in zip(self.points, self.excesses, strict=True))
            out = max((value - self.level) / (above * sigma), (self.level - value) / (below * sigma))
            outside = out > 1
            missing = max(1.0, 0.5 / max(self.due, 1e-18))
            surprising = surprise > 0.2 * self.raised * math.sqrt(math.sqrt(missing))
            agreed = self.due >= 0.5 or out > max(self.raised, 1.0)
            anomaly = surprising or outside if self.open else surprising and agreed
            answer = (score, self.level, self.level - below * sigma, self.level + above * sigma, anomaly)
        if new:
            self.newest = time
            self.due += share
            if ready:
                self.settle(anomaly, share)
                self.follow(value, sigma, outside)
            else:
                self.warm(value)
            self.seen += 1
        return answer

    def settle(self, anomaly: bool, share: float) -> None:
        if anomaly and not self.open:
            self.raised *= 1.25
        self.open = 30 if anomaly else max(0, self.open - 1)
        self.raised = max(0.25, self.raised * (1 - math.log(1.25) * share))

    def warm(self, value: float) -> None:
        off = value - self.level
        self.level += max(self.alpha, 1 / (self.seen + 1)) * off
        if self.seen:
            self.deviation += max(self.alpha, 1 / self.seen) * (abs(off) - self.deviation)

    def follow(self, value: float, sigma: float, outside: bool) -> None:
        off = value - self.level
        side = (off > 0) - (off < 0)
        self.run = ([*self.run, value] if side == self.run_side else [value]) if outside else []
        self.run_side = side if outside else 0
        if len(self.run) >= self.shift:
            total = 0.0
            for x in self.run:
                total += x
            self.level, self.run, self.run_side = total / len(self.run), [], 0
        elif len(self.run) < 2:
            for s, distance in enumerate((-off / sigma, off / sigma)):
                over = distance - self.points[s]
                self.points[s] = self.points[s] + 0.05 * 0.98 if over > 0 else max(1.0, self.points[s] - 0.05 * 0.02)
                if over > 0:
                    more = min(over, 6 * self.excesses[s]) - self.excesses[s]
                    self.excesses[s] = max(0.2, self.excesses[s] + 0.03 * more)
            weight, clipped = max(self.alpha, 1 / (self.seen + 1)), min(abs(off), 3 * sigma)
            self.level += weight * side * clipped
            self.deviation += weight * (clipped - self.deviation)

    def surprise(self, time: int, value: float, new: bool, ready: bool) -> float:
        if not self.seen:
            if new:
                self.long, self.short, self.size = value, value, abs(value)
                self.values, self.shorts = Range(value), Range(value)
            return 0.0
        young, least = self.seen < 30, self.size / 1000 + 1e-12
        slow, fast = max(0.002, 1 / (self.seen + 1)), max(0.2, 1 / (self.seen + 1))
        short = self.short + fast * (value - self.short)
        hour = ((time // HOUR // 24 + 3) % 7 >= 5, time // HOUR % 24)
        usual, times = self.hours.get(hour, (0.0, 0))
        off = value - self.long
        off_hour = value - usual if times else off
        rest = off_hour if times and self.miss_hours < 0.9 * self.miss_level else off
        rest_sigma = SIGMA * self.left_spread + least
        left = self.left + 0.2 * ((0.0 if young else clip(rest, -6 * rest_sigma, 6 * rest_sigma)) - self.left)
        strange = (
            self.values.outside(value, least),
            self.shorts.outside(short, least),
            self.lefts.outside(left, rest_sigma),
            abs(left) / rest_sigma,
        )
        found = sum(self.beside_past(i, min(x, 1e9), slow, new) ** 4 for i, x in enumerate(strange)) ** 0.25
        found, hushed = found if ready else 0.0, self.hushed * 2 ** (-1 / 30)
        if new:
            sigma = SIGMA * self.spread + least
            self.miss_hours += slow * (min(abs(off_hour), 5 * sigma) - self.miss_hours)
            self.miss_level += slow * (min(abs(off), 5 * sigma) - self.miss_level)
            self.left_spread += slow * ((abs(rest) if young else min(abs(rest), 3 * rest_sigma)) - self.left_spread)
            taught = value if young else self.values.within_reach(value, least)
            times = min(times + 1, 60)
            self.hours[hour] = (usual + ((taught if times > 30 else value) - usual) / times, times)
            moved = off if young else clip(off, -3 * sigma, 3 * sigma)
            self.spread += slow * (abs(moved) - self.spread)
            self.long += slow * moved
            self.short += fast * (taught - self.short)
            self.values.show(taught)
            self.shorts.show(self.short if young else self.shorts.within_reach(self.short, least))
            self.size += slow * (abs(taught) - self.size)
            self.left = left
            self.lefts.show(left)
            self.hushed = max(hushed, min(found, 10.0))
        return found / (1 + 3 * hushed)

    def beside_past(self, which: int, x: float, rate: float, new: bool) -> float:
        (mean, variance), (weight, floor) = self.past[which], SURPRISES[which]
        usual = max(floor, mean + 4 * math.sqrt(variance))
        if new:
            off = min(x, 4 * usual) - mean
            self.past[which] = (mean + rate * off, variance + rate * (off * off - variance))
        return weight * x / usual
