"""What an alert rule is made of: the one definition for configuration files, HTTP, Python and the command line."""

from __future__ import annotations

import unicodedata
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints

from actors.alerts import annotations
from actors.alerts.state import NoData
from analytics.expressions import read

Severity = Literal["critical", "high", "medium", "low"]


def _name(text: str) -> str:
    if any(unicodedata.category(character) in ("Cc", "Zl", "Zp") for character in text):
        raise ValueError("has line breaks or control characters; leave them out")
    if text != text.strip():
        raise ValueError("begins or ends with a space; leave it out")
    if text in (".", ".."):
        raise ValueError("is only dots, which an address cannot hold; choose another name")
    return text


def _condition(text: str) -> str:
    read(text)
    return text


RuleName = Annotated[str, Field(min_length=1, max_length=200), AfterValidator(_name)]
"""Any text that can be seen: `pay/errors`, `100 % full` and `café` are names, too."""


def _template(text: str) -> str:
    annotations.check(text)
    return text


def _zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise ValueError("is no time zone of the tz database; write a name such as Europe/Zurich or UTC") from None
    return name


Label = Annotated[str, StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$", max_length=60)]
Seconds = Annotated[float, Field(ge=0, le=86_400 * 30, allow_inf_nan=False)]
Minute = Annotated[str, StringConstraints(pattern=r"^(?:[01]?[0-9]|2[0-3]):[0-5][0-9]$|^24:00$")]


class Active(BaseModel):
    """Hours of the week in which a rule is judged. ``to`` that is not after ``from`` is on the next day."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True, serialize_by_alias=True)

    days: Annotated[tuple[Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"], ...], Field(min_length=1)] = (
        "mon", "tue", "wed", "thu", "fri", "sat", "sun",
    )  # fmt: skip
    start: Annotated[Minute, Field(alias="from")] = "00:00"
    end: Annotated[Minute, Field(alias="to")] = "24:00"
    time_zone: Annotated[str, Field(max_length=100), AfterValidator(_zone)] = "UTC"


class RuleFields(BaseModel):
    """``metric.aggregate{key="…"} > threshold`` (see ``analytics.rules``), held for ``for_s`` s of event time."""

    name: RuleName
    condition: Annotated[str, Field(min_length=1, max_length=1_000), AfterValidator(_condition)]
    threshold: Annotated[float, Field(allow_inf_nan=False)]
    severity: Severity = "medium"
    for_s: Annotated[float, Field(ge=0, le=86_400 * 30, allow_inf_nan=False)] = 0.0
    no_data: NoData = "resolve"
    """What becomes of an alert when its condition has been unknown for 10 minutes (a gauge without a measurement)."""
    clear_threshold: Annotated[float, Field(allow_inf_nan=False)] | None = None
    """What `threshold` stands for once the alert fires: it goes on until the condition does not hold with this either."""
    keep_firing_for_s: Seconds = 0.0
    """Seconds of event time for which the alert goes on after the condition held last."""
    labels: Annotated[dict[Label, Annotated[str, Field(max_length=200)]], Field(max_length=50, default_factory=dict)]
    """For routes and silences."""
    annotations: Annotated[
        dict[Label, Annotated[str, Field(max_length=2_000), AfterValidator(_template)]],
        Field(max_length=20, default_factory=dict),
    ]
    """Texts for whoever reads the message, with figures in them; `title` and `summary` stand for ours."""
    runbook: Annotated[str, StringConstraints(pattern=r"^(?:https?://[^\s<>\"]+)?$", max_length=1_000)] = ""
    """Where it is written what to do."""
    active: Active | None = None
    """When the rule is judged; outside nothing of it fires."""
