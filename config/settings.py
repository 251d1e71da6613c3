"""``Settings``: everything that can be configured, from presets, files, the environment and arguments.

Later wins: defaults, the files a file extends, the file, ``HINDCAST_…`` variables (``HINDCAST_SERVER__PORT=9000``; lists and
whole sections as JSON), arguments. A mistake is refused with the key and the file it stands in.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, PrivateAttr, ValidationError, model_validator
from pydantic_settings import BaseSettings, EnvSettingsSource, SettingsConfigDict

from actors.definitions.anomaly import Anomaly
from actors.definitions.channel import Channel
from actors.definitions.dashboard import Dashboard
from actors.definitions.inventory import Inventory, Key
from actors.definitions.kinds import KINDS
from actors.definitions.metric import Metric
from actors.definitions.rule import Alert
from actors.definitions.schema import Word
from actors.ledger import FILE, OLD_CONFIGURATION
from config import documents
from config.complete import from_complete
from config.explain import refuse
from config.sections import ArchiveSection, Collectors, LogBounds, Server, Sources
from events.errors import Rejected

PREFIX = "HINDCAST_"


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

    _owners: dict[str, str] = PrivateAttr(default_factory=dict[str, str])

    @classmethod
    def load(cls, config: str | Path = "base", **arguments: Any) -> Self:
        """Read a preset (`base`, `course`, `saas`, `demo`) or a YAML file, then the environment, then ``arguments``.

        Arguments are sections, or parts of them: ``Settings.load("saas", server={"port": 9000})``. Raises ``Rejected``.
        """
        found: dict[str, Any] = {}
        owners: dict[str, str] = {}
        file = documents.locate(config)
        for path, document in documents.lineage(file):
            try:
                declared = Document.model_validate(document)
            except ValidationError as error:
                raise refuse(error, Document, lambda _, path=path: f"in {path.name}") from None
            owners |= dict.fromkeys(_declared(declared), f"{FILE}{path.name}")
            found = documents.merged(found, document)
        settings = cls._build(found, arguments, f"in {file.name}")
        settings._owners = owners
        return settings

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
        settings = self._build(self.model_dump(exclude_unset=True), arguments, "in the settings")
        settings._owners = self._owners
        return settings

    def definitions(self) -> Iterator[tuple[Key, Any]]:
        """Every definition of these settings; what is referred to comes first."""
        for kind in KINDS.values():
            for definition in getattr(self, kind.section):
                yield Key(kind.name, kind.name_of(definition)), definition

    def owner_of(self, key: Key) -> str:
        """``file:<name>`` of the file that declares a definition; ``file:configuration`` where no file does."""
        return self._owners.get(key.text, OLD_CONFIGURATION)

    @property
    def planned(self) -> tuple[str, ...]:
        """What was asked for and is kept, but is not built yet."""
        models = tuple(f"models.{name}" for name in self.models)
        return (*models, "ml_config") if self.ml_config else models

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
        among = Inventory({key: KINDS[key.kind].told(definition) for key, definition in self.definitions()})
        for key, definition in self.definitions():
            try:
                KINDS[key.kind].check(definition, among)
            except Rejected as error:
                yield f"{KINDS[key.kind].section}: {key.name!r} {error.reason}"


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
