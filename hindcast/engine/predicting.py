"""The six predictive models as one face: trained or loaded models in, predictions with evidence and advice out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from analytics.features.engineers import (
    BehavioralFeatureEngineer,
    ContextualFeatureEngineer,
    FeatureEngineer,
    TemporalFeatureEngineer,
    UserFeatureEngineer,
)
from analytics.models.schema import WrongInput
from analytics.predictive import MODELS, PredictiveModel
from analytics.predictive.campaign import CampaignPerformanceModel
from analytics.predictive.recommendations import campaign_recommendations, retention_recommendations
from analytics.predictive.scenarios import scenarios
from events.errors import Rejected
from events.nearest import did_you_mean
from hindcast.engine.predicted import Campaign, Engineer, Retention

if TYPE_CHECKING:
    from pathlib import Path

    from hindcast.client import Client
    from tuning.models import Trained

ENGINEERS: Mapping[str, type[FeatureEngineer]] = {
    "user_features": UserFeatureEngineer,
    "behavioral_features": BehavioralFeatureEngineer,
    "temporal_features": TemporalFeatureEngineer,
    "contextual_features": ContextualFeatureEngineer,
}
"""Makers of the features of each name space, unless others are given."""
ALL = 1_000
"""Cases of which ``run_all_analyses`` tells the predictions, at most; the figures over them are of all."""


class PredictiveAnalytics:
    """``models`` by the names of ``MODELS``; those that are not there yet are trained (``train``) or given (``use``).

    ``feature_engineers`` make features of raw data of a case; what already is a feature of the model goes as it is.
    """

    def __init__(
        self,
        models: Mapping[str, PredictiveModel] | None = None,
        feature_engineers: Mapping[str, Engineer] | None = None,
    ) -> None:
        self.models: dict[str, PredictiveModel] = {}
        made: dict[str, Engineer] = {name: engineer() for name, engineer in ENGINEERS.items()}
        self.feature_engineers = made | dict(feature_engineers or {})
        self.settings: dict[str, dict[str, Any]] = {}
        for name, model in (models or {}).items():
            self.use(name, model)

    def take_champions(self, client: Client, folder: Path) -> list[str]:
        """Use the champion of each of the six in a system's registry whose file is in ``folder``; answers their names.

        Those that the registry does not have stay what they are. Raises ``Untrusted`` for a file that was tampered with.
        """
        from serve.predicting.artifacts import Artifacts

        found: list[str] = []
        for name in {summary["name"] for summary in client.models()} & set(MODELS):
            known = client.model(name)
            number = known["aliases"].get("champion")
            version = next((one for one in known["versions"] if one.get("number") == number), None)
            if version is not None and "sha256" in version:
                self.use(name, Artifacts(folder).model(version["sha256"]))
                found.append(name)
        return sorted(found)

    # -- models ----------------------------------------------------------------------------------------------------

    def use(self, name: str, model: PredictiveModel) -> None:
        """Take a model that was trained elsewhere. Raises ``Rejected`` where it is of another kind than its name says."""
        kind = _known(name)
        if not isinstance(model, kind):
            raise Rejected(f"models.{name}", f"a {kind.__name__} is wanted, got a {type(model).__name__}")
        self.models[name] = model

    def configure_models(self, config: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
        """Settings of each model's training, by its name: ``{"churn_prediction": {"target": "churned", "budget_s": 60}}``.

        Answers the status of all six: ``ready``, ``configured`` or ``not configured``. Raises ``Rejected`` for a model that
        there is not, or a setting that its training does not take; then nothing is changed.
        """
        from inspect import signature

        from tuning.models import TRAINERS
        from tuning.models.probability import train_probability

        for name, settings in config.items():
            _known(name)
            known = {
                parameter
                for maker in (TRAINERS[name], train_probability)
                for parameter, p in signature(maker).parameters.items()
                if p.kind is p.KEYWORD_ONLY
                and (maker is TRAINERS[name] or "wanted" in signature(TRAINERS[name]).parameters)
            }
            for setting in settings:
                if setting not in known:
                    hint = did_you_mean(setting, known)
                    raise Rejected(
                        f"models.{name}.{setting}", f"is no setting{hint}; there are {', '.join(sorted(known))}"
                    )
        for name, settings in config.items():
            self.settings[name] = dict(settings)
        return self.status()

    def status(self) -> dict[str, str]:
        """Of each of the six: ``ready``, ``configured`` (not trained yet) or ``not configured``."""
        words = {True: "configured", False: "not configured"}
        return {name: "ready" if name in self.models else words[name in self.settings] for name in MODELS}

    def train(self, name: str, data: Any, **settings: Any) -> Trained[Any]:
        """Train a model by its settings (``configure_models``, and those given here) and use it from now on.

        It is used even where its score is too low to be registered: look at ``registered`` and ``reason`` of the answer.
        Raises ``WrongInput`` naming the column that does not fit.
        """
        from tuning.models import TRAINERS

        _known(name)
        trained = TRAINERS[name](data, **{**self.settings.get(name, {}), **settings})
        self.models[name] = trained.model
        return trained

    # -- one case --------------------------------------------------------------------------------------------------

    def predict_user_retention(self, user_data: Mapping[str, Any]) -> Retention:
        """How likely this user stays within the horizon, how sure that is, why, and what to do about it.

        ``user_data`` has the features of the model, or what the engineers make them of: ``events``, ``at``, and what is
        known of the user.
        """
        model = self._model("user_retention")
        case = self._features(model, user_data, tuple(ENGINEERS))
        said = model.predict(case)
        why = model.get_feature_importance(case)
        other = scenarios(model, case)  # pyright: ignore[reportArgumentType]
        return {
            "retention_probability": said["prediction"],
            "feature_importance": why,
            "global_importance": model.get_feature_importance(),
            "confidence_interval": model.get_confidence_interval(case),
            "confidence": model.get_confidence_interval(),
            "recommendations": self.generate_retention_recommendations(said, why, case=case, alternatives=other),
            "alternative_scenarios": other,
            "horizon_days": model.label.horizon_days,
        }

    def generate_retention_recommendations(
        self,
        prediction: Any,
        importance: Mapping[str, float],
        *,
        case: Mapping[str, Any] | None = None,
        alternatives: Sequence[Mapping[str, Any]] = (),
    ) -> list[dict[str, Any]]:
        """See ``retention_recommendations``. ``prediction``: the probability, or a model's answer with its interval."""
        model = self.models.get("user_retention")
        return retention_recommendations(
            prediction, importance, case=case, scenarios=alternatives,
            horizon_days=model.label.horizon_days if model else None, rows=model.evidence.trained_on if model else None,
        )  # fmt: skip

    def predict_campaign_performance(self, campaign_data: Mapping[str, Any]) -> Campaign:
        """What a campaign will bring, how sure that is, and what else could be tried with it."""
        model = self._campaigns
        case = self._features(model, campaign_data, ("contextual_features", "temporal_features"))
        said = model.predict(case)
        names = ("reach", "engagement", "conversions", "cost_per_acquisition")
        predictions = {name: said[name] for name in names}
        return {
            "predictions": predictions,
            "intervals": {
                name: {"low": said[f"{name}_low"], "high": said[f"{name}_high"], "level": model.evidence.level}
                for name in names
            },
            "recommendations": self.generate_campaign_recommendations(predictions, case),
            "confidence_scores": model.get_confidence_scores(case),
            "alternative_scenarios": self.generate_alternative_scenarios(case),
            "feature_importance": model.get_feature_importance(case),
        }

    def generate_campaign_recommendations(
        self, predictions: Mapping[str, Any], features: Mapping[str, Any]
    ) -> list[dict[str, Any]]:
        """See ``campaign_recommendations``: with the scenarios of this campaign and the usual cost of a conversion."""
        model = self._campaigns
        kept = {name for name in model.actionable if name != model.spend}
        found = [one for one in self.generate_alternative_scenarios(features) if set(one["change"]) & kept]
        return campaign_recommendations(
            predictions, features, usual_cost=model.usual_cost, scenarios=found, rows=model.evidence.trained_on,
            horizon_days=model.label.horizon_days,
        )  # fmt: skip

    def generate_alternative_scenarios(self, features: Mapping[str, Any]) -> list[dict[str, Any]]:
        """What the campaign model says of this campaign where one thing is otherwise, within what was observed.

        Conversions are what is to rise; with more spend they do, by construction, and what one then costs is told beside.
        """
        model = self._campaigns
        found = scenarios(model, features, figure="conversions")
        for one in found:
            ((name, change),) = one["change"].items()
            spent = float(change["to"] if name == model.spend else features[model.spend])
            one["cost_per_acquisition"] = spent / one["conversions"] if one["conversions"] > 0 else None
        return found

    # -- many cases ------------------------------------------------------------------------------------------------

    def run_predictions(self, data: Any) -> dict[str, dict[str, Any]]:
        """What each model that is ready says of ``data``: a table, a case, or one of these for each model by its name.

        ``{model: {status, rows, predictions, error}}``; one that fails leaves the others.
        """
        return self._each(data, lambda model, one: {"predictions": model.predict(one)})

    def run_all_analyses(self, data: Any) -> dict[str, dict[str, Any]]:
        """What each model says of ``data`` (as ``run_predictions`` takes it), with what it stands on.

        ``{model: {status, rows, predictions, feature_importance, confidence, scores, error}}``; ``status`` is ``ready``,
        ``not trained`` or ``failed``, and ``error`` then says why.
        """
        return self._each(
            data,
            lambda model, one: {
                "predictions": _first(model.predict(one)),
                "feature_importance": model.get_feature_importance(),
                "confidence": model.get_confidence_interval(),
                "scores": dict(model.evidence.scores),
            },
        )

    def _each(self, data: Any, ask: Callable[[PredictiveModel, Any], dict[str, Any]]) -> dict[str, dict[str, Any]]:
        apart = isinstance(data, Mapping) and bool(data) and set(data) <= set(MODELS)
        found: dict[str, dict[str, Any]] = {}
        for name in MODELS:
            model = self.models.get(name)
            if model is None:
                found[name] = {"status": "not trained", "error": "train it, or give it a model"}
                continue
            if apart and name not in data:
                found[name] = {"status": "ready", "error": "", "rows": 0}
                continue
            try:
                said = ask(model, data[name] if apart else data)
            except (WrongInput, ValueError) as error:
                found[name] = {"status": "failed", "error": str(error)}
                continue
            rows = getattr(said["predictions"], "num_rows", 1)
            found[name] = {"status": "ready", "error": "", "rows": rows, **said}
        return found

    # -- parts -----------------------------------------------------------------------------------------------------

    def _model(self, name: str) -> Any:
        if name not in self.models:
            raise Rejected(f"models.{name}", "is not trained; call train, or use one that is")
        return self.models[name]

    @property
    def _campaigns(self) -> CampaignPerformanceModel:
        return self._model("campaign_performance")

    def _features(self, model: PredictiveModel, data: Mapping[str, Any], engineers: Sequence[str]) -> dict[str, Any]:
        """The model's features: those that ``data`` has by name, and what the engineers make of it for the others."""
        wanted = {one.name for one in model.inputs}
        found = {name: value for name, value in data.items() if name in wanted}
        for name in engineers:
            if wanted - set(found):
                made = self.feature_engineers[name].engineer(data)
                found |= {key: value for key, value in made.items() if key in wanted and key not in found}
        return found


def _first(predictions: Any) -> Any:
    return predictions.slice(0, ALL) if hasattr(predictions, "num_rows") else predictions


def _known(name: str) -> type[PredictiveModel]:
    if name not in MODELS:
        raise Rejected("model", f"there is no {name!r}{did_you_mean(name, MODELS)}; there are {', '.join(MODELS)}")
    return MODELS[name]
