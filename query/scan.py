"""A stream as a dataset that DuckDB scans: lazily, any number of times, with its columns and filters pushed down."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.dataset as ds


class StreamTable(ds.Dataset):  # pyright: ignore[reportUntypedBaseClass]
    """A dataset for DuckDB that may be scanned any number of times; columns and filters are pushed into the scan."""

    def __init__(self, schema: pa.Schema, batches: Callable[[], Iterator[pa.RecordBatch]]) -> None:
        self._columns = schema
        self._batches = batches

    @property
    def schema(self) -> pa.Schema:
        return self._columns

    def scanner(self, columns: Sequence[str] | None = None, filter: Any = None, **_: Any) -> ds.Scanner:
        return ds.Scanner.from_batches(
            self._batches(),
            schema=self._columns,
            columns=columns,
            filter=filter,
            batch_readahead=2,
            fragment_readahead=1,
        )
