"""``hindcast questions``: typed questions over the events, and what is behind a cell of an answer."""

from __future__ import annotations

import click

from hindcast.cli.operations import OperationGroup


@click.group(cls=OperationGroup)
def questions() -> None:
    """Questions: ask one (trends, funnel, retention, paths, users, cohort), drill into its answer.

    QUESTION and CELL are JSON or YAML: '{ask: funnel, steps: [page, order.placed]}', or @FILE, or @- for standard input.
    """
