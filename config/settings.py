"""``Settings``: everything that can be configured, from presets, files, the environment and arguments.

Later wins: defaults, the files a file extends, the file, ``HINDCAST_…`` variables (``HINDCAST_SERVER__PORT=9000``; lists and
whole sections as JSON), arguments. A mistake is refused with the key and the file it stands in.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from pydantic_settings import BaseSettings, EnvSettingsSource, SettingsConfigDict

from actors.alerts.checking import Measure, check
from analytics import rules
from config import documents
from config.complete import from_complete
from config.explain import refuse
from config.sections import (
    Alert,
    Anomaly,
    Channel,
    Collectors,
    Dashboard,
    LogBounds,
    Metric,
    Server,
    Sources,
    Word,
)
from events.errors import Rejected
from events.nearest import did_you_mean

PREFIX = "HINDCAST_"


class Document(BaseModel):
    """One configuration file: the same keys as ``Settings``, checked on its own so that a mistake names its file."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    tenant: Word = "main"
    server: Server = Server()
    data_dir: Path = Path("data")
    placement: Literal["auto", "packed", "spread"] = "auto"
    log: LogBounds = LogBounds()
    collectors: Collectors = Collectors()
    sources: Sources = Sources()
    metrics: tuple[Metric, ...] = ()
    anomalies: tuple[Anomaly, ...] = ()
    alerts: tuple[Alert, ...] = ()
    channels: tuple[Channel, ...] = ()
    dashboards: tuple[Dashboard, ...] = ()
    models: dict[str, dict[str, Any]] = Field(default_factory=dict[str, dict[str, Any]])
    """Kept for the models that are planned; see ``Settings.planned``."""
    ml_config: dict[str, Any] = Field(default_factory=dict[str, Any])


class Settings(BaseSettings, Document):  # pyright: ignore[reportIncompatibleVariableOverride]
    """A whole configuration, checked across its sections."""

    model_config = SettingsConfigDict(extra="forbid", frozen=True, env_prefix=PREFIX, env_nested_delimiter="__")

    @classmethod
    def load(cls, config: str | Path = "base", **arguments: Any) -> Self:
        """Read a preset (`base`, `course`, `saas`, `demo`) or a YAML file, then the environment, then ``arguments``.

        Arguments are sections, or parts of them: ``Settings.load("saas", server={"port": 9000})``. Raises ``Rejected``.
        """
        found: dict[str, Any] = {}
        file = documents.locate(config)
        for path, document in documents.lineage(file):
            try:
                Document.model_validate(document)
            except ValidationError as error:
                raise refuse(error, Document, lambda _, path=path: f"in {path.name}") from None
            found = documents.merged(found, document)
        return cls._build(found, arguments, f"in {file.name}")

    @classmethod
    def from_complete(cls, config: Mapping[str, Any]) -> Self:
        """The settings that a complete-system configuration asks for (see ``config.complete``). Raises ``Rejected``."""
        base = Settings.load("base")
        return cls._build({}, from_complete(config, base.model_dump(mode="json")), "in the configuration")

    @classmethod
    def _build(cls, document: Mapping[str, Any], arguments: Mapping[str, Any], where: str) -> Self:
        environment = EnvSettingsSource(cls)()

        def origin(loc: tuple[str | int, ...]) -> str:
            if _holds(arguments, loc):
                return "in the arguments" if document else where
            if _holds(environment, loc):
                return f"in the environment ({PREFIX}{'__'.join(str(part).upper() for part in loc)})"
            return where

        try:
            return cls(**documents.merged(documents.merged(document, environment), arguments))
        except ValidationError as error:
            raise refuse(error, cls, origin) from None

    def replaced(self, **arguments: Any) -> Self:
        """These settings with ``arguments`` (as for ``load``) laid over them. Raises ``Rejected``."""
        return self._build(self.model_dump(exclude_unset=True), arguments, "in the settings")

    @property
    def channel_names(self) -> frozenset[str]:
        """The channels that a rule may name; ``dashboard`` is always there."""
        return frozenset(("dashboard", *(channel.name for channel in self.channels)))

    @property
    def measures(self) -> tuple[Measure, ...]:
        """The metrics, as far as rules depend on them."""
        return tuple(metric.measure for metric in self.metrics)

    @property
    def planned(self) -> tuple[str, ...]:
        """What was asked for and is kept, but is not built yet."""
        models = tuple(f"models.{name}" for name in self.models)
        return (*models, "ml_config") if self.ml_config else models

    @model_validator(mode="after")
    def _hangs_together(self) -> Self:
        problems = [*self._repeated(), *self._unknown_metrics(), *self._unknown_channels()]
        if problems:
            raise ValueError("; ".join(problems))
        return self

    def _repeated(self) -> Iterator[str]:
        names = {
            "metrics": [metric.name for metric in self.metrics],
            "anomalies": [f"{anomaly.metric}.{anomaly.aggregate}" for anomaly in self.anomalies],
            "alerts": [alert.name for alert in self.alerts],
            "channels": [channel.name for channel in self.channels],
            "dashboards": [dashboard.id for dashboard in self.dashboards],
        }
        for section, found in names.items():
            for name, times in Counter(found).items():
                if times > 1:
                    yield f"{section}: {name!r} is there {times} times; names are unique"

    def _unknown_metrics(self) -> Iterator[str]:
        """What is watched, judged or shown, but can never be: no such metric, aggregate or key."""
        for anomaly in self.anomalies:
            named = [m for m in self.measures if m.names is None or anomaly.metric in m.names]
            lacking = [m.lacks(anomaly.aggregate) for m in named]
            if not named:
                known = {name for measure in self.measures for name in measure.names or ()}
                hint = did_you_mean(anomaly.metric, known)
                yield f"anomalies: there is no metric {anomaly.metric!r}{hint}; there are {_listed(known)}"
            elif all(lacking):
                yield f"anomalies: {anomaly.metric!r} {lacking[0]}"
        known = {name for measure in self.measures for name in measure.names or ()}
        open_ended = any(measure.names is None for measure in self.measures)
        for dashboard in self.dashboards:
            for widget in dashboard.widgets:
                if widget.metric is not None and widget.metric not in known and not open_ended:
                    hint = did_you_mean(widget.metric, known)
                    yield (
                        f"dashboards: widget {widget.id!r} of {dashboard.id!r} shows {widget.metric!r}, which is no "
                        f"metric{hint}; there are {_listed(known)}"
                    )
        for alert in self.alerts:
            try:
                check(rules.parse(alert.condition), alert.threshold, self.measures)
            except Rejected as error:
                yield f"alerts: {alert.name!r} {error.reason}"

    def _unknown_channels(self) -> Iterator[str]:
        for alert in self.alerts:
            for channel in alert.channels:
                if channel not in self.channel_names:
                    hint = did_you_mean(channel, self.channel_names)
                    known = _listed(self.channel_names)
                    yield f"alerts: {alert.name!r} names channel {channel!r}{hint}; channels are {known}"


def _listed(names: frozenset[str] | set[str]) -> str:
    return ", ".join(sorted(names)) or "none"


def _holds(mapping: Mapping[str, Any], loc: tuple[str | int, ...]) -> bool:
    """Whether ``loc`` leads into ``mapping``, as far as it can be followed by keys."""
    here: Any = mapping
    for part in loc:
        if not isinstance(here, Mapping):
            return True
        if part not in here:
            return False
        here = here[part]
    return bool(loc)
