"""Names and places: cells, partitions, and the hash that spreads keys over partitions."""

from __future__ import annotations

from typing import NamedTuple

import xxhash

from events.errors import Rejected


class CellName(NamedTuple):
    """``tenant/fold/partition``: names a cell, and as a producer the source of its streams."""

    tenant: str
    fold: str
    partition: int

    def __str__(self) -> str:
        return f"{self.tenant}/{self.fold}/{self.partition}"

    @classmethod
    def parse(cls, text: str) -> CellName:
        """Raises ``Rejected`` where ``text`` is not ``tenant/fold/partition``."""
        tenant, _, rest = text.partition("/")
        fold, _, partition = rest.rpartition("/")
        if not (tenant and fold and partition.isdecimal()):
            raise Rejected("cell", f"must be tenant/fold/partition, got {text!r}")
        return cls(tenant, fold, int(partition))


IMPORTER = "imports"
"""The fold of the cell that takes in imports: their rows are of the past, and no watermark follows from them."""


def is_import(producer: str) -> bool:
    """Whether a producer's rows were imported: counted by whoever looks at all there is, not by windows that are open."""
    return producer.split("/")[-2:-1] == [IMPORTER]


def partition_of(tenant: str, partition_key: str, partitions: int) -> int:
    """``xxh3_64(tenant, partition_key) mod partitions``; a zero byte parts the two, so no pair collides by joining."""
    return xxhash.xxh3_64_intdigest(f"{tenant}\0{partition_key}".encode()) % partitions
