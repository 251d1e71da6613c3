"""Dividing a stream into parts that are read and decoded at the same time."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple


class Stretch(NamedTuple):
    """Places ``[start, end)`` of one producer."""

    producer: str
    start: int
    end: int


Part = tuple[Stretch, ...]


class DataPartitioner:
    """Cuts streams into ``parts`` parts of about the same number of places."""

    def __init__(self, parts: int) -> None:
        self._parts = max(1, parts)

    def partition_data(self, heads: Mapping[str, int]) -> list[Part]:
        """Parts of a stream whose producers stand at ``heads``. One after the other they hold every place once, in the order
        in which the whole stream is read."""
        total = sum(heads.values())
        parts: list[list[Stretch]] = [[] for _ in range(self._parts)]
        before = 0
        for producer, head in heads.items():
            for i, part in enumerate(parts):
                start = max(0, total * i // self._parts - before)
                end = min(head, total * (i + 1) // self._parts - before)
                if start < end:
                    part.append(Stretch(producer, start, end))
            before += head
        return [tuple(part) for part in parts if part]
