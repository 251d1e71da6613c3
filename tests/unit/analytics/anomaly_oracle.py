"""The anomaly detector of one key again, row by row in plain Python: an oracle for tests, a yardstick for speed.

Written from the descriptions in ``analytics/anomaly``, with none of its code; constants are repeated.
"""

from __future__ import annotations

import math

import numpy as np

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


class Day:
    """Means of the hours of working days and weekend days; an hour joins when it is over.

    And by two hours of the week, what hours had left beside those means.
    """

    def __init__(self) -> None:
        self.means: dict[tuple[bool, int], float] = {}
        self.days: dict[tuple[bool, int], int] = {}
        self.hour, self.rows, self.mean = 0, 0, 0.0
        self.week = [(0.0, 0)] * 84
        self.left: list[float] = []

    def of(self, hour: int) -> float:
        weekend, at = (hour // 24 + 3) % 7 >= 5, hour % 24
        return self.means.get((weekend, at), self.means.get((not weekend, at), math.nan))

    def usual(self, time: int) -> tuple[float, float, float]:
        if len(self.means) < 8:
            return math.nan, math.nan, 0.0
        before, past = divmod(time - HOUR // 2, HOUR)
        own = self.of(time // HOUR)
        low, high = self.of(before), self.of(before + 1)
        wave = own if math.isnan(low) or math.isnan(high) else low + past / HOUR * (high - low)
        return own, wave, self.week[self.block(time // HOUR)][0]

    @staticmethod
    def block(hour: int) -> int:
        return (hour // 24 + 3) % 7 * 12 + hour % 24 // 2

    def show(self, time: int, value: float, expected: float, most: float) -> None:
        if self.rows and self.hour != time // HOUR:
            at = (self.hour // 24 + 3) % 7 >= 5, self.hour % 24
            days, mean = min(self.days.get(at, 0) + 1, 10), self.means.get(at, 0.0)
            if at in self.means:
                self.left.append(self.mean - mean)
            self.days[at], self.means[at] = days, mean + (self.mean - mean) / days
            if self.left and self.hour // 2 != time // HOUR // 2:
                more, weeks = self.week[self.block(self.hour)]
                weeks = min(weeks + 1, 6)
                self.week[self.block(self.hour)] = more + (float(np.mean(self.left)) - more) / (weeks + 1), weeks
                self.left = []
            self.rows, self.mean = 0, 0.0
        self.hour, self.rows = time // HOUR, self.rows + 1
        most *= self.rows
        self.mean += (clip(value, expected - most, expected + most) - self.mean) / self.rows


class Cycle:
    """A period in rows: looked for in what the recent values were off the level, then the mean of each phase."""

    def __init__(self) -> None:
        self.recent: list[int] = []
        self.phases: list[float] = []
        self.at = self.gap = self.step = 0

    def rows(self, gap: int) -> int:
        return gap // self.step if self.step and gap % self.step == 0 else 1

    def time(self, gap: int) -> None:
        if gap == self.gap and not (self.step and gap % self.step == 0):
            self.step = gap
        self.gap = gap

    def usual(self, rows: int) -> float:
        return self.phases[(self.at + rows) % len(self.phases)] if self.phases else math.nan

    def look(self, rows: int, off: float) -> bool:
        if rows > 64:
            self.recent, rows = [], 1
        for _ in range(rows):
            self.recent.append(math.floor(40 * clip(off, -3, 3) + 0.5))
            period = self.period() if len(self.recent) in (48, 96, 192) else 0
            if period:
                self.phases, self.at = [math.nan] * period, 0
                return True
            if len(self.recent) == 192:
                self.recent = []
        return False

    def period(self) -> int:
        n = len(self.recent)
        x = np.array(self.recent) - np.mean(self.recent)
        if not x.any():
            return 0
        alike = [float(x[: n - lag] @ x[lag:]) / (n - lag) / float(x @ x / n) for lag in range(2 * min(64, n // 3) + 1)]
        best = (5.0, 0)
        for p in range(2, min(64, n // 3) + 1):
            if alike[p] >= max(alike[p - 1], alike[p + 1]):
                stands_out = min(alike[p], alike[2 * p]) - max(alike[p // 2], alike[p + p // 2])
                best = max(best, (stands_out * math.sqrt(n - p), p), key=lambda found: found[0])
        return best[1]


class Guess:
    """A level, how far values are off it, and how far they were off the plain level meanwhile."""

    def __init__(self) -> None:
        self.level = self.deviation = self.miss = self.plain_miss = 0.0
        self.rows = 0

    def follow(self, rest: float, alpha: float, most: float) -> None:
        off = clip(rest - self.level, -most, most) if self.rows else rest
        self.level += max(alpha, 1 / (self.rows + 1)) * off
        if self.rows:
            self.deviation += max(alpha, 1 / self.rows) * (abs(off) - self.deviation)
        self.rows += 1

    def below(self, share: float) -> bool:
        return self.rows > 64 and self.miss < share * self.plain_miss


class Key:
    def __init__(self, asked: float = 1.0, memory: int = 60, warm_up: int = 30, shift: int = 12) -> None:
        self.asked, self.alpha, self.warm_up, self.shift = asked, 2 / (memory + 1), warm_up, shift
        self.seen, self.newest = 0, -math.inf
        self.guesses = [Guess() for _ in range(5)]  # plain, the hours as steps, as a wave, the period, the week
        self.chosen, self.day, self.cycle = 0, Day(), Cycle()
        self.points, self.excesses = [2.57, 2.57], [0.8, 0.8]
        self.run: list[float] = []
        self.run_side = 0
        self.due, self.raised, self.open = 0.0, 1.0, 0
        self.long = self.spread = self.size = self.short = 0.0
        self.values = self.shorts = Range(0.0)
        self.left, self.left_spread, self.lefts = 0.0, 0.0, Range(0.0)
        self.miss_hours = self.miss_week = self.miss_level = self.hushed = 0.0
        self.hours: dict[tuple[bool, int], tuple[float, int]] = {}
        self.past = [(0.0, 0.0)] * 4

    def sigma(self, which: int) -> float:
        guess = self.guesses[which] if self.guesses[which].rows >= 30 else self.guesses[0]
        return max(SIGMA * guess.deviation, abs(self.guesses[0].level) / 1000, 1e-12)

    def row(self, time: int, value: float) -> tuple[float, float, float, float, bool]:
        """Score, expected, lower, upper, whether it is an anomaly; then learned from, if it is new."""
        gap = time - int(self.newest) if self.seen else 0
        rows = self.cycle.rows(gap)
        steps, wave, more = self.day.usual(time)
        by_wave = self.guesses[2].miss < self.guesses[1].miss
        usual = [0.0, steps, wave, self.cycle.usual(rows), (wave if by_wave else steps) + more]
        use = 0 if math.isnan(usual[self.chosen]) else self.chosen
        expected = usual[use] + self.guesses[use].level
        nothing = (0.0, expected if self.seen else math.nan, math.nan, math.nan, False)
        if not math.isfinite(value):
            return nothing
        value, new, ready = clip(value, -1e150, 1e150), time > self.newest, self.seen >= self.warm_up
        surprise, taught = self.surprise(time, value, more, new, ready)
        score = surprise / (1 + surprise)
        share = min(0.01, self.asked * gap / WEEK) if new else 0.0
        answer, outside, anomaly = (score, *nothing[1:]), False, False
        sigma = self.sigma(use)
        if ready:
            far = math.log(0.04 / max(self.due / (self.seen - 1), 1e-18))
            below, above = (p + far * e for p, e in zip(self.points, self.excesses, strict=True))
            out = max((value - expected) / (above * sigma), (expected - value) / (below * sigma))
            outside = out > 1
            missing = max(1.0, 0.5 / max(self.due, 1e-18))
            surprising = surprise > 0.2 * self.raised * math.sqrt(math.sqrt(missing))
            agreed = self.due >= 0.5 or out > max(self.raised, 1.0)
            anomaly = surprising or outside if self.open else surprising and agreed
            answer = (score, expected, expected - below * sigma, expected + above * sigma, anomaly)
        if new:
            self.newest = time
            self.due += share
            if self.seen:
                self.cycle.time(gap)
            if ready:
                self.settle(anomaly, share)
                self.learn(value, usual, use, rows, outside)
            else:
                self.guesses[0].follow(value, self.alpha, math.inf)
            if not math.isnan(usual[1]) and self.guesses[1].rows >= 30:
                most = max(10 * self.sigma(1), self.sigma(0) / 4)
                self.day.show(time, taught, usual[1] + self.guesses[1].level, most)
            else:
                self.day.show(time, taught, taught, math.inf)
            self.seen += 1
        return answer

    def settle(self, anomaly: bool, share: float) -> None:
        if anomaly and not self.open:
            self.raised *= 1.25
        self.open = 30 if anomaly else max(0, self.open - 1)
        self.raised = max(0.25, self.raised * (1 - math.log(1.25) * share))

    def learn(self, value: float, usual: list[float], use: int, rows: int, outside: bool) -> None:
        plain, sigma = self.guesses[0], self.sigma(0)
        off = value - plain.level
        now = self.shifting(
            value - usual[use], self.guesses[use].level, self.sigma(use), outside and use == self.chosen
        )
        if not self.cycle.phases:
            if self.cycle.look(rows, off / sigma):
                self.guesses[3] = Guess()
        else:
            by_period = self.guesses[3]
            self.cycle.at = (self.cycle.at + rows) % len(self.cycle.phases)
            if math.isnan(usual[3]):
                self.cycle.phases[self.cycle.at] = clip(off, -5 * sigma, 5 * sigma)
            elif by_period.rows and not (use == 3 and now is not None):
                rate = max(0.25, 1 / (2 + by_period.rows // len(self.cycle.phases)))
                most = 5 * self.sigma(3)
                self.cycle.phases[self.cycle.at] += rate * clip(value - usual[3] - by_period.level, -most, most)
        clips = [3 * self.sigma(which) for which in range(5)]
        for which, guess in enumerate(self.guesses):
            rest = value - usual[which]
            if math.isnan(rest):
                continue
            if which and guess.rows:
                rate = max(0.002, 1 / guess.rows)
                guess.miss += rate * (min(abs(rest - guess.level), 20 * sigma) - guess.miss)
                guess.plain_miss += rate * (min(abs(off), 20 * sigma) - guess.plain_miss)
            if which != use or now is None:
                guess.follow(rest, self.alpha, clips[which])
        if now is not None:
            self.guesses[use].level = now
        self.choose()
        if self.cycle.phases and self.guesses[3].rows > 64 and not self.guesses[3].below(0.9):
            self.cycle.phases, self.cycle.recent = [], []

    def choose(self) -> None:
        before = self.chosen
        if self.chosen and not self.guesses[self.chosen].below(0.9):
            self.chosen = 0
        ratio = {i: g.miss / g.plain_miss for i, g in enumerate(self.guesses) if i and g.below(0.75)}
        week = ratio.pop(4, math.inf)
        now = self.guesses[self.chosen]
        own = now.miss / now.plain_miss if self.chosen else math.inf
        if ratio and min(ratio.values()) < 0.9 * own:
            self.chosen, own = min((r, i) for i, r in ratio.items())[::-1]
        if week < 0.9 * own:
            self.chosen = 4
        if self.chosen != before:
            self.points, self.excesses, self.run, self.run_side = [2.57, 2.57], [0.8, 0.8], [], 0

    def shifting(self, rest: float, level: float, sigma: float, outside: bool) -> float | None:
        """Where the level is, if it is shifting; else the tails are learned."""
        off = rest - level
        side = (off > 0) - (off < 0)
        self.run = ([*self.run, rest] if side == self.run_side else [rest]) if outside else []
        self.run_side = side if outside else 0
        if len(self.run) >= self.shift:
            total = 0.0
            for x in self.run:
                total += x
            level, self.run, self.run_side = total / len(self.run), [], 0
            return level
        if len(self.run) > 1:
            return level
        for s, distance in enumerate((-off / sigma, off / sigma)):
            over = distance - self.points[s]
            self.points[s] = self.points[s] + 0.05 * 0.98 if over > 0 else max(1.0, self.points[s] - 0.05 * 0.02)
            if over > 0:
                more = min(over, 6 * self.excesses[s]) - self.excesses[s]
                self.excesses[s] = max(0.2, self.excesses[s] + 0.03 * more)
        return None

    def surprise(self, time: int, value: float, week: float, new: bool, ready: bool) -> tuple[float, float]:
        if not self.seen:
            if new:
                self.long, self.short, self.size = value, value, abs(value)
                self.values, self.shorts = Range(value), Range(value)
            return 0.0, value
        young, least = self.seen < 30, self.size / 1000 + 1e-12
        slow, fast = max(0.002, 1 / (self.seen + 1)), max(0.2, 1 / (self.seen + 1))
        short = self.short + fast * (value - self.short)
        hour = ((time // HOUR // 24 + 3) % 7 >= 5, time // HOUR % 24)
        usual, times = self.hours.get(hour, (0.0, 0))
        off = value - self.long
        off_hour = value - usual if times else off
        rest, off_week = off, off_hour - week
        if times and self.miss_hours < 0.9 * self.miss_level:
            rest = off_week if self.miss_week < 0.9 * self.miss_hours else off_hour
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
        taught = value if young else self.values.within_reach(value, least)
        if new:
            sigma = SIGMA * self.spread + least
            self.miss_hours += slow * (min(abs(off_hour), 5 * sigma) - self.miss_hours)
            self.miss_week += slow * (min(abs(off_week), 5 * sigma) - self.miss_week)
            self.miss_level += slow * (min(abs(off), 5 * sigma) - self.miss_level)
            self.left_spread += slow * ((abs(rest) if young else min(abs(rest), 3 * rest_sigma)) - self.left_spread)
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
        return found / (1 + 3 * hushed), taught

    def beside_past(self, which: int, x: float, rate: float, new: bool) -> float:
        (mean, variance), (weight, floor) = self.past[which], SURPRISES[which]
        usual = max(floor, mean + 4 * math.sqrt(variance))
        if new:
            off = min(x, 4 * usual) - mean
            self.past[which] = (mean + rate * off, variance + rate * (off * off - variance))
        return weight * x / usual
