"""Answers that come as Arrow: as a table, or as a data frame of pandas or Polars."""

from __future__ import annotations

import importlib
import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from events.errors import Rejected

if TYPE_CHECKING:
    import httpx
    import pyarrow as pa

ARROW = "application/vnd.apache.arrow.stream"


def reader(form: str) -> Callable[[httpx.Response], Any]:
    """What reads an answer in that form. Raises ``Rejected`` for another one, or where its library is not installed."""
    if form not in FORMS:
        raise Rejected("form", f"must be one of {', '.join(FORMS)}, got {form!r}")
    if form != "arrow":
        try:
            importlib.import_module(form)
        except ImportError:
            raise Rejected("form", f"{form} is not installed; `pip install {form}`, or ask for arrow") from None
    return lambda answer: FORMS[form](_table(answer))


def _table(answer: httpx.Response) -> pa.Table:
    import pyarrow as pa

    with pa.ipc.open_stream(answer.content) as stream:
        table = stream.read_all()
    if answer.headers.get("hindcast-truncated") == "true":
        said = f"the answer was cut after {table.num_rows:,} rows; aggregate in SQL, page by time, or give a limit"
        warnings.warn(said, RuntimeWarning, stacklevel=2)
    return table


def _polars(table: pa.Table) -> Any:
    import polars  # pyright: ignore[reportMissingImports]

    return polars.from_arrow(table)


FORMS: dict[str, Callable[[pa.Table], Any]] = {
    "arrow": lambda table: table,
    "pandas": lambda table: table.to_pandas(),
    "polars": _polars,
}
