"""What to do about a prediction, each with the figures that it stands on.

``impact_basis`` is ``measured`` where the expected impact is what the model found for this case (a scenario within what was
observed), ``static`` where the advice is general and promises no figure.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

AT_RISK, SAFE = 0.5, 0.8
"""Retention below which somebody is at risk, and above which nothing need be done."""
DRIVERS = 3
CHEAP, DEAR = 0.75, 1.25
"""Of the usual cost of a conversion: below the one a campaign deserves more, above the other less."""
_SPACES = {
    "behavioral": (
        "Engagement",
        "Bring this user back to what the model misses: look at {feature}, and send a reason to return",
    ),
    "user": ("Account", "Look at {feature} of this account: a plan or an offer that fits may keep the user"),
    "temporal": ("Timing", "Reach out now: {feature} is typical of users who are about to leave"),
    "contextual": ("Context", "Look at {feature}: in other circumstances users like this one stay"),
}
_OTHER = ("Retention", "Look at {feature}: it lowers the probability that this user stays more than other features do")


def retention_recommendations(
    prediction: Any,
    importance: Mapping[str, float],
    *,
    case: Mapping[str, Any] | None = None,
    scenarios: Sequence[Mapping[str, Any]] = (),
    horizon_days: float | None = None,
    rows: int | None = None,
) -> list[dict[str, Any]]:
    """For one user, the most urgent first; empty for a user who is likely to stay.

    ``prediction`` is the probability to stay or a model's answer with it; ``importance`` what each feature adds to it (of
    this user; with global importance the features are named that matter most, with no direction). Each is ``{category,
    priority, recommendation, expected_impact, impact_basis, evidence}``, ``evidence`` being ``{feature, value,
    contribution, retention_probability, low, high, window_days, n}``.
    """
    stays, low, high = _probability(prediction)
    if stays >= SAFE:
        return []
    priority = "High" if stays < AT_RISK else "Medium"
    ground = {"retention_probability": stays, "low": low, "high": high, "window_days": horizon_days, "n": rows}
    found: list[dict[str, Any]] = []
    helped: set[str] = set()
    for scenario in list(scenarios)[:DRIVERS]:
        ((feature, change),) = scenario["change"].items()
        helped.add(feature)
        found.append(
            {
                "category": _of(feature)[0],
                "priority": priority,
                "recommendation": f"Bring {feature} from {_told(change['from'])} to {_told(change['to'])}",
                "expected_impact": f"{100 * scenario['difference']:+.1f} points of retention probability",
                "impact_basis": "measured",
                "evidence": ground | {
                    "feature": feature, "value": change["from"], "contribution": importance.get(feature),
                    "difference": scenario["difference"], "within": scenario["within"], "basis": scenario["basis"],
                },
            }
        )  # fmt: skip
    signed = any(value < 0 for value in importance.values())
    worst = sorted(importance.items(), key=lambda one: one[1] if signed else -one[1])
    for feature, contribution in worst:
        if len(found) >= DRIVERS or (signed and contribution >= 0) or contribution == 0:
            break
        if feature in helped:
            continue
        category, text = _of(feature)
        found.append(
            {
                "category": category,
                "priority": priority,
                "recommendation": text.format(feature=feature),
                "expected_impact": None,
                "impact_basis": "static",
                "evidence": ground
                | {"feature": feature, "value": (case or {}).get(feature), "contribution": contribution},
            }
        )
    return found


def campaign_recommendations(
    predictions: Mapping[str, Any],
    features: Mapping[str, Any],
    *,
    usual_cost: float | None = None,
    scenarios: Sequence[Mapping[str, Any]] = (),
    rows: int | None = None,
    horizon_days: float | None = None,
) -> list[dict[str, Any]]:
    """For one campaign. ``usual_cost`` is what a conversion cost in the campaigns that the model learnt from.

    Shaped as ``retention_recommendations``; ``evidence`` has the expected counts, both costs, ``window_days`` and ``n``.
    """
    cost, conversions = predictions.get("cost_per_acquisition"), float(predictions.get("conversions") or 0.0)
    ground = {
        "reach": predictions.get("reach"), "engagement": predictions.get("engagement"), "conversions": conversions,
        "cost_per_acquisition": cost, "usual_cost": usual_cost, "window_days": horizon_days, "n": rows,
    }  # fmt: skip
    found: list[dict[str, Any]] = []

    def say(category: str, priority: str, text: str, impact: str | None, ground_of_it: str, **more: Any) -> None:
        found.append(
            {
                "category": category, "priority": priority, "recommendation": text, "expected_impact": impact,
                "impact_basis": ground_of_it, "evidence": ground | more,
            }
        )  # fmt: skip

    for scenario in list(scenarios)[:DRIVERS]:
        ((feature, change),) = scenario["change"].items()
        say(
            "Targeting", "Medium", f"Try {feature} {_told(change['to'])} instead of {_told(change['from'])}",
            f"{scenario['difference']:+.2g} conversions", "measured", feature=feature, difference=scenario["difference"],
            within=scenario["within"], basis=scenario["basis"],
        )  # fmt: skip
    if conversions < 1.0:
        say(
            "Budget",
            "High",
            "Fewer than one conversion is expected: spend more on it, or do not begin it",
            None,
            "static",
        )
    elif cost is not None and usual_cost is not None and cost > DEAR * usual_cost:
        say(
            "Budget",
            "High",
            f"A conversion would cost {cost:.4g}, usually {usual_cost:.4g}: spend less here",
            None,
            "static",
        )
    elif cost is not None and usual_cost is not None and cost < CHEAP * usual_cost:
        say(
            "Budget",
            "Medium",
            f"A conversion would cost {cost:.4g}, usually {usual_cost:.4g}: spend more here",
            None,
            "static",
        )
    return found


def _probability(prediction: Any) -> tuple[float, float | None, float | None]:
    if isinstance(prediction, Mapping):
        return float(prediction["prediction"]), prediction.get("low"), prediction.get("high")
    return float(prediction), None, None


def _of(feature: str) -> tuple[str, str]:
    return _SPACES.get(feature.split(".", 1)[0], _OTHER)


def _told(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else "nothing" if value is None else str(value)
