"""The complete-system configuration: ``{data_sources, streams, models, dashboards, alerts, ml_config}``.

It says which sources to collect, which streams to analyse and what to show and watch, in one mapping; any key of
``Settings`` may stand beside (``server``, ``data_dir``, ``channels``, …).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from config.parts import parts
from events.catalog import STREAMS
from events.errors import Rejected
from events.nearest import did_you_mean

DATA_SOURCES: Mapping[str, str] = {
    "user_interactions": "the products' events, pushed over HTTP",
    "system_metrics": "this machine's gauges, polled",
    "system_logs": "logs that are followed",
    "api_metrics": "metrics that are scraped",
    "business_events": "databases that are polled, topics and queues that are read",
    "external_apis": "APIs that are asked",
    "social_media": "feeds and timelines that are read",
    "email_campaigns": "what became of e-mails",
    "website_analytics": "access logs that are followed",
}
"""What may be asked for. The first two need nothing said; of the others it is said how they are fetched."""
MODELS: Mapping[str, str] = {
    "user_retention": "whether somebody goes on",
    "conversion_prediction": "whether somebody converts",
    "churn_prediction": "whether somebody leaves",
    "revenue_forecasting": "revenue to come",
    "campaign_performance": "what a campaign brings",
    "content_optimization": "which variant works, and for whom",
}
"""The models that are trained from the events of a system."""
PUSHED, POLLED = "user_interactions", "system_metrics"


def from_complete(config: Mapping[str, Any], base: Mapping[str, Any]) -> dict[str, Any]:
    """The settings document that ``config`` asks for. Raises ``Rejected`` naming the key and what is valid there.

    - ``data_sources``: names, or a mapping of names to options (``{"system_metrics": {"every_s": 5}}``); those beside
      ``user_interactions`` and ``system_metrics`` say how they are fetched (``{"system_logs": {"kind": "logs", …}}``);
    - ``streams``: names (they get the metrics and anomalies of ``base``), or a mapping of names to
      ``{"metrics": […], "anomalies": […]}``;
    - ``models``: names of ``MODELS``, each with settings of its training; they are trained in the background;
    - ``ml_config``: settings of every training;
    - ``dashboards``, ``alerts``: as in ``Settings``.
    """
    document = {key: value for key, value in config.items() if key not in ("data_sources", "streams", "models")}
    sources = _named("data_sources", config.get("data_sources", ()))
    for name in sources:
        if name not in DATA_SOURCES:
            raise Rejected("data_sources", f"there is no source {name!r}; sources are {', '.join(DATA_SOURCES)}")
    if sources.get(PUSHED):
        raise Rejected("data_sources.user_interactions", "takes no options: events are pushed to it over HTTP")
    machine = {"enabled": POLLED in sources, **sources.get(POLLED, {})}
    fetched = {name: _fetched(name, options) for name, options in sources.items() if name not in (PUSHED, POLLED)}
    document["sources"] = {**config.get("sources", {}), **fetched, "machine": machine}
    metrics, anomalies = list(config.get("metrics", ())), list(config.get("anomalies", ()))
    for stream, wanted in _named("streams", config.get("streams", ())).items():
        if stream not in STREAMS:
            raise Rejected("streams", f"there is no stream {stream!r}; streams are {', '.join(STREAMS)}")
        unknown = wanted.keys() - {"metrics", "anomalies"}
        if unknown:
            raise Rejected(f"streams.{stream}", f"has no key {min(unknown)!r}; keys there are metrics, anomalies")
        theirs = wanted.get("metrics")
        if theirs is None:
            theirs = [metric for metric in base["metrics"] if metric["stream"] == stream]
        names = {metric["name"] for metric in theirs if "name" in metric}
        metrics += [{"stream": stream, **metric} for metric in theirs]
        anomalies += wanted.get("anomalies", [a for a in base["anomalies"] if a["metric"] in names])
    document["metrics"], document["anomalies"] = metrics, anomalies
    document["models"] = _named("models", config.get("models", {}))
    for name in document["models"]:
        if name not in MODELS:
            raise Rejected(
                "models", f"there is no model {name!r}{did_you_mean(name, MODELS)}; models are {', '.join(MODELS)}"
            )
    return document


def _fetched(name: str, options: Mapping[str, Any]) -> Mapping[str, Any]:
    """``options`` of a source whose rows go into the stream ``name``."""
    kinds = parts().source_kinds
    fitting = sorted(kind.name for kind in kinds.values() if kind.chosen or kind.stream.name == name)
    if "kind" not in options:
        remedy = (
            f"say how it is fetched, as in {{'kind': '{fitting[0]}', …}}" if fitting else "no kind of source fetches it"
        )
        raise Rejected(
            f"data_sources.{name}", f"{remedy}; what is pushed (webhooks, OpenTelemetry) needs no entry here"
        )
    kind = kinds.get(str(options["kind"]))
    if kind is not None and kind.name not in fitting:
        raise Rejected(
            f"data_sources.{name}.kind", f"{kind.name} fills {kind.stream.name}; kinds for {name}: {', '.join(fitting)}"
        )
    return {**options, "into": name} if kind is not None and kind.chosen and "into" not in options else options


def _named(key: str, given: object) -> dict[str, dict[str, Any]]:
    """Names, names with options, or a list of ``{"name": …, **options}``, as names with options."""
    if isinstance(given, Mapping):
        pairs = [(str(name), options if options is not None else {}) for name, options in given.items()]
    elif isinstance(given, (list, tuple)):
        pairs = [_pair(key, item) for item in given]
    else:
        raise Rejected(key, f"must be a list of names or a mapping of names to options, got {type(given).__name__}")
    for name, options in pairs:
        if not isinstance(options, Mapping):
            raise Rejected(f"{key}.{name}", f"must be a mapping of options, got {type(options).__name__}")
    return {name: dict(options) for name, options in pairs}


def _pair(key: str, item: object) -> tuple[str, Any]:
    if isinstance(item, str):
        return item, {}
    if isinstance(item, Mapping) and isinstance(item.get("name"), str):
        return item["name"], {option: value for option, value in item.items() if option != "name"}
    raise Rejected(key, f"each item must be a name or have one, got {item!r}")
