"""Which part of an item is what: the fields of an event, as JMESPath expressions over JSON, a row of CSV or of SQL."""

from __future__ import annotations

import math
from decimal import Decimal
from typing import Annotated, Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, Field

from actors.definitions.schema import Section
from serve.sources.gathered import Gathered, as_json
from serve.sources.when import read_time

NAME_LENGTH = 200


def _compiles(text: str) -> str:
    import jmespath  # here: only a configuration that has such a source needs it
    from jmespath.exceptions import JMESPathError

    try:
        jmespath.compile(text)
    except JMESPathError as error:
        raise ValueError(f"is no JMESPath expression (https://jmespath.org): {str(error).splitlines()[0]}") from None
    return text


def _known_zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        raise ValueError(f"there is no time zone {name!r}; write one as Europe/Berlin or UTC") from None
    return name


Expression = Annotated[str, AfterValidator(_compiles)]
Zone = Annotated[str, AfterValidator(_known_zone)]


class Mapped(Section):
    """What the settings of all sources share whose items are mapped. Expressions are JMESPath; a plain name is a field."""

    id: Expression | None = None
    """What tells items apart: one that was recorded is not recorded again. None: each item is what it says now."""
    type: str = Field(default="item.read", min_length=1, max_length=NAME_LENGTH)
    """The type of the events."""
    type_from: Expression | None = None
    """Where an item says its own type; ``type`` stands where it says none."""
    time: Expression | None = None
    """When it happened; None: when it was read."""
    time_format: str | None = None
    """How times are written, as Python's ``strptime`` has it; None: as they usually are."""
    zone: Zone | None = None
    """Where times are from that say no zone; None: such a time is refused."""
    subject: Expression | None = None
    value: Expression | None = None
    properties: Expression = "@"
    """What is kept of an item; all of it by default."""


class Mapper:
    """Makes rows of items, as ``said`` maps them."""

    def __init__(self, said: Mapped) -> None:
        import jmespath

        self._said = said
        names = ("id", "type_from", "time", "subject", "value", "properties")
        self._find: dict[str, Any] = {
            name: jmespath.compile(text) for name in names if (text := getattr(said, name)) is not None
        }

    def id_of(self, item: object) -> str | None:
        """What tells ``item`` apart; None: nothing does. Raises ``ValueError``, read after `id`, where it should."""
        if "id" not in self._find:
            return None
        found = self._text(item, "id")
        if not found:
            raise ValueError("is not there, or empty; map what tells the items apart")
        return found

    def take(
        self,
        item: object,
        gathered: Gathered,
        id: str | None,
        *,
        at: int | None = None,
        of: str | None = None,
        **columns: Any,
    ) -> bool:
        """Add ``item`` as a row, or refuse it: with the field, its reason and the remedy. Whether it was added.

        ``at`` (us UTC) and ``of`` are its time and subject where the mapping names none; a time that is not known
        otherwise is that of the receipt.
        """
        field = "time"
        try:
            time = gathered.received_us if at is None else read_time(at, gathered.received_us)
            if "time" in self._find:
                said = self._find["time"].search(item)
                if said is None:
                    raise ValueError(
                        "is not there; map another field, or leave `time` out: then it is when it was read"
                    )
                time = read_time(said, time, self._said.zone, self._said.time_format)
            field = "type"
            kind = (self._text(item, "type_from") if "type_from" in self._find else None) or self._said.type
            if len(kind) > NAME_LENGTH:
                raise ValueError(f"is longer than {NAME_LENGTH} characters")
            field = "subject"
            subject = self._text(item, "subject") if "subject" in self._find else of
            field = "value"
            value = _number(self._find["value"].search(item)) if "value" in self._find else None
        except ValueError as error:
            gathered.refuse(field, str(error), item, id)
            return False
        properties = as_json(self._find["properties"].search(item))
        gathered.add(id=id, time=time, type=kind, subject=subject, value=value, properties=properties, **columns)
        return True

    def _text(self, item: object, name: str) -> str | None:
        found = self._find[name].search(item)
        if found is None or isinstance(found, str):
            return found
        if isinstance(found, bool | dict | list):
            raise ValueError(f"must be a text or a number, got {as_json(found)[:80]}")
        return str(found)


def _number(found: object) -> float | None:
    """A number, also one that is written as text; None where there is nothing."""
    if found is None or found == "":
        return None
    try:
        number = (
            float(found) if isinstance(found, str | int | float | Decimal) and not isinstance(found, bool) else None
        )
    except (ValueError, OverflowError):
        number = None
    if number is None or not math.isfinite(number):
        raise ValueError(f"must be a number, got {as_json(found)[:80]}")
    return number
