"""The executive summary as a report."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import numpy as np

from analytics.plots import Axis, Line, chart
from hindcast.reports.page import Section, Sheet, Table, Tile
from hindcast.reports.writing import Writing

TITLES = {
    "revenue": "Revenue",
    "users": "Active users",
    "conversion": "Conversion",
    "churn": "Churn",
    "cac": "Cost of a new customer",
    "ltv": "Lifetime value",
    "arpu": "Revenue per user",
    "engagement": "Engagement",
}
"""As the page calls them."""
MOVERS = {
    "new": "New customers",
    "returning": "Came back",
    "expansion": "Paid more",
    "contraction": "Paid less",
    "lost": "Did not pay again",
}


def figure_of(kpi: Mapping[str, Any]) -> float | None:
    return next(kpi[key] for key in ("current", "rate", "active", "score") if key in kpi)


def executive(said: Mapping[str, Any], write: Writing) -> Sheet:
    """Of an answer of ``generate_executive_summary``."""
    period = said["period"]
    definitions = sorted({f"{k['definition']['name']} v{k['definition']['version']}" for k in said["kpis"].values()})
    return Sheet(
        f"{said['title']}: executive summary",
        f"{write.time(period['since'])} to {write.time(period['until'])}, {period['zone']}; money in {said['currency']}",
        (
            Section("", tiles=[_tile(name, said, write) for name in TITLES]),
            _revenue(said, write),
            *_moved(said, write),
            _drivers(said, write),
            _advice(said),
            _meanings(said),
        ),
        (*said["warnings"], f"Defined by {', '.join(definitions)}. As of {write.time(said['asked_at'])}."),
        str(write.locale).replace("_", "-"),
    )


def _tile(name: str, said: Mapping[str, Any], write: Writing) -> Tile:
    kpi = said["kpis"][name]
    now, before = figure_of(kpi), kpi["previous"]
    if now is None:
        below = "nothing to divide by"
    elif before is None:
        below = "not known before"
    else:
        growth = write.change(said["trends"][name]["growth_rate"])
        below = f"{growth} vs {write.figure(name, before, said)} before".strip()
    return Tile(TITLES[name], write.figure(name, now, said), below)


def _revenue(said: Mapping[str, Any], write: Writing) -> Section:
    trend = said["trends"]["revenue"]
    points = [point for point in trend["history"] if point["complete"]]
    forecast = trend["forecast"]
    note = "Too little history for a forecast."
    if forecast["status"] == "ready":
        expected, lower, upper = (
            write.figure("revenue", forecast[part], said) for part in ("expected", "lower", "upper")
        )
        what = (
            f"up to {write.time(forecast['until'])}"
            if forecast["of"] == "period"
            else f"for the next {period_of(said)}"
        )
        note = f"{expected} expected {what}, {write.whole_percent(forecast['level'])} between {lower} and {upper}."
    if len(points) < 2:
        return Section("Revenue over time", note)
    x = np.array([datetime.fromisoformat(p["at"]).timestamp() * 1e6 for p in points])
    y = np.array([p["value"] / 10 ** said["currency_digits"] for p in points])
    picture = chart(
        [Line(x, y, f"{said['currency']} a {said['period']['grain']}")],
        title="Revenue over time",
        description=f"Revenue a {said['period']['grain']}, {len(points)} points",
        x=Axis(kind="time"),
        y=Axis(low=0.0),
        width=860,
        height=240,
    )
    return Section("Revenue over time", note, picture=picture)


def period_of(said: Mapping[str, Any]) -> str:
    return said["period"]["said"].replace("_", " ")


def _moved(said: Mapping[str, Any], write: Writing) -> list[Section]:
    sections: list[Section] = []
    for name, segment in said["comparisons"]["segments"].items():
        sums = segment["revenue"]
        rows = [
            ["others" if row["other"] else row["value"] or "not known", *_amounts(row, said, write)]
            for row in sums["rows"]
        ]
        if rows:
            whole = {**sums, "growth": None}
            table = Table([name, "Before", "Now", "Change", "Growth"], [*rows, ["All", *_amounts(whole, said, write)]])
            sections.append(Section(f"What moved the revenue, by {name}", table=table))
    return sections


def _amounts(row: Mapping[str, Any], said: Mapping[str, Any], write: Writing) -> list[str]:
    before, now, change = (write.figure("revenue", row[part], said) for part in ("before", "now", "change"))
    return [before, now, f"+{change}" if row["change"] > 0 else change, write.change(row["growth"])]


def _drivers(said: Mapping[str, Any], write: Writing) -> Section:
    revenue = said["drivers"]["revenue"]
    rows: list[list[str]] = [["Before", "", write.figure("revenue", revenue["before"], said)]]
    for child in revenue["children"]:
        amount = write.figure("revenue", child["amount"], said)
        signed = f"+{amount}" if child["amount"] > 0 else amount
        rows.append([MOVERS.get(child["kind"], str(child["kind"])), write.number(child["users"]), signed])
    rows.append(["Now", "", write.figure("revenue", revenue["now"], said)])
    return Section("Revenue, by what drives it", table=Table(["", "Users", "Amount"], rows))


def _advice(said: Mapping[str, Any]) -> Section:
    rows = [
        [one["priority"], one["recommendation"], one["expected_impact"],
         "measured here" if one["impact_basis"] == "measured" else "rule of thumb"]
        for one in said["recommendations"]
    ]  # fmt: skip
    if not rows:
        return Section("Recommendations", "Nothing calls for a change.")
    return Section("Recommendations", table=Table(["Priority", "What to do", "Expected", "Basis"], rows, numeric=4))


def _meanings(said: Mapping[str, Any]) -> Section:
    rows = [[TITLES[name], said["kpis"][name]["definition"]["meaning"]] for name in TITLES]
    return Section("What the figures mean", table=Table(["Figure", "Meaning"], rows, numeric=2))
