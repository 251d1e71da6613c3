"""``Settings``: everything that can be configured, from presets, files, the environment and arguments.

Later wins: defaults, the files a file extends, the file, ``HINDCAST_…`` variables (``HINDCAST_SERVER__PORT=9000``; lists and
whole sections as JSON), arguments. A mistake is refused with the key and the file it stands in.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, PrivateAttr, ValidationError, model_validator
from pydantic_settings import BaseSettings, EnvSettingsSource, SettingsConfigDict

from actors.definitions.anomaly import Anomaly
from actors.definitions.channel import Channel
from actors.definitions.checking import refuse_circles
from actors.definitions.correlation import Correlation
from actors.definitions.dashboard import Dashboard
from actors.definitions.forecast import Forecast
from actors.definitions.identity import Identity
from actors.definitions.inventory import Inventory, Key
from actors.definitions.kinds import KINDS
from actors.definitions.metric import Metric
from actors.definitions.plan import Plan
from actors.definitions.query import Query
from actors.definitions.route import Inhibition, Route
from actors.definitions.rule import Alert
from actors.definitions.schema import Word
from actors.definitions.session import SessionRule
from actors.definitions.share import Share
from actors.definitions.source import Source
from actors.definitions.trend import Trend
from actors.ledger import FILE, OLD_CONFIGURATION
from actors.parts import Part, PartSection
from config import asked, documents
from config import parts as installed
from config.complete import from_complete
from config.explain import refuse
from config.sections import ArchiveSection, Collectors, Fetching, LogBounds, Queries, Server
from events.errors import Rejected
from query.business.meaning import Business
from query.features.schema import FeatureRule, LabelRule
from query.point_in_time.saved import Pin
from query.questions.cohort import Cohort

logger = logging.getLogger(__name__)
PREFIX = "HINDCAST_"
_OF_PARTS = ("sources", "parts")
"""Sections that are checked once all files are laid over each other: one file may name what another one completes."""


class Document(BaseModel):
    """One configuration file: the same keys as ``Settings``, checked on its own so that a mistake names its file."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    tenant: Word = "main"
    server: Server = Server()
    data_dir: Path = Path("data")
    placement: Literal["auto", "packed", "spread"] = "auto"
    log: LogBounds = LogBounds()
    archive: ArchiveSection = ArchiveSection()
    collectors: Collectors = Collectors()
    queries: Queries = Queries()
    fetching: Fetching = Fetching()
    sources: dict[str, dict[str, Any]] = Field(default_factory=dict[str, dict[str, Any]])
    """By name; each is of a ``kind``, its own name where it says none. See ``Settings.asked_sources``."""
    parts: dict[str, dict[str, Any]] = Field(default_factory=dict[str, dict[str, Any]])
    """Settings of parts, by name. See ``Settings.asked_parts``."""
    metrics: tuple[Metric, ...] = ()
    anomalies: tuple[Anomaly, ...] = ()
    alerts: tuple[Alert, ...] = ()
    channels: tuple[Channel, ...] = ()
    routes: tuple[Route, ...] = ()
    inhibitions: tuple[Inhibition, ...] = ()
    dashboards: tuple[Dashboard, ...] = ()
    saved_queries: tuple[Query, ...] = ()
    defined_sources: tuple[Source, ...] = ()
    """Those that are definitions, as ``hindcast export`` writes them; ``sources`` are the configuration's own."""
    trends: tuple[Trend, ...] = ()
    correlations: tuple[Correlation, ...] = ()
    forecasts: tuple[Forecast, ...] = ()
    businesses: tuple[Business, ...] = ()
    cohorts: tuple[Cohort, ...] = ()
    sessions: tuple[SessionRule, ...] = ()
    identities: tuple[Identity, ...] = ()
    plans: tuple[Plan, ...] = ()
    tables: tuple[Pin, ...] = ()
    features: tuple[FeatureRule, ...] = ()
    labels: tuple[LabelRule, ...] = ()
    shares: tuple[Share, ...] = ()
    models: dict[str, dict[str, Any]] = Field(default_factory=dict[str, dict[str, Any]])
    """The models that are trained from the events, by name, each with settings of its training."""
    ml_config: dict[str, Any] = Field(default_factory=dict[str, Any])


class Settings(BaseSettings, Document):  # pyright: ignore[reportIncompatibleVariableOverride]
    """A whole configuration, checked across its sections."""

    model_config = SettingsConfigDict(extra="forbid", frozen=True, env_prefix=PREFIX, env_nested_delimiter="__")

    _owners: dict[str, str] = PrivateAttr(default_factory=dict[str, str])
    _sources: tuple[asked.AskedSource, ...] = PrivateAttr(default=())
    _parts: tuple[tuple[Part, PartSection], ...] = PrivateAttr(default=())

    @classmethod
    def load(cls, config: str | Path = "base", **arguments: Any) -> Self:
        """Read a preset (`base`, `course`, `saas`, `demo`) or a YAML file, then the environment, then ``arguments``.

        Arguments are sections, or parts of them: ``Settings.load("saas", server={"port": 9000})``. Raises ``Rejected``.
        """
        found: dict[str, Any] = {}
        owners: dict[str, str] = {}
        files: list[tuple[str, dict[str, Any]]] = []
        file = documents.locate(config)
        installed.parts()  # what plug-ins bring (streams, kinds of channels) is known before anything is checked
        for path, document in documents.lineage(file):
            try:
                declared = Document.model_validate(document)
            except ValidationError as error:
                raise refuse(error, Document, lambda _, path=path: f"in {path.name}") from None
            owners |= dict.fromkeys(_declared(declared), f"{FILE}{path.name}")
            found = documents.merged(found, document)
            files.append((path.name, document))
        return cls._build(found, arguments, f"in {file.name}", owners, files)

    @classmethod
    def from_complete(cls, config: Mapping[str, Any]) -> Self:
        """The settings that a complete-system configuration asks for (see ``config.complete``). Raises ``Rejected``."""
        base = Settings.load("base")
        return cls._build({}, from_complete(config, base.model_dump(mode="json")), "in the configuration")

    @classmethod
    def _build(
        cls,
        document: Mapping[str, Any],
        arguments: Mapping[str, Any],
        where: str,
        owners: Mapping[str, str] | None = None,
        files: Sequence[tuple[str, Mapping[str, Any]]] = (),
    ) -> Self:
        environment = EnvSettingsSource(cls)()
        known = installed.parts()

        def origin(loc: tuple[str | int, ...]) -> str:
            if _holds(arguments, loc):
                return "in the arguments" if document else where
            if _holds(environment, loc):
                return f"in the environment ({PREFIX}{'__'.join(str(part).upper() for part in loc)})"
            holding = (
                f"in {name}" for name, said in reversed(files) if loc and loc[0] in _OF_PARTS and _holds(said, loc)
            )
            return next(holding, where)

        def built(said: Mapping[str, Any]) -> Self:
            try:
                return cls(**said)
            except ValidationError as error:
                raise refuse(error, cls, origin) from None

        said = documents.merged(documents.merged(document, environment), arguments)
        settings = built(said)
        settings._owners = {**(owners or {})}
        settings._sources = tuple(asked.sources(settings.sources, known, origin))
        settings._parts = tuple(asked.parts(settings.parts, known, origin))
        for part, _ in settings._parts:
            if part.defaults and (with_them := settings._with_defaults(part, said, built)):
                settings, said = with_them, documents.completed(said, part.defaults)
        return settings

    def _with_defaults(
        self, part: Part, said: Mapping[str, Any], built: Callable[[Mapping[str, Any]], Self]
    ) -> Self | None:
        """These settings with the definitions that ``part`` brings; None, noted, where they cannot be."""
        try:
            unknown = part.defaults.keys() - documents.LISTS
            if unknown:
                raise Rejected("defaults", f"of a part hold {', '.join(sorted(documents.LISTS))}, not {min(unknown)!r}")
            brought = Document.model_validate(part.defaults)
            settings = built(documents.completed(said, part.defaults))
        except (Rejected, ValidationError) as error:
            installed.parts().fails(part.name, error)
            logger.warning("plug-in %s: its definitions cannot be used: %s", part.name, error)
            return None
        settings._sources, settings._parts = self._sources, self._parts
        settings._owners = {**dict.fromkeys(_declared(brought), f"{FILE}the plug-in {part.name}"), **self._owners}
        return settings

    def replaced(self, **arguments: Any) -> Self:
        """These settings with ``arguments`` (as for ``load``) laid over them. Raises ``Rejected``."""
        return self._build(self.model_dump(exclude_unset=True), arguments, "in the settings", self._owners)

    def asked_sources(self) -> tuple[asked.AskedSource, ...]:
        """The sources that are to be read, by name; those that parts bring by themselves come first."""
        return self._sources

    def asked_parts(self) -> tuple[tuple[Part, PartSection], ...]:
        """The parts that are on, each with its settings."""
        return self._parts

    def definitions(self) -> Iterator[tuple[Key, Any]]:
        """Every definition of these settings; what is referred to comes first."""
        for kind in KINDS.values():
            for definition in getattr(self, kind.section):
                yield Key(kind.name, kind.name_of(definition)), definition

    def owner_of(self, key: Key) -> str:
        """``file:<name>`` of the file that declares a definition; ``file:configuration`` where no file does."""
        return self._owners.get(key.text, OLD_CONFIGURATION)

    @model_validator(mode="after")
    def _hangs_together(self) -> Self:
        problems = [*self._repeated(), *self._impossible()]
        if problems:
            raise ValueError("; ".join(problems))
        return self

    def _repeated(self) -> Iterator[str]:
        for key, times in Counter(key for key, _ in self.definitions()).items():
            if times > 1:
                yield f"{KINDS[key.kind].section}: {key.name!r} is there {times} times; names are unique"

    def _impossible(self) -> Iterator[str]:
        """What refers to something that is not there, or can never be."""
        definitions = dict(self.definitions())
        among = Inventory({key: KINDS[key.kind].told(definition) for key, definition in definitions.items()})
        for key, definition in definitions.items():
            try:
                KINDS[key.kind].check(definition, among)
            except Rejected as error:
                yield f"{KINDS[key.kind].section}: {key.name!r} {error.reason}"
        try:
            refuse_circles(definitions, among)
        except Rejected as error:
            yield error.reason


def _declared(document: Document) -> Iterator[str]:
    """Keys of the definitions that one file declares."""
    for kind in KINDS.values():
        for definition in getattr(document, kind.section):
            yield Key(kind.name, kind.name_of(definition)).text


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
