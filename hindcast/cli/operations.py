"""Commands that follow from the operations of the API (``hindcast.client.operations``).

An operation that names a ``Command`` is offered here: the method's parameters are the command's arguments and options, its
docstring is the help, and the answer is printed as a table, as JSON, or as a sentence.
"""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from hindcast.cli.output import WHOLE_SENTENCE, note, print_json, print_table
from hindcast.cli.target import Target, json_option, target_options

if TYPE_CHECKING:
    from hindcast.client.call import Command, Operation


class Document(click.ParamType[Any]):
    """An object as JSON or YAML; ``@FILE`` reads it from a file, ``@-`` from standard input."""

    name = "object"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        import yaml

        if not isinstance(value, str):
            return value
        try:
            text = value
            if value.startswith("@"):
                text = sys.stdin.read() if value == "@-" else Path(value[1:]).read_text(encoding="utf-8")
            found = yaml.safe_load(text)
        except OSError as error:
            self.fail(f"cannot read {value[1:]}: {error.strerror}", param, ctx)
        except (yaml.YAMLError, UnicodeDecodeError) as error:
            self.fail(f"is neither JSON nor YAML: {error}", param, ctx)
        if not isinstance(found, dict):
            self.fail(f"must be an object such as '{{ask: trends}}', or @FILE with one; got {text[:60]!r}", param, ctx)
        return found


TYPES: Mapping[str, Any] = {"str": str, "int": int, "float": float, "Event": Document(), "str | Event": str}


class OperationGroup(click.Group):
    """A group of commands, with those among them that operations name: ``rules`` has ``rules list``.

    They are looked up when the group is used, so that a command line that does not use it starts at once.
    """

    @cached_property
    def _described(self) -> Mapping[str, click.Command]:
        return {name: command_of(said) for (group, name), said in described().items() if group == self.name}

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted({*self.commands, *self._described})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        return super().get_command(ctx, cmd_name) or self._described.get(cmd_name)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        found = [(name, self.get_command(ctx, name)) for name in self.list_commands(ctx)]
        with formatter.section("Commands"):
            formatter.write_dl([(name, one.get_short_help_str(WHOLE_SENTENCE)) for name, one in found if one])


def described() -> dict[tuple[str, str], Operation[..., Any]]:
    """The operations that the command line offers, by group and command."""
    from hindcast.client import operations

    found: dict[tuple[str, str], Operation[..., Any]] = {}
    for _, one in operations.described():
        if one.command is not None:
            group, _, name = one.command.name.partition(" ")
            found[group, name] = one
    return found


def command_of(operation: Operation[..., Any]) -> click.Command:
    """The command of an operation that names one."""
    shown = operation.command
    assert shown is not None
    parameters = [_parameter(one) for one in list(inspect.signature(operation).parameters.values())[1:]]  # no ``self``

    def run(data_dir: Path, address: str | None, key: str | None, as_json: bool = False, **given: Any) -> None:
        with Target(data_dir, address, key).client() as client:
            answer = operation(client, **given)
        _show(answer, shown, given, as_json)

    with_json = json_option if not shown.done else _as_it_is
    name = shown.name.partition(" ")[2]
    command = click.command(name, help=_help(operation, parameters))(target_options(with_json(run)))
    command.params[:0] = parameters
    return command


def _as_it_is(run: Callable[..., None]) -> Callable[..., None]:
    return run


def _help(operation: Operation[..., Any], parameters: Sequence[click.Parameter]) -> str:
    """The method's docstring, with each parameter as it is typed: ``name`` is NAME, and ``dry_run`` is --dry-run."""
    typed = {p.name: p.opts[0] if isinstance(p, click.Option) else p.human_readable_name for p in parameters}
    return re.sub(r"``(\w+)``", lambda word: typed.get(word[1], f"`{word[1]}`"), inspect.getdoc(operation) or "")


def _parameter(parameter: inspect.Parameter) -> click.Parameter:
    """An argument for what must be given, else an option; a truth value is a flag."""
    if parameter.default is parameter.empty:
        return click.Argument([parameter.name], type=TYPES[str(parameter.annotation).partition(" ")[0]])
    option = f"--{parameter.name.replace('_', '-')}"
    if parameter.annotation == "bool":
        return click.Option([option, parameter.name], is_flag=True)
    said = str(parameter.annotation)
    choices = re.findall(r"['\"](\w+)['\"]", said) if said.startswith("Literal[") else []
    type_ = click.Choice(choices) if choices else TYPES[said.partition(" ")[0]]
    return click.Option([option, parameter.name], type=type_, default=parameter.default, show_default=True)


def _show(answer: Any, shown: Command, given: Mapping[str, Any], as_json: bool) -> None:
    if shown.done:
        note(shown.done.format_map(given))
    elif as_json or not shown.columns:
        print_json(answer)
    else:
        print_table(
            [[_cell(row.get(c), c in shown.times) for c in shown.columns] for row in answer], shown.columns, shown.wide
        )


def _cell(value: Any, is_time: bool) -> Any:
    """A value as a table shows it: a time that counts seconds as text, a list of words without its brackets."""
    if is_time and value is not None:
        return datetime.fromtimestamp(value, UTC).isoformat(" ", "seconds")
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        return ", ".join(value)
    return value
