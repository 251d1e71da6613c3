"""What an alert rule is made of: the one definition for configuration files, HTTP, Python and the command line."""

from __future__ import annotations

import unicodedata
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, Field

from actors.alerts.state import NoData
from analytics.rules import parse

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
    parse(text)
    return text


RuleName = Annotated[str, Field(min_length=1, max_length=200), AfterValidator(_name)]
"""Any text that can be seen: `pay/errors`, `100 % full` and `café` are names, too."""


class RuleFields(BaseModel):
    """``metric.aggregate{key="…"} > threshold`` (see ``analytics.rules``), held for ``for_s`` s of event time."""

    name: RuleName
    condition: Annotated[str, Field(min_length=1, max_length=1_000), AfterValidator(_condition)]
    threshold: Annotated[float, Field(allow_inf_nan=False)]
    severity: Severity = "medium"
    for_s: Annotated[float, Field(ge=0, le=86_400 * 30, allow_inf_nan=False)] = 0.0
    no_data: NoData = "resolve"
    """What becomes of an alert when its condition has been unknown for 10 minutes (a gauge without a measurement)."""
