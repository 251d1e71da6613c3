"""What to do: the two rules of the specification, and what this record itself shows, each with its numbers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from math import erfc, sqrt
from typing import Any

from analytics.kpis import recommendations
from query.business.kpis import Gathered

ALPHA = 0.05
"""The chance that a rate which did not change is called changed."""
LEAST = 20
"""Customers, or cases of a rate, without which nothing is concluded."""
WORTH = 0.1
"""A segment's loss is worth a word from this share of the revenue before on."""
DEARER = 1.5
"""A channel whose customers cost this many times as much as elsewhere."""


def generate_recommendations(
    kpis: Mapping[str, Mapping[str, Any]],
    trends: Mapping[str, Mapping[str, Any]],
    comparisons: Mapping[str, Any] | None = None,
    found: Gathered | None = None,
) -> list[dict[str, Any]]:
    """The specified ones at a growth below 5 % and an engagement below 0.7; with the rest, those that the record supports.

    Each has ``category, priority, recommendation, expected_impact, impact_basis`` and ``evidence``. ``impact_basis`` is
    ``static`` where the words promise a figure that nobody measured here, ``measured`` where it is one of this record.
    """
    static = recommendations(trends["revenue"]["growth_rate"], kpis["engagement"]["score"])
    said: list[dict[str, Any]] = []
    for one in static:
        revenue = one.category == "Revenue Growth"
        evidence: dict[str, Any] = (
            {"growth_rate": trends["revenue"]["growth_rate"], "threshold": 0.05, "now": kpis["revenue"]["current"],
             "before": kpis["revenue"]["previous"], "n": kpis["revenue"].get("payers")}
            if revenue
            else {"engagement_score": kpis["engagement"]["score"], "threshold": 0.7,
                  "parts": kpis["engagement"].get("parts"), "n": kpis["users"]["active"]}
        )  # fmt: skip
        said.append({**asdict(one), "evidence": evidence})
    if comparisons is not None and found is not None:
        said += [*_segments(kpis, comparisons), *_rates(found, comparisons["previous"]), *_channels(comparisons)]
        window = {"since": found.period.text(found.period.since_us), "until": found.period.text(found.period.until_us)}
        said = [{**one, "evidence": {**one["evidence"], "window": window}} for one in said]
    return said


def _measured(category: str, priority: str, words: str, impact: str, evidence: dict[str, Any]) -> dict[str, Any]:
    return {"category": category, "priority": priority, "recommendation": words, "expected_impact": impact,
            "impact_basis": "measured", "evidence": evidence}  # fmt: skip


def _segments(kpis: Mapping[str, Mapping[str, Any]], comparisons: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The value of each segment that lost most revenue, where that is a tenth of all revenue before."""
    before = kpis["revenue"]["previous"]
    said: list[dict[str, Any]] = []
    for name, segment in comparisons["segments"].items():
        rows = [row for row in segment["revenue"]["rows"] if not row["other"] and row["value"] is not None]
        worst = min(rows, key=lambda row: row["change"], default=None)
        if len(rows) < 2 or worst is None or not before or -worst["change"] < WORTH * before:
            continue
        share = -worst["change"] / before
        said.append(_measured(
            "Revenue by segment", "High" if share >= 0.25 else "Medium",
            f"Look at {name} {worst['value']}: no other value of {name} lost as much revenue",
            f"{share:.1%} of the revenue before, if it came back",
            {"segment": name, "value": worst["value"], "now": worst["now"], "before": worst["before"],
             "change": worst["change"], "of_all_before": share, "n": kpis["revenue"].get("payers")},
        ))  # fmt: skip
    return said


def _rates(found: Gathered, previous: Mapping[str, Any]) -> list[dict[str, Any]]:
    """A conversion that fell, a churn that rose, beyond chance."""
    now, before = found.people.spans["current"], found.people.spans["previous"]
    said: list[dict[str, Any]] = []
    p = p_of_equal(now.converted, now.eligible, before.converted, before.eligible)
    if (
        previous["complete"]
        and p is not None
        and p < ALPHA
        and now.converted / now.eligible < before.converted / before.eligible
    ):
        lost = round(before.converted / before.eligible * now.eligible) - now.converted
        said.append(_measured(
            "Conversion", "High", "Find out what changed on the way from interest to conversion: fewer get through",
            f"{lost:,} more conversions at the rate of the span before",
            {"now": now.converted / now.eligible, "before": before.converted / before.eligible,
             "n": now.eligible, "n_before": before.eligible, "p_value": p},
        ))  # fmt: skip
    p = p_of_equal(now.left, now.at_start, before.left, before.at_start)
    if (
        previous["churn_complete"]
        and p is not None
        and p < ALPHA
        and now.left / now.at_start > before.left / before.at_start
    ):
        more = now.left - round(before.left / before.at_start * now.at_start)
        said.append(_measured(
            "Churn", "High", "Ask those who left: more leave than in the span before",
            f"{more:,} fewer would have left at the rate of the span before",
            {"now": now.left / now.at_start, "before": before.left / before.at_start,
             "n": now.at_start, "n_before": before.at_start, "p_value": p},
        ))  # fmt: skip
    return said


def _channels(comparisons: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Where a new customer costs half as much again as in all other places together."""
    said: list[dict[str, Any]] = []
    for name, segment in comparisons["segments"].items():
        rows = [row for row in segment.get("cac", ()) if row["value"] is not None and row["new_customers"] >= LEAST]
        if len(rows) < 2:
            continue
        dearest = max(rows, key=lambda row: row["cac"])
        others = [row for row in rows if row is not dearest]
        elsewhere = sum(row["spend"] for row in others) / sum(row["new_customers"] for row in others)
        if not elsewhere or dearest["cac"] < DEARER * elsewhere:
            continue
        more = int(dearest["spend"] / elsewhere) - int(dearest["new_customers"])
        said.append(_measured(
            "Acquisition cost", "Medium",
            f"Move spend away from {name} {dearest['value']}: a new customer costs "
            f"{dearest['cac'] / elsewhere:.1f} times as much as elsewhere",
            f"up to {more:,} more customers for the same spend, if more of the others can be had at their cost",
            {"segment": name, "value": dearest["value"], "cac": dearest["cac"], "cac_elsewhere": elsewhere,
             "spend": dearest["spend"], "n": dearest["new_customers"]},
        ))  # fmt: skip
    return said


def p_of_equal(hits: int, cases: int, hits_before: int, cases_before: int) -> float | None:
    """Two-sided p-value of two rates being equal, by the pooled z test of two proportions; None of few cases."""
    if min(cases, cases_before) < LEAST:
        return None
    pooled = (hits + hits_before) / (cases + cases_before)
    spread = sqrt(pooled * (1 - pooled) * (1 / cases + 1 / cases_before))
    return erfc(abs(hits / cases - hits_before / cases_before) / spread / sqrt(2)) if spread else None
