"""The models on real data, beside what is published or plain. Figures are in docs/quality/predictive.md."""

from __future__ import annotations

import gzip
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from analytics.predictive.buying import Buying, Spending
from analytics.predictive.customers import bought_between, customers_at
from tuning.data.splits import grouped
from tuning.data.tables import as_columns
from tuning.models import (
    train_campaign_performance,
    train_content_optimization,
    train_conversion_prediction,
    train_customer_value,
    train_headlines,
)
from tuning.models.content import uplift_at
from tuning.models.headlines import pairs_of

pytestmark = [pytest.mark.long, pytest.mark.slow]
Orders = tuple[Any, Any, Any, Any]


def told(**figures: float) -> None:
    """Shown with ``pytest -s``: what the docs say."""
    sys.stdout.write("  ".join(f"{name} {value:.4g}" for name, value in figures.items()) + "\n")


def cdnow(folder: Path, sample: bool) -> Orders:
    path = folder / "cdnow"
    if sample:
        rows = [line.split()[1:] for line in (path / "CDNOW_sample.txt").read_text().splitlines()]
    else:
        text = gzip.decompress((path / "CDNOW_master.txt.gz").read_bytes()).decode()
        rows = [line.split() for line in text.splitlines()][1:]
    who, when, units, spent = zip(*rows, strict=True)
    days = np.array([f"{d[:4]}-{d[4:6]}-{d[6:]}" for d in when], "datetime64[D]").astype(np.int64)
    return np.array(who), days, np.array(spent, np.float64), np.array(units, np.float64)


def retail(folder: Path) -> Orders:
    table = as_columns(folder / "online_retail_ii" / "year_2009_2010.parquet")
    who = np.array(["" if w is None or w != w else str(w) for w in table["Customer ID"].tolist()])
    units, spent = table["Quantity"], table["Quantity"] * table["Price"]
    kept = (who != "") & (units > 0) & (table["Price"] > 0)
    return who[kept], table["InvoiceDate"].astype("datetime64[D]").astype(np.int64)[kept], spent[kept], units[kept]


@pytest.mark.parametrize(
    ("name", "cut", "days"),
    [("cdnow sample", "1997-10-01", 273), ("cdnow", "1997-10-01", 273), ("retail", "2010-09-10", 91)],
)
def test_customers_beside_bg_nbd_and_gamma_gamma(name: str, cut: str, days: int, data_sets: Path) -> None:
    who, day, spent, units = retail(data_sets) if name == "retail" else cdnow(data_sets, name == "cdnow sample")
    at = int(np.datetime64(cut).astype(np.int64))
    before = day < at
    model = train_customer_value(
        {
            "customer": who[before].astype(object), "time": day[before].astype("datetime64[D]").astype("datetime64[us]"),
            "amount": spent[before], "units": units[before],
        },
        units="units", horizon_days=days,
    ).model  # fmt: skip
    names, known = customers_at(who, day, spent, at, units)
    bought, worth = bought_between(who, day, spent, names, at, at + days)
    said = model.predict(known)
    purchases, revenue, again, low, high = (
        np.array(said.column(c), np.float64) for c in ("purchases", "prediction", "buys_again", "low", "high")
    )
    base = Buying.fit(known["frequency"], known["recency"], known["age"])
    expected = base.expected(days, known["frequency"], known["recency"], known["age"])
    plain = expected * Spending.fit(known["frequency"], known["spend_mean"]).expected(
        known["frequency"], known["spend_mean"]
    )
    auc = roc_auc_score(bought > 0, again), roc_auc_score(bought > 0, expected)
    rmse = [float(np.sqrt(np.mean((p - bought) ** 2))) for p in (purchases, expected)]
    money = [float(np.sqrt(np.mean((p - worth) ** 2))) for p in (revenue, plain)]
    told(
        auc=auc[0], bg_auc=auc[1], rmse=rmse[0], bg_rmse=rmse[1], revenue=money[0], gg_revenue=money[1],
        mae=float(np.abs(revenue - worth).mean()), gg_mae=float(np.abs(plain - worth).mean()),
        covered=float(np.mean((low <= worth) & (worth <= high))),
    )  # fmt: skip
    assert auc[0] > auc[1] - 0.002
    assert rmse[0] < 1.005 * rmse[1]
    assert money[0] < 1.01 * money[1]
    assert np.mean((low <= worth) & (worth <= high)) > 0.85


def test_bg_nbd_is_the_published_one(data_sets: Path) -> None:
    """Fader, Hardie and Lee 2005: r .243, alpha 4.414, a .793, b 2.426, log-likelihood -9582.4 (weeks)."""
    who, day, spent, _ = cdnow(data_sets, True)
    _, known = customers_at(who, day, spent, int(np.datetime64("1997-10-01").astype(np.int64)))
    model = Buying.fit(known["frequency"], known["recency"] / 7, (known["age"] - 1) / 7)
    assert (model.r, model.alpha, model.a, model.b) == pytest.approx((0.243, 4.414, 0.793, 2.426), abs=0.002)
    assert model.likelihood == pytest.approx(-9582.4, abs=0.1)


def test_ads_of_campaigns_that_were_not_seen(data_sets: Path) -> None:
    table = as_columns(data_sets / "kag_facebook_ads" / "KAG_conversion_data.csv.gz")
    names: dict[str, Any] = {
        "spend": "Spent",
        "reach": "Impressions",
        "engagement": "Clicks",
        "conversions": "Total_Conversion",
    }
    part = grouped(table["fb_campaign_id"].astype(str), 5, 1)
    truth, spent = table["Total_Conversion"], table["Spent"]
    hit, cpa, error, plain = [np.empty(len(truth)) for _ in range(4)]
    for k in range(5):
        rows, out = part != k, part == k
        made = train_campaign_performance(
            {n: v[rows] for n, v in table.items()}, **names, campaign="fb_campaign_id",
            ignore=["ad_id", "Approved_Conversion", "Date"],
        )  # fmt: skip
        said = made.model.predict({n: v[out] for n, v in table.items()})
        get = lambda name, said=said: np.array(said.column(name).to_pylist(), np.float64)  # noqa: E731
        hit[out] = (get("low") <= truth[out]) & (truth[out] <= get("high"))
        error[out] = np.abs(get("prediction") - truth[out])
        plain[out] = np.abs(truth[rows].sum() / spent[rows].sum() * spent[out] - truth[out])
        real = np.divide(spent[out], truth[out], out=np.full(int(out.sum()), np.nan), where=truth[out] > 0)
        top = np.nan_to_num(get("cost_per_acquisition_high"), nan=np.inf)
        cpa[out] = np.where(
            np.isnan(real), np.nan, (get("cost_per_acquisition_low") <= real + 1e-6) & (real <= top + 1e-6)
        )
    told(covered=hit.mean(), cpa_covered=float(np.nanmean(cpa)), mae=error.mean(), mae_of_one_rate=plain.mean())
    assert 0.85 < hit.mean() < 0.97
    assert np.nanmean(cpa) > 0.85
    assert error.mean() < 0.8 * plain.mean()


def test_headlines_of_later_weeks(data_sets: Path) -> None:
    table = as_columns(data_sets / "upworthy" / "upworthy_exploratory_early.csv.gz")
    model = train_headlines(table, test="clickability_test_id")
    assert model.accuracy is not None
    early = table["test_week"] <= np.quantile(table["test_week"], 0.7)
    first = train_headlines({n: v[early] for n, v in table.items()}, test="clickability_test_id")
    later = {n: v[~early] for n, v in table.items()}
    texts, pairs, z, _ = pairs_of(later, "clickability_test_id", "headline", "impressions", "clicks")
    p = first.compare([texts[i] for i in pairs[:, 0]], [texts[i] for i in pairs[:, 1]])
    right = ((p > 0.5) == (z > 0))[np.abs(z) > 1.96]
    told(cross_validated=model.accuracy, pairs=model.pairs, later=right.mean(), later_pairs=len(right))
    assert model.accuracy > 0.66
    assert right.mean() > 0.64


def test_uplift_of_e_mails(data_sets: Path) -> None:
    table = as_columns(data_sets / "hillstrom" / "hillstrom_a.csv.gz")
    found: list[float] = []
    halves = [np.random.default_rng(seed).random(len(table["visit"])) < 0.5 for seed in range(3)]
    for half in (way for one in halves for way in (one, ~one)):
        model = train_content_optimization(
            {n: v[half] for n, v in table.items()}, variant="segment", response="visit", control="No E-Mail",
            ignore=["row_id", "conversion", "spend", "history_segment"],
        ).model  # fmt: skip
        rest = {n: v[~half] for n, v in table.items()}
        found.append(uplift_at(model.uplift(rest), rest["visit"], rest["segment"] != "No E-Mail", 0.3))
    told(uplift_at_30=float(np.mean(found)), least=min(found), greatest=max(found))
    assert np.mean(found) >= 0.078


def test_a_bank_in_time_order(data_sets: Path) -> None:
    """The last fifth is another world (6 % positives before it, 31 % in it): a model that saw some of it wins back."""
    table = as_columns(data_sets / "bank_marketing" / "bank-additional-full.csv.gz")
    n = len(table["y"])
    table = {name: values for name, values in table.items() if name != "duration"} | {
        "row": np.arange(n, dtype=np.float64)
    }
    score: dict[str, float] = {}
    coverage: dict[str, float | None] = {}
    late = slice(int(0.9 * n), n)
    truth = (table["y"][late] == "yes").astype(np.float64) if table["y"].dtype == object else table["y"][late]
    for name, end in (("early", int(0.6 * n)), ("before", int(0.8 * n)), ("newer", int(0.9 * n))):
        made = train_conversion_prediction(
            {c: v[:end] for c, v in table.items()}, target="y", time_col="row", workers=1, horizon_days=30
        )
        p = np.array(made.model.predict({c: v[late] for c, v in table.items()}).column("prediction"))
        score[name], coverage[name] = roc_auc_score(truth, p), made.model.evidence.coverage
    told(**score, **{f"covered_{name}": value or 0.0 for name, value in coverage.items()})
    assert score["newer"] > score["early"] - 0.02
