"""Every operation of the API, described once: ``Client``, ``AsyncClient`` and the command line follow from it.

To add one, add a method to the class that it belongs to: its parameters are those of the clients' methods, its docstring is
theirs and the help of its command, and the ``Call`` that it returns says what is sent and what is made of the answer.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from hindcast.client.call import Operation
from hindcast.client.operations.alerting import Alerting
from hindcast.client.operations.business import Managing
from hindcast.client.operations.definitions import Definitions
from hindcast.client.operations.learning import Learning
from hindcast.client.operations.models import Modelling
from hindcast.client.operations.past import LookingBack
from hindcast.client.operations.reading import Reading
from hindcast.client.operations.running import Running
from hindcast.client.operations.sending import Sending
from hindcast.client.operations.showing import Showing
from hindcast.client.operations.watching import Watching


class Operations(
    Sending,
    Reading,
    Watching,
    Alerting,
    LookingBack,
    Learning,
    Managing,
    Definitions,
    Modelling,
    Showing,
    Running,
):
    """What both clients can do. ``address``: of the system."""

    address: str


PARTS = Operations.__bases__


def described() -> Iterator[tuple[str, Operation[..., Any]]]:
    """Every operation, by its name."""
    for part in PARTS:
        for name, one in vars(part).items():
            if isinstance(one, Operation):
                yield name, one
