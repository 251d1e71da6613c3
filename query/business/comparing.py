"""What moved a figure: by segment, so that the changes add up to the whole, to the last minor unit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from analytics.kpis import growth_rate
from query.business.kpis import Gathered, cents, figure_of, plain
from query.business.meaning import Inactivity, Segment
from query.business.reading import DAY_US
from query.business.users import People

MOST = 30
"""Values of a segment that have rows of their own; what is left is one row, ``other``."""


@dataclass(frozen=True)
class ComparisonEngine:
    """Compares the figures of a period with those before it, and says which segments moved them."""

    most: int = MOST

    def generate_comparisons(self, kpis: Mapping[str, Mapping[str, Any]], period: Gathered) -> dict[str, Any]:
        """``{previous, year_before, segments}``: each KPI beside what it was, and by segment what makes up the change.

        Of ``previous`` and ``year_before``: ``{since, until, complete, churn_complete, kpis: {name: {now, before, change,
        growth}}}``; ``complete`` is false where the log begins after it, ``churn_complete`` where it begins too late to
        know who left. Of each segment: ``{by, of, revenue, new_customers, users, conversion}``, each ``{now, before,
        change, rows}``; the changes of the rows add up to ``change``.
        """
        found = period
        return {
            **{span: self._with(kpis, found, span) for span in ("previous", "year_before")},
            "segments": {
                segment.name: {"by": segment.by, "of": segment.of, **self._segment(found, i, segment)}
                for i, segment in enumerate(found.business.segments)
            },
        }

    def _with(self, kpis: Mapping[str, Mapping[str, Any]], found: Gathered, span: str) -> dict[str, Any]:
        since, until = found.reading.spans[span]
        begins = _begins(found)
        return {
            "since": found.period.text(since),
            "until": found.period.text(until),
            "complete": begins is not None and begins <= since,
            "churn_complete": begins is not None and begins <= since - settled_us(found),
            "kpis": {name: compared(figure_of(name, kpi), kpi[span]) for name, kpi in kpis.items()},
        }

    def _segment(self, found: Gathered, i: int, segment: Segment) -> dict[str, Any]:
        money = found.money.segments.get(i, {})
        said: dict[str, Any] = {"revenue": self._sums(money, "revenue", cents)}
        if any("customers" in of for of in money.values()):
            said["new_customers"] = self._sums(money, "customers", plain)
        if any("spend" in of for v, of in money.items() if v is not None):
            said["spend"] = self._sums(money, "spend", cents)
            said["cac"] = _costs(money)
        if segment.by != "event":
            people = found.people.segments.get(i, {})
            users = {v: {"users": {s: Fraction(of[s].active) if s in of else Fraction(0) for s in ("current", "previous")}}
                     for v, of in people.items()}  # fmt: skip
            said["users"] = self._sums(users, "users", plain)
            said["conversion"] = self._conversion(people)
        return said

    def _sums(
        self, by: Mapping[str | None, Mapping[str, Mapping[str, Fraction]]], what: str, shown: Any
    ) -> dict[str, Any]:
        """Rows that add up: of what is shown, too, for the last units go where most of one was cut off."""
        values = [(v, of[what]["current"], of[what]["previous"]) for v, of in by.items() if what in of]
        values = [row for row in values if row[1] or row[2]]
        values.sort(key=lambda row: (-abs(row[1] - row[2]), -abs(row[1]), row[0] is None, str(row[0])))
        kept, rest = values[: self.most], values[self.most :]
        now, before = sum((r[1] for r in values), Fraction(0)), sum((r[2] for r in values), Fraction(0))
        rows: list[tuple[str | None, bool, Fraction, Fraction]] = [(v, False, n, b) for v, n, b in kept]
        if rest:
            rows.append((None, True, sum((r[1] for r in rest), Fraction(0)), sum((r[2] for r in rest), Fraction(0))))
        if shown is cents:
            nows = whole_parts([row[2] for row in rows], cents(now))
            befores = whole_parts([row[3] for row in rows], cents(before))
        else:
            nows, befores = [plain(row[2]) for row in rows], [plain(row[3]) for row in rows]
        total_now, total_before = shown(now), shown(before)
        change = total_now - total_before
        return {
            "now": total_now,
            "before": total_before,
            "change": change,
            "rows": [
                {
                    "value": v,
                    "other": other,
                    **compared(n, b),
                    "share_of_change": (n - b) / change if change else None,
                }
                for (v, other, _, _), n, b in zip(rows, nows, befores, strict=True)
            ],
        }

    def _conversion(self, people: Mapping[str | None, Mapping[str, People]]) -> dict[str, Any]:
        """The change of a rate, by segment: each adds its converted over the cases of all, now less before."""
        none = People()
        pairs = {v: (of.get("current", none), of.get("previous", none)) for v, of in people.items()}
        cases_now, cases_before = (sum(pair[at].eligible for pair in pairs.values()) for at in (0, 1))
        rows: list[dict[str, Any]] = [
            {
                "value": v,
                "now": now.converted / now.eligible if now.eligible else None,
                "before": before.converted / before.eligible if before.eligible else None,
                "eligible": now.eligible,
                "eligible_before": before.eligible,
                "converted": now.converted,
                "converted_before": before.converted,
                "contribution": _share(now.converted, cases_now) - _share(before.converted, cases_before)
                if cases_now and cases_before
                else None,
            }
            for v, (now, before) in pairs.items()
            if now.eligible or before.eligible
        ]
        rows.sort(key=lambda row: (-abs(row["contribution"] or 0), -(row["eligible"] or 0), str(row["value"])))
        return {
            "eligible": cases_now,
            "eligible_before": cases_before,
            "rows": [_floated(row) for row in rows[: self.most]],
        }


def _share(part: int, whole: int) -> Fraction:
    return Fraction(part, whole) if whole else Fraction(0)


def _floated(row: dict[str, Any]) -> dict[str, Any]:
    said = row["contribution"]
    return {**row, "contribution": None if said is None else float(said)}


def _costs(money: Mapping[str | None, Mapping[str, Mapping[str, Fraction]]]) -> list[dict[str, Any]]:
    """What a new customer cost, by value: spend over new customers of the period."""
    rows: list[dict[str, Any]] = []
    for v, of in money.items():
        spend = of.get("spend", {}).get("current", Fraction(0))
        customers = of.get("customers", {}).get("current", Fraction(0))
        if spend:
            rows.append({"value": v, "spend": cents(spend), "new_customers": plain(customers),
                         "cac": float(spend / customers) if customers else None})  # fmt: skip
    return sorted(rows, key=lambda row: (-row["spend"], str(row["value"])))


def settled_us(found: Gathered) -> int:
    """So long before a span the log has to begin, for it to be known who could leave in it."""
    rule = found.business.churn
    return rule.days * DAY_US if isinstance(rule, Inactivity) else found.period.until_us - found.period.since_us


def _begins(found: Gathered) -> int | None:
    """When the first event of the business happened, us UTC."""
    reading = found.reading
    (row,) = reading.run(f"SELECT epoch_us(min(time)) AS t FROM {reading.sql.table} WHERE {reading.ours}")
    return row["t"]


def compared(now: Any, before: Any) -> dict[str, Any]:
    """A figure beside what it was; what cannot be compared is None."""
    if now is None or before is None:
        return {"now": now, "before": before, "change": None, "growth": None}
    return {"now": now, "before": before, "change": now - before, "growth": growth_rate(now, before)}


def whole_parts(parts: Sequence[Fraction], total: int) -> list[int]:
    """``parts`` in whole units that add up to ``total``, each within one unit of its own (largest remainders)."""
    floors = [part.numerator // part.denominator for part in parts]
    left = total - sum(floors)
    order = sorted(range(len(parts)), key=lambda i: (-(parts[i] - floors[i]), i))
    for i in order[:left]:
        floors[i] += 1
    return floors
