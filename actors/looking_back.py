"""What a cell's views showed at a commit of long ago: from the nearest snapshot below it, its journal folded up to there."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from actors.fold import Fold, Viewed
from actors.recovery import Limits, Recovery
from events.errors import Rejected
from events.log import LogReader


def state_at(log: LogReader, cell: str, fold: Fold[Any], commit: int) -> Any:
    """The state that ``cell`` stood at once it had made ``commit``. ``fold``: one that nobody else uses."""
    recovery = Recovery(cell, fold, log, Limits(), until=commit)
    while recovery.step():
        pass
    return recovery.state


def view_at(log: LogReader, cell: str, fold: Fold[Any], topic: str, commit: int) -> Mapping[str, Any]:
    """What ``topic`` showed then. Raises ``Rejected`` where the cell does not show it."""
    if not isinstance(fold, Viewed):
        raise Rejected("topic", f"{cell} shows no topic {topic!r}")
    return fold.view(state_at(log, cell, fold, commit), topic)
