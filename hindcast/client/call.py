"""What one operation of the API is: the request to send, the reader of its answer, and the methods that follow from it.

An operation is described once, in ``hindcast.client.operations``, as a method that returns a ``Call``. From that one
description follow the method of ``Client`` (which waits for the answer), the method of ``AsyncClient`` (which is awaited)
and, where it names one, the command of the command line.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Concatenate, Generic, ParamSpec, Protocol, TypeVar, overload

if TYPE_CHECKING:
    import httpx

P = ParamSpec("P")
T = TypeVar("T")
R = TypeVar("R")
Values = Mapping[str, str | int | float]


@dataclass(frozen=True, slots=True)
class Call(Generic[T]):
    """A request and the reader of its answer."""

    method: str
    path: str
    read: Callable[[httpx.Response], T]
    params: Values = field(default_factory=dict[str, str | int | float])
    content: bytes | None = None
    content_type: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    repeatable: bool = True
    """Whether sending it twice does what sending it once does: then a lost answer is no reason to give up."""
    judged: frozenset[int] = frozenset()
    """Statuses above 299 that ``read`` understands."""
    timeout_s: float | None = None
    """How long it may take, where that is longer than the client waits for others."""

    def request(self, client: httpx.Client | httpx.AsyncClient) -> httpx.Request:
        """The request as httpx sends it."""
        headers = dict(self.headers)
        if self.content is not None:
            headers["content-type"] = self.content_type
        timing: dict[str, Any] = {} if self.timeout_s is None else {"timeout": self.timeout_s}
        return client.build_request(
            self.method, self.path, params=dict(self.params), content=self.content, headers=headers, **timing
        )


@dataclass(frozen=True, slots=True)
class Command:
    """How the command line offers an operation: its arguments, options and help follow from the method."""

    name: str
    """As it is typed after ``hindcast``: ``rules list``."""
    columns: tuple[str, ...] = ()
    """The columns of the table that shows a list of answers; without any, an answer is printed as JSON."""
    times: tuple[str, ...] = ()
    """Those of the columns that hold seconds since 1970."""
    wide: int = 60
    """Characters of a column that are shown at most."""
    done: str = ""
    """What is said once it is done; ``{name}`` stands for the parameter ``name``."""


class Waiting(Protocol):
    """A client whose methods return the answer."""

    def perform(self, call: Call[R], /) -> R: ...


class Awaited(Protocol):
    """A client whose methods are awaited."""

    def perform(self, call: Call[R], /) -> Coroutine[Any, Any, R]: ...


class Operation(Generic[P, T]):
    """A method of both clients, made of one that returns a ``Call``; see ``operation``."""

    def __init__(self, build: Callable[Concatenate[Any, P], Call[T]], command: Command | None) -> None:
        functools.update_wrapper(self, build)
        self._build = build
        self.command = command
        self.__signature__ = _answering(build)

    @overload
    def __get__(self, client: Waiting, owner: Any = None) -> Callable[P, T]: ...
    @overload
    def __get__(self, client: Awaited, owner: Any = None) -> Callable[P, Coroutine[Any, Any, T]]: ...
    @overload
    def __get__(self, client: None, owner: Any = None) -> Operation[P, T]: ...
    def __get__(self, client: Waiting | Awaited | None, owner: Any = None) -> Any:
        return self if client is None else functools.partial(self, client)

    def __call__(self, client: Any, /, *args: P.args, **kwargs: P.kwargs) -> Any:
        """Perform it with ``client``: the answer, or for an ``AsyncClient`` what is to be awaited."""
        return client.perform(self._build(client, *args, **kwargs))

    def call(self, client: Any, *args: P.args, **kwargs: P.kwargs) -> Call[T]:
        """What would be sent."""
        return self._build(client, *args, **kwargs)


def operation(
    command: Command | None = None,
) -> Callable[[Callable[Concatenate[Any, P], Call[T]]], Operation[P, T]]:
    """Describes an operation of the API by the method below it, which returns the ``Call``; ``command``: also there."""

    def described(build: Callable[Concatenate[Any, P], Call[T]]) -> Operation[P, T]:
        return Operation(build, command)

    return described


def _answering(build: Callable[..., Any]) -> inspect.Signature:
    """The signature of the method, as a client has it: it returns the answer, not the call."""
    signature = inspect.signature(build)
    returned = str(signature.return_annotation)
    return signature.replace(return_annotation=returned.removeprefix("Call[").removesuffix("]"))
