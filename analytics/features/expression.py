"""Expressions over features: arithmetic on columns, where null stays null and nothing is ever run as code."""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

import numpy as np

from analytics.kernels import F64

MOST_NODES = 200


class ExpressionError(ValueError):
    """What is wrong with an expression, in words for its author."""


def _divided(a: F64, b: F64) -> F64:
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(b == 0, np.nan, a / b)


def _log1p(a: F64) -> F64:
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(a > -1, np.log1p(a), np.nan)


_BINARY: Mapping[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: np.add,
    ast.Sub: np.subtract,
    ast.Mult: np.multiply,
    ast.Div: _divided,
}
_FUNCTIONS: Mapping[str, tuple[int | None, Callable[..., Any]]] = {
    "abs": (1, np.abs),
    "log1p": (1, _log1p),
    "min": (None, lambda *a: _over(np.minimum, a)),
    "max": (None, lambda *a: _over(np.maximum, a)),
    "coalesce": (None, lambda *a: _over(lambda x, y: np.where(np.isnan(x), y, x), a)),
}
"""By name: how many arguments (None: one or more), and what it does."""


def _over(step: Callable[[Any, Any], Any], arguments: tuple[Any, ...]) -> Any:
    found = arguments[0]
    for one in arguments[1:]:
        found = step(found, one)
    return found


@lru_cache(maxsize=1_000)
def _parsed(text: str) -> ast.expr:
    try:
        tree = ast.parse(text.strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        raise ExpressionError("is no expression; write it as `behavioral.a / (1 + behavioral.b)`") from None
    if sum(1 for _ in ast.walk(tree)) > MOST_NODES:
        raise ExpressionError("is too long; make features of its parts")
    _check(tree)
    return tree


def _check(node: ast.expr) -> None:
    match node:
        case ast.BinOp(left=left, op=op, right=right) if type(op) in _BINARY:
            _check(left)
            _check(right)
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            _check(operand)
        case ast.Constant(value=int() | float()) if not isinstance(node.value, bool):
            pass
        case ast.Call(func=ast.Name(id=name), args=arguments, keywords=[]) if name in _FUNCTIONS:
            wanted = _FUNCTIONS[name][0]
            if not arguments or (wanted is not None and len(arguments) != wanted):
                raise ExpressionError(f"`{name}` takes {wanted or 'one or more'} arguments, got {len(arguments)}")
            for argument in arguments:
                _check(argument)
        case ast.Attribute():
            _name(node)
        case _:
            said = ast.unparse(node)[:40]
            raise ExpressionError(
                f"cannot have {said!r}; there are numbers, features such as `behavioral.events_7d`, + - * / and "
                f"{', '.join(_FUNCTIONS)}"
            )


def _name(node: ast.expr) -> str:
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        return f"{_name(node.value)}.{node.attr}"
    raise ExpressionError(f"cannot have {ast.unparse(node)[:40]!r}")


def names_in(text: str) -> tuple[str, ...]:
    """The features that an expression is made of, each once. Raises ``ExpressionError``."""
    found: dict[str, None] = {}

    def look(node: ast.AST) -> None:
        if isinstance(node, ast.Attribute):
            found[_name(node)] = None
            return
        for child in ast.iter_child_nodes(node):
            look(child)

    look(_parsed(text))
    return tuple(found)


def evaluate(text: str, columns: Mapping[str, F64], n: int) -> F64:
    """float64[n] of the expression; ``columns``: float64[n] by feature, NaN where null. Raises ``ExpressionError``."""

    def value(node: ast.expr) -> Any:
        match node:
            case ast.BinOp(left=left, op=op, right=right):
                return _BINARY[type(op)](value(left), value(right))
            case ast.UnaryOp(operand=operand):
                return -value(operand)
            case ast.Constant(value=constant):
                return np.full(n, float(constant))  # pyright: ignore[reportArgumentType]
            case ast.Call(func=ast.Name(id=name), args=arguments):
                return _FUNCTIONS[name][1](*map(value, arguments))
            case _:
                return columns[_name(node)]

    with np.errstate(over="ignore", invalid="ignore"):
        found = np.asarray(value(_parsed(text)), np.float64)
    return np.where(np.isfinite(found), found, np.nan)
