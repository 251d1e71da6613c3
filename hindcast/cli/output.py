"""How the command line speaks: tables, JSON, and expected errors as one line each."""

from __future__ import annotations

import json
import os
import sys
import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NoReturn, Protocol, TypeVar

import click

F = TypeVar("F", bound=Callable[..., None])
WRONG, USAGE, UNREACHABLE = 1, 2, 3
"""Exit codes."""
_CELL = 60
WHOLE_SENTENCE = 1_000
"""Characters: longer than any first sentence, which is what a list of commands says of each; it is wrapped, never cut."""


class Option(Protocol):
    """A decorator that gives a command an option."""

    def __call__(self, command: F, /) -> F: ...


class Commands(click.Group):
    """Turns the errors that a command expects into a line on stderr and an exit code; anything else is a bug."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._groups: dict[str, list[str]] = {}

    def add_group(self, title: str, *commands: click.Command) -> None:
        """Add commands that ``--help`` lists under a title of their own."""
        for command in commands:
            self.add_command(command)
        self._groups[title] = [str(command.name) for command in commands]

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.commands)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        width = max(map(len, self.commands))
        with formatter.section("Commands"):
            for place, (title, names) in enumerate(self._groups.items()):
                if place:
                    formatter.write_paragraph()
                formatter.write_text(title)
                lines = [(f"{name:<{width}}", self.commands[name].get_short_help_str(WHOLE_SENTENCE)) for name in names]
                with formatter.indentation():
                    formatter.write_dl(lines)

    def invoke(self, ctx: click.Context) -> Any:
        from events.errors import Corrupt, Rejected, Transient

        try:
            return super().invoke(ctx)
        except Rejected as error:
            fail(f"{error.field}: {error.reason}" if error.field else error.reason, USAGE)
        except Transient as error:
            fail(f"{error.reason}; is it running? `hindcast status`, `hindcast doctor`", UNREACHABLE)
        except Corrupt as error:
            fail(f"log: {error}; `hindcast doctor` looks at all of it", WRONG)
        except BrokenPipeError:  # the reader, such as `head`, has enough
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            sys.exit(WRONG)


def fail(message: str, code: int) -> NoReturn:
    click.secho(f"Error: {message}", fg="red", err=True)
    sys.exit(code)


def note(message: str) -> None:
    """Print a message to stderr: it is for the person at the terminal, not for a program that reads stdout."""
    click.secho(message, err=True, dim=True)


def print_json(value: Any) -> None:
    click.echo(json.dumps(value, indent=2, ensure_ascii=False))


def print_table(rows: Iterable[Mapping[str, Any] | Sequence[Any]], columns: Sequence[str], cell: int = _CELL) -> None:
    """Columns as wide as they need; numbers to the right. Cells longer than ``cell`` are cut with an ellipsis."""
    values = [[row.get(c) for c in columns] if isinstance(row, Mapping) else list(row) for row in rows]
    texts = [[_text(value, cell) for value in row] for row in values]
    right = [bool(values) and all(_is_number(row[i]) for row in values) for i in range(len(columns))]
    widths = [max([_width(c), *(_width(row[i]) for row in texts)]) for i, c in enumerate(columns)]
    click.secho(_line(columns, widths, right), bold=True)
    for row in texts:
        click.echo(_line(row, widths, right))


def _line(cells: Sequence[str], widths: Sequence[int], right: Sequence[bool]) -> str:
    padded = (_pad(cell, width, r) for cell, width, r in zip(cells, widths, right, strict=True))
    return "  ".join(padded).rstrip()


def _pad(text: str, width: int, right: bool) -> str:
    blank = " " * (width - _width(text))
    return blank + text if right else text + blank


def _width(text: str) -> int:
    return sum(0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)


def _is_number(value: Any) -> bool:
    return value is None or (isinstance(value, (int, float)) and not isinstance(value, bool))


def _text(value: Any, most: int) -> str:
    if value is None:
        return "—"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return f"{value:.6g}" if abs(value) < 1e6 else f"{value:.2f}"
    text = (
        value
        if isinstance(value, str)
        else json.dumps(value, ensure_ascii=False)
        if isinstance(value, (dict, list))
        else str(value)
    )
    text = "".join(c if c.isprintable() else "�" if c not in "\n\t" else " " for c in text)
    return text if len(text) <= most else text[: most - 1] + "…"


def size(n: float) -> str:
    """A number of bytes in the unit that people read most easily."""
    for unit in ("B", "KiB", "MiB", "GiB"):
        if n < 1024:
            return f"{n:.0f} {unit}" if unit == "B" else f"{n:.1f} {unit}"
        n /= 1024
    return f"{n:.1f} TiB"


def each(*options: Option) -> Option:
    """Several click options as one decorator."""

    def decorate(command: F, /) -> F:
        for option in reversed(options):
            command = option(command)
        return command

    return decorate
