"""Amounts of a summary: exact sums in minor units, in one currency, by span, point, user and segment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from math import lcm

import pyarrow as pa

from events.errors import Rejected
from query.business.meaning import Business
from query.business.reading import SPANS, Reading, whole

Sums = dict[str, Fraction]


@dataclass
class Amounts:
    """``revenue``, ``spend`` by span, in minor units of ``currency``, exactly. ``other``: of the current span, by currency,
    the revenue for which no rate is known."""

    currency: str
    revenue: Sums = field(default_factory=lambda: dict.fromkeys(SPANS, Fraction(0)))
    spend: Sums = field(default_factory=lambda: dict.fromkeys(SPANS, Fraction(0)))
    payers: dict[str, int] = field(default_factory=lambda: dict.fromkeys(SPANS, 0))
    customers: dict[str, Fraction] = field(default_factory=lambda: dict.fromkeys(SPANS, Fraction(0)))
    history: dict[object, Fraction] = field(default_factory=dict[object, Fraction])
    other: dict[str, int] = field(default_factory=dict[str, int])
    other_spend: dict[str, int] = field(default_factory=dict[str, int])
    """And what was spent in such currencies."""
    by_currency: dict[str, int] = field(default_factory=dict[str, int])
    """Revenue of the current span as it was paid."""
    segments: dict[int, dict[str | None, dict[str, dict[str, Fraction]]]] = field(
        default_factory=dict[int, dict[str | None, dict[str, dict[str, Fraction]]]]
    )
    """By segment, value, what (revenue, spend, customers) and span."""
    movement: dict[str, tuple[int, Fraction]] = field(default_factory=dict[str, tuple[int, Fraction]])
    """By kind of change between the previous span and the current one: users, and the amount."""
    moved: list[dict[str, object]] = field(default_factory=list[dict[str, object]])
    """The users with the largest change."""
    scale: int = 1


def factors(business: Business, currency: str, digits: Mapping[str, int]) -> dict[str, Fraction]:
    """Of each currency: how many minor units of ``currency`` one minor unit of it is."""
    here = digits.get(currency, 2)
    found = {currency: Fraction(1)}
    for other, rate in business.rates.items():
        found[other] = Fraction(rate) * Fraction(10) ** (here - digits.get(other, 2))
    return found


def amounts(reading: Reading, digits: Mapping[str, int], wanted: str | None = None) -> Amounts:
    """Read the payments and what was spent. ``wanted``: the currency to answer in; None: as the business says.

    ``digits``: of the minor unit of each currency. Raises ``Rejected`` for a currency that nobody knows.
    """
    if wanted is not None and wanted not in digits:
        raise Rejected("currency", f"must be a code of ISO 4217 such as EUR, got {wanted[:40]!r}")
    _read_payments(reading)
    found = _in_currency(reading, digits, wanted)
    _sum_up(reading, found)
    _movement(reading, found)
    return found


def _read_payments(reading: Reading) -> None:
    """``paid(role, u, key, e…, currency, s_i…, x)``: amounts summed by user and point; and each user's first payment."""
    b = reading.business
    roles = {"revenue": b.revenue, "refund": b.refunds, "spend": b.spend}
    cases = " ".join(f"WHEN {reading.match(m, role)} THEN '{role}'" for role, m in roles.items() if m is not None)
    types = [m.types for m in roles.values() if m is not None]
    named = list(dict.fromkeys(t for several in types for t in several)) if all(types) else []
    of_type = f"type IN ({', '.join(map(reading.sql.bind, named))})" if named else "true"
    own = "".join(
        f", {reading.sql.text(s.of, f'segments.{i}.of')} AS s_{i}" for i, s in enumerate(b.segments) if _own(reading, i)
    )
    marks = "".join(f", {reading.within(span)} AS in_{name}" for name, span in reading.spans.items())
    reading.session.add("paid", reading.table(f"""SELECT * FROM (
        SELECT role, u, key, currency, {", ".join(f"in_{name}" for name in SPANS)}{_named(reading)},
          sum(CASE WHEN role = 'refund' THEN -amount ELSE amount END)::HUGEINT AS x FROM (
          SELECT CASE {cases} END AS role, {reading.user} AS u, {reading.bucket()} AS key,
            CAST(currency AS VARCHAR) AS currency, amount{own}{marks}
          FROM {reading.sql.table} WHERE {of_type} AND {reading.looked_at()} AND {reading.ours} AND amount IS NOT NULL)
        WHERE role IS NOT NULL GROUP BY ALL)"""))  # fmt: skip
    reading.session.add(
        "firsts",
        reading.table(f"""SELECT u, min(t) AS t FROM (
        SELECT {reading.user} AS u, time AS t FROM {reading.sql.table}
        WHERE {reading.match(b.revenue, "revenue")} AND amount > 0 AND {reading.ours}
          AND time < {reading.at(reading.period.until_us)}) WHERE u IS NOT NULL GROUP BY u"""),
    )


def _own(reading: Reading, i: int) -> bool:
    """Whether a payment is put under a segment by its own property: also what was spent, which has no customer."""
    return reading.business.segments[i].by == "event" or reading.business.spend is not None


def _named(reading: Reading) -> str:
    return "".join(f", s_{i}" for i in range(len(reading.business.segments)) if _own(reading, i))


def _in_currency(reading: Reading, digits: Mapping[str, int], wanted: str | None) -> Amounts:
    rows = reading.run("SELECT currency, sum(x) AS x, sum(x) FILTER (in_current) AS now FROM paid "
                       "WHERE role <> 'spend' GROUP BY currency")  # fmt: skip
    now = {row["currency"] or "": whole(row, "now") for row in rows}
    every = {row["currency"] or "": whole(row, "x") for row in rows}
    most = max(now, key=lambda c: (now[c], every[c], c), default="USD") or "USD"
    rows = reading.run("SELECT currency, sum(x) AS x FROM paid WHERE role = 'spend' AND in_current GROUP BY 1")
    spent = {row["currency"] or "": whole(row, "x") for row in rows}
    if not now:
        most = max(spent, key=lambda c: (spent[c], c), default="USD") or "USD"
    currency = wanted or reading.business.currency or most
    known = factors(reading.business, currency, digits) if currency == reading.business.currency else {
        currency: Fraction(1)}  # fmt: skip
    scale = lcm(*(factor.denominator for factor in known.values()))
    table = pa.table(
        {
            "currency": list(known),
            "factor": pa.array([int(f * scale) for f in known.values()], pa.decimal128(38, 0)),
        }
    )
    reading.session.add("factors", table)
    other = {c: n for c, n in now.items() if c not in known and n}
    other_spend = {c: n for c, n in spent.items() if c not in known and n}
    paid = {c: n for c, n in now.items() if n}
    return Amounts(currency, other=other, other_spend=other_spend, by_currency=paid, scale=scale)


_SUM = "sum(x::HUGEINT * factor::HUGEINT)"


def _sum_up(reading: Reading, found: Amounts) -> None:
    def exact(row: dict[str, object], name: str) -> Fraction:
        return Fraction(whole(row, name), found.scale)

    each = ", ".join(f"{_SUM} FILTER (in_{name}) AS {name}" for name in SPANS)
    payers = ", ".join(f"count(DISTINCT u) FILTER (in_{name} AND x > 0) AS payers_{name}" for name in SPANS)
    rows = reading.run(f"""SELECT CASE WHEN role = 'spend' THEN 'spend' ELSE 'revenue' END AS what, {each}, {payers}
      FROM paid JOIN factors USING (currency) GROUP BY 1""")
    for row in rows:
        sums = {name: exact(row, name) for name in SPANS}
        if row["what"] == "spend":
            found.spend = sums
        else:
            found.revenue = sums
            found.payers = {name: whole(row, f"payers_{name}") for name in SPANS}
    rows = reading.run(
        f"SELECT key, {_SUM} AS x FROM paid JOIN factors USING (currency) WHERE role <> 'spend' GROUP BY key"
    )
    found.history = {row["key"]: exact(row, "x") for row in rows}
    _customers(reading, found)
    for i, segment in enumerate(reading.business.segments):
        who = f"LEFT JOIN who_{i} USING (u)" if segment.by != "event" else ""
        # Of what was spent its own property counts: whoever reported it is no customer.
        mixed = f"CASE WHEN role = 'spend' THEN s_{i} ELSE coalesce(v, s_{i}) END"
        value = f"s_{i}" if segment.by == "event" else mixed if _own(reading, i) else "v"
        by = found.segments.setdefault(i, {})
        for (
            row
        ) in reading.run(f"""SELECT CASE WHEN role = 'spend' THEN 'spend' ELSE 'revenue' END AS what, {value} AS v,
              {each} FROM paid JOIN factors USING (currency) {who} GROUP BY ALL"""):
            by.setdefault(row["v"], {})[row["what"]] = {name: exact(row, name) for name in SPANS}
        for v, sums in _customers_by(reading, i).items():
            by.setdefault(v, {})["customers"] = sums


def _customers(reading: Reading, found: Amounts) -> None:
    """Those whose first payment is in a span; or as the business counts them."""
    tally = reading.business.new_customers
    if tally is None:
        counts = ", ".join(f"count(*) FILTER ({reading.within(span, 't')}) AS {n}" for n, span in reading.spans.items())
        (row,) = reading.run(f"SELECT {counts} FROM firsts")
        found.customers = {name: Fraction(whole(row, name)) for name in SPANS}
        return
    measure = _measure(reading)
    marks = ", ".join(f"{measure} FILTER ({reading.within(span)}) AS {name}" for name, span in reading.spans.items())
    (row,) = reading.run(f"""SELECT {marks} FROM {reading.sql.table} WHERE {reading.match(tally, "new_customers")}
      AND {reading.looked_at()} AND {reading.ours}""")
    found.customers = {name: _number(row[name]) for name in SPANS}


def _measure(reading: Reading) -> str:
    tally = reading.business.new_customers
    if tally is None or tally.count == "users":
        return f"count(DISTINCT {reading.user})"
    return "count(*)" if tally.count == "events" else f"sum({reading.sql.number(tally.of or '', 'new_customers.of')})"


def _number(said: object) -> Fraction:
    return Fraction(0) if said is None else Fraction(str(said))


def _customers_by(reading: Reading, i: int) -> dict[str | None, dict[str, Fraction]]:
    tally, segment = reading.business.new_customers, reading.business.segments[i]
    if tally is None:
        if segment.by == "event":
            return {}
        counts = ", ".join(f"count(*) FILTER ({reading.within(span, 't')}) AS {n}" for n, span in reading.spans.items())
        rows = reading.run(f"SELECT v, {counts} FROM firsts LEFT JOIN who_{i} USING (u) GROUP BY v")
    else:
        marks = ", ".join(f"{_measure(reading)} FILTER ({reading.within(s)}) AS {n}" for n, s in reading.spans.items())
        rows = reading.run(f"""SELECT {reading.sql.text(segment.of, f"segments.{i}.of")} AS v, {marks}
          FROM {reading.sql.table} WHERE {reading.match(tally, "new_customers")} AND {reading.looked_at()}
          AND {reading.ours} GROUP BY 1""")
    return {row["v"]: {name: _number(row[name]) for name in SPANS} for row in rows if any(row[n] for n in SPANS)}


KINDS = ("new", "returning", "expansion", "contraction", "lost")


def _movement(reading: Reading, found: Amounts) -> None:
    """How each user's revenue changed from the previous span to the current one; amounts without a user are one of them."""
    since = reading.at(reading.period.since_us)
    each = f"""SELECT u, coalesce({_SUM} FILTER (in_previous), 0) AS before, coalesce({_SUM} FILTER (in_current), 0) AS now
      FROM paid JOIN factors USING (currency) WHERE role <> 'spend' AND (in_previous OR in_current) GROUP BY u"""
    kinds = f"""SELECT each.*, now - before AS change, CASE WHEN before = 0 AND now <> 0
        THEN CASE WHEN firsts.t >= {since} OR firsts.t IS NULL THEN 'new' ELSE 'returning' END
        WHEN now = 0 AND before <> 0 THEN 'lost' WHEN now > before THEN 'expansion' WHEN now < before THEN 'contraction'
        END AS kind FROM ({each}) each LEFT JOIN firsts USING (u)"""
    found.movement = {kind: (0, Fraction(0)) for kind in KINDS}
    for row in reading.run(
        f"SELECT kind, count(*) AS n, sum(change) AS x FROM ({kinds}) WHERE kind IS NOT NULL GROUP BY 1"
    ):
        found.movement[row["kind"]] = (whole(row, "n"), Fraction(whole(row, "x"), found.scale))
    top = reading.run(f"""SELECT u, kind, before, now FROM ({kinds}) WHERE kind IS NOT NULL
      QUALIFY row_number() OVER (PARTITION BY kind ORDER BY abs(change) DESC, u) <= 10 ORDER BY abs(change) DESC, u""")
    found.moved = [
        {
            "user": row["u"],
            "kind": row["kind"],
            "before": Fraction(whole(row, "before"), found.scale),
            "now": Fraction(whole(row, "now"), found.scale),
        }
        for row in top
    ]
