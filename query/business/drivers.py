"""A KPI opened into what drives it: revenue by how each customer changed, and as users x payers of them x value."""

from __future__ import annotations

from fractions import Fraction
from math import log
from typing import Any

from query.business.comparing import compared, whole_parts
from query.business.kpis import Gathered, cents
from query.business.meaning import Inactivity, Tally
from query.questions.schema import Match

WORDS = {
    "new": "paid for the first time",
    "returning": "had paid before, and not in the span before",
    "expansion": "paid more than in the span before",
    "contraction": "paid less than in the span before",
    "lost": "paid in the span before, and not in this one",
}


def tree(found: Gathered) -> dict[str, Any]:
    """``revenue``: before, and what new, returning, growing, shrinking and lost customers make of it, adding up exactly;
    ``factors``: the same change by users, payers of them, and value of a payer; ``users``, ``conversion``, ``churn``.

    Each node has ``behind``: the question whose cell shows the users and events that it counts.
    """
    return {
        "revenue": _revenue(found),
        "factors": _factors(found),
        "users": _node("Active users", found.people.spans["current"].active, found.people.spans["previous"].active,
                       _behind(found, found.business.active, "users")),
        "conversion": _conversion(found),
        "churn": _churn(found),
    }  # fmt: skip


def _node(label: str, now: Any, before: Any, behind: dict[str, Any] | None, **more: Any) -> dict[str, Any]:
    return {"label": label, **compared(now, before), "behind": behind, **more}


def _revenue(found: Gathered) -> dict[str, Any]:
    money = found.money
    now, before = cents(money.revenue["current"]), cents(money.revenue["previous"])
    kinds = list(money.movement)
    parts = whole_parts([money.movement[kind][1] for kind in kinds], now - before)
    children = [
        {
            "kind": kind,
            "label": WORDS[kind],
            "amount": part,
            "users": money.movement[kind][0],
            "top": [
                {"user": row["user"], "before": float(row["before"]), "now": float(row["now"])}  # pyright: ignore[reportArgumentType]
                for row in money.moved
                if row["kind"] == kind
            ],
        }
        for kind, part in zip(kinds, parts, strict=True)
    ]
    behind = _behind(found, found.business.revenue, "sum")
    if behind is not None:
        behind["question"]["where"].append({"name": "currency", "value": money.currency})
    return _node("Revenue", now, before, behind, currency=money.currency, children=children,
                 formula="before + new + returning + expansion + contraction + lost")  # fmt: skip


def _factors(found: Gathered) -> dict[str, Any]:
    """Each factor's part of the change, by logarithmic means (LMDI; Ang 2004): they add up without a rest."""
    money, people = found.money, found.people.spans
    spans = ("current", "previous")
    users = [Fraction(people[s].active) for s in spans]
    payers = [Fraction(money.payers[s]) for s in spans]
    revenue = [money.revenue[s] for s in spans]
    shares = [p / u if u else None for p, u in zip(payers, users, strict=True)]
    values = [r / p if p else None for r, p in zip(revenue, payers, strict=True)]
    change = cents(revenue[0]) - cents(revenue[1])
    parts: list[int] | None = None
    if all(x > 0 for x in (*users, *payers, *revenue)):
        a, b = float(revenue[0]), float(revenue[1])
        mean = a if a == b else (a - b) / (log(a) - log(b))
        ratios = [(x[0] or Fraction(1)) / (x[1] or Fraction(1)) for x in (users, shares, values)]
        raw = [Fraction(mean * log(float(ratio))) for ratio in ratios]
        raw[2] += change - sum(raw)  # what rounding of the logarithms left
        parts = whole_parts(raw, change)
    named = (
        ("users", "Active users", users),
        ("conversion", "Users who pay, for each active one", shares),
        ("value", "Paid by each", values),
    )
    return {
        "formula": "users x conversion x value",
        "change": change,
        "currency": money.currency,
        "children": [
            {
                "kind": kind,
                "label": label,
                **compared(*(None if x is None else float(x) for x in pair)),
                "amount": None if parts is None else parts[i],
            }
            for i, (kind, label, pair) in enumerate(named)
        ],
    }


def _conversion(found: Gathered) -> dict[str, Any]:
    now, before = found.people.spans["current"], found.people.spans["previous"]
    rate = [p.converted / p.eligible if p.eligible else None for p in (now, before)]
    return _node("Conversion", rate[0], rate[1], None, formula="converted / eligible", children=[
        {"kind": "converted", "label": "Converted", **compared(now.converted, before.converted),
         "behind": _behind(found, found.business.converted, "users")},
        {"kind": "eligible", "label": "Eligible", **compared(now.eligible, before.eligible),
         "behind": _behind(found, found.business.eligible, "users")},
    ])  # fmt: skip


def _churn(found: Gathered) -> dict[str, Any]:
    now, before = found.people.spans["current"], found.people.spans["previous"]
    rate = [p.left / p.at_start if p.at_start else None for p in (now, before)]
    rule = found.business.churn
    ended = None if isinstance(rule, Inactivity) else _behind(found, rule.ended, "users")
    return _node("Churn", rate[0], rate[1], ended, formula="left / there at the start", children=[
        {"kind": "left", "label": "Left", **compared(now.left, before.left), "behind": ended},
        {"kind": "at_start", "label": "There at the start", **compared(now.at_start, before.at_start), "behind": None},
    ])  # fmt: skip


def _behind(found: Gathered, events: Match | Tally, measure: str) -> dict[str, Any] | None:
    """A question about the events, and the cell of its answer that counts them."""
    b, period = found.business, found.period
    series: dict[str, Any] = {"measure": measure, "where": [one.model_dump(mode="json") for one in events.where]}
    if events.types:
        series["event"] = list(events.types)
    if measure == "sum":
        series["of"] = "amount"
    question = {
        "ask": "trends",
        "stream": b.stream,
        "user": b.user,
        "zone": period.zone_name,
        "since": period.text(period.since_us),
        "until": period.text(period.until_us),
        "interval": period.grain,
        "series": [series],
        "where": [one.model_dump(mode="json") for one in b.where],
    }
    return {"question": question, "cell": {"series": 0}}
