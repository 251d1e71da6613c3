"""Which definitions hold, as a fold of ``control``: ``<kind>.defined`` and ``<kind>.removed``.

A definition's version is the offset of its row, its place in the log. ``owner`` is ``file:<name>`` for what a configuration
file declared, else ``api``. What the last start's configuration said is remembered beside, so that the next start tells only
what changed, and takes back only what it had declared itself. ``rule.created`` and ``rule.deleted`` are how older versions
said the same of rules.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

DEFINED, REMOVED = ".defined", ".removed"
API = "api"
FILE = "file:"
OLD_CONFIGURATION = f"{FILE}configuration"
"""The owner of rules that older versions took from a configuration: they did not say from which file."""

BOUND = "bound_s"
"""Beside the spec of a metric or of sessions: how far out of order rows come, a setting of the collectors."""

Entry = dict[str, Any]


def is_definition(type_: str) -> bool:
    """Whether a command of this type is about a definition."""
    return type_.endswith((DEFINED, REMOVED)) or type_ in ("rule.created", "rule.deleted")


def is_file(owner: str) -> bool:
    return owner.startswith(FILE)


def spoken(type_: str, data: Mapping[str, Any]) -> tuple[str, bool, dict[str, Any] | None, str]:
    """(kind, whether it is defined or removed, spec, owner) that a command says, in its old form, too."""
    kind, _, verb = type_.rpartition(".")
    if verb in ("created", "deleted"):
        owner = OLD_CONFIGURATION if data.get("origin") == "configuration" else API
        spec = {name: value for name, value in data.items() if name != "origin"}
        return kind, verb == "created", spec if verb == "created" else None, owner
    return kind, verb == "defined", data.get("spec"), str(data.get("owner", API))


def beside(kind: str, bound_s: float) -> dict[str, Any]:
    """What the event of a definition says besides its spec: what a fold needs and must not take from its own process."""
    return {BOUND: bound_s} if kind in ("metric", "session") else {}


def entry_of(type_: str, subject: str, data: Mapping[str, Any], at: float, version: int) -> Entry:
    """A definition as the topic ``definitions`` shows it; ``spec`` is None where it was removed."""
    kind, _, spec, owner = spoken(type_, data)
    by = str(data.get("by", "")) or ("configuration" if is_file(owner) else "")
    return {"kind": kind, "name": subject, "spec": spec, "version": version, "by": by, "at": at, "owner": owner}
