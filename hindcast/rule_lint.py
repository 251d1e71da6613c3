"""What may be wrong with the rules of a file, judged without a running system."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from actors.definitions.checking import Wanted, accept
from actors.definitions.inventory import Inventory, Key
from actors.definitions.kinds import KINDS
from events.errors import Rejected

if TYPE_CHECKING:
    from config.settings import Settings

KNOWN = ("alerts", "metrics", "channels", "routes", "inhibitions", "tests")


def lint(document: Mapping[str, Any], settings: Settings) -> tuple[list[str], list[str]]:
    """(errors, warnings), a sentence each. The metrics and channels of the document count beside those of ``settings``."""
    unknown = sorted(document.keys() - {*KNOWN})
    errors = [f"{name}: is nothing that a file of rules has; there are {', '.join(KNOWN)}" for name in unknown]
    warnings: list[str] = []
    held: dict[Key, dict[str, Any]] = {}
    for kind in ("channel", "metric"):
        for one in getattr(settings, KINDS[kind].section):
            held[Key(kind, KINDS[kind].name_of(one))] = KINDS[kind].told(one)
    among = Inventory(held)
    for kind in ("channel", "metric", "rule", "route", "inhibition"):
        for number, spec in enumerate(document.get(KINDS[kind].section) or ()):
            name = str(spec.get("name", number)) if isinstance(spec, Mapping) else str(number)  # pyright: ignore[reportUnknownMemberType, reportUnknownArgumentType]
            try:
                (accepted,) = accept([Wanted(kind, None, spec)], among)
            except (Rejected, TypeError, ValueError) as error:
                errors.append(f"{kind} {name!r}: {error}")
                continue
            if accepted.key in among.specs and kind == "rule":
                errors.append(f"rule {name!r} is there twice; names are unique")
            among = among.changed({accepted.key: accepted.spec})
            warnings += [f"{kind} {name!r}: {said}" for said in accepted.warnings]
            if kind == "rule":
                warnings += [f"rule {name!r} {said}" for said in _style(accepted.spec)]
    return errors, warnings


def _style(rule: Mapping[str, Any]) -> Iterator[str]:
    """What people who are called at night wish for."""
    if rule["severity"] in ("critical", "high"):
        if not rule["runbook"]:
            yield "has no `runbook`: whoever it calls will want to know what to do"
        if rule["channels"] == ["dashboard"]:
            yield f"is {rule['severity']} and tells only the page"
    steady = rule["for_s"] or rule["keep_firing_for_s"] or rule["clear_threshold"] is not None
    if not steady and "[" not in rule["condition"]:
        yield "has neither `for_s`, `keep_firing_for_s` nor `clear_threshold`: one odd window calls somebody"
