"""Texts of a rule with figures in them: Jinja2 in its sandbox, and of its language only what can do no harm.

A template may say names, fields of ``labels``, simple filters, comparisons and ``if``. It may not loop, call, import, set or
multiply: what it makes is about as long as what it is made of. What is put in is plain text: each channel escapes it in its
own way, and a key that looks like a template is never read as one.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from events.nearest import did_you_mean

NAMES = ("rule", "metric", "key", "value", "threshold", "severity", "labels", "message", "time")
FILTERS = ("default", "lower", "upper", "title", "round", "int", "float", "trim", "abs", "string")
NODES = (
    *("Template", "Output", "TemplateData", "Name", "Const", "Filter", "Getattr", "Getitem", "If", "CondExpr", "Test"),
    *("Compare", "Operand", "And", "Or", "Not", "Add", "Sub", "Div", "Neg", "Keyword"),
)
TESTS = ("defined", "none", "undefined", "number", "string")
MOST_TEXT = 2_000
MOST_DIGITS = 15


def check(template: str) -> None:
    """Raises ``ValueError`` with what is wrong and what there is."""
    if "{" not in template:
        return
    import jinja2
    from jinja2 import nodes

    try:
        tree: Any = _environment().parse(template)
    except (jinja2.TemplateError, RecursionError) as error:
        raise ValueError(f"is no template: {error}") from None
    for node in tree.find_all(nodes.Node):
        kind = type(node).__name__
        if kind not in NODES:
            raise ValueError(f"must not have {kind.lower()}: a template names figures, and may choose with `if`")
        if kind == "Name" and node.name not in NAMES:
            raise ValueError(f"names {node.name!r}{did_you_mean(node.name, NAMES)}; there are {', '.join(NAMES)}")
        if kind == "Filter" and node.name not in FILTERS:
            raise ValueError(f"has the filter {node.name!r}; there are {', '.join(FILTERS)}")
        if kind == "Test" and node.name not in TESTS:
            raise ValueError(f"has the test {node.name!r}; there are {', '.join(TESTS)}")
        if kind in ("Getattr", "Getitem") and not (type(node.node).__name__ == "Name" and node.node.name == "labels"):
            raise ValueError("only `labels` has fields: write {{ labels.team }}")
        if kind == "Const" and isinstance(node.value, (int, float)) and abs(node.value) > 10**MOST_DIGITS:
            raise ValueError("has a number of too many digits")


def rendered(templates: Mapping[str, str], about: Mapping[str, Any]) -> dict[str, str]:
    """Each template with what ``about`` says of ``NAMES``. One that cannot be said says why; none stops an alert."""
    found: dict[str, str] = {}
    for name in sorted(templates):
        template = templates[name]
        if "{" not in template:
            found[name] = template
            continue
        try:
            check(template)
            found[name] = _compiled(template).render({key: about.get(key) for key in NAMES})[:MOST_TEXT]
        except (ValueError, TypeError, ArithmeticError, LookupError, AttributeError, RuntimeError) as error:
            found[name] = f"(this text could not be made: {error})"[:MOST_TEXT]
    return found


@lru_cache(1)
def _environment() -> Any:
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    return ImmutableSandboxedEnvironment(autoescape=False)


@lru_cache(1_000)
def _compiled(template: str) -> Any:
    return _environment().from_string(template)
