"""Blocks: what the log has in small entries, again as one file for each thousand offsets or sixteen thousand.

To decode an entry of three rows costs nearly as much as one of three thousand. A block is a copy for readers: where it is
missing, damaged or of another log, the log is read instead. It goes once its range is in the archive.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa
import xxhash

from events.entry import Entry
from events.envelope import CellName
from events.log import LogReader, Source
from events.reading import entries_within
from events.tables import named_in_sql, rows_within

LEVELS = (1_024, 16_384)
"""Offsets in a block, each a multiple of the one before; a block begins at a multiple of its length."""
WORTHWHILE_ROWS = 64
"""Of an entry, on average: where entries are as large as that, the log itself is read as fast."""
_READ = pa.ipc.IpcReadOptions(use_threads=False)
_NAME = re.compile(r"(\d{15})-(\d{15})-([0-9a-f]{16})-([0-9a-f]{32})\.arrow", re.ASCII)
_READ_BYTES = 1 << 18
"""Stored bytes read at once: about what a short block needs where entries are small."""


class Block(NamedTuple):
    """The rows of one producer's stream with offsets in ``[first, end)``, with the columns of its table."""

    source: Source
    first: int
    end: int
    path: Path
    checksum: str
    chain: str
    """The log's chain hash after the entry that holds the last offset, hexadecimal."""

    def of(self, log: LogReader) -> bool:
        """Whether ``log`` has these rows.

        A log that was put back to an earlier moment (a restored one, a server that lost its last second) has other rows at
        the same offsets; so has a new one beside an old archive.
        """
        last = log.read(*self.source, self.end - 1, 1)
        return bool(last) and last[0].header.first < self.end and last[0].header.chain.hex() == self.chain

    def read(self, log: LogReader) -> pa.Table | None:
        """None where the file is gone, is not what was written, or has not what ``log`` has: then the log has the rows."""
        if not self.of(log):
            return None
        try:
            data = pa.memory_map(str(self.path)).read_buffer()
            if xxhash.xxh3_64_hexdigest(data) != self.checksum:
                return None
            return pa.ipc.open_file(data, options=_READ).read_all()
        except (OSError, pa.ArrowInvalid):
            return None


class Blocks:
    """The blocks below ``root``. Safe in several processes: a file appears whole, and never changes."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def of(self, source: Source) -> dict[int, Block]:
        """The blocks of one producer's stream by first offset; where two begin at one offset, the longer."""
        found: dict[int, Block] = {}
        for block in self._all(source):
            known = found.get(block.first)
            if known is None or known.end < block.end:
                found[block.first] = block
        return found

    def _all(self, source: Source) -> Iterator[Block]:
        try:
            with os.scandir(self._folder(source)) as files:
                for file in files:
                    if said := _NAME.fullmatch(file.name):
                        first, end, checksum, chain = said.groups()
                        yield Block(source, int(first), int(end), Path(file.path), checksum, chain)
        except FileNotFoundError:
            return

    def _folder(self, source: Source) -> Path:
        stream, producer = source
        return self._root / stream / "+".join(map(str, CellName.parse(producer)))

    def seal(self, log: LogReader, source: Source, after: int, head: int) -> int:
        """Make the blocks of ``[after, head)`` that are missing and worth their while; answers where the next one may begin.

        Raises ``OSError`` where the disk is full.
        """
        there = self.of(source)
        at = after - after % LEVELS[0]
        while at + LEVELS[0] <= head:
            if (block := there.get(at)) is not None:
                if block.of(log):
                    at = block.end
                    continue
                block.path.unlink(missing_ok=True)
                del there[at]
            entries = list(entries_within(log, source, at, at + LEVELS[0], _READ_BYTES))
            if not entries or entries[0].header.first > at:
                at += LEVELS[0]  # the log has no such offsets any more
                continue
            places = entries[-1].header.end - entries[0].header.first
            if places >= len(entries) * WORTHWHILE_ROWS:
                at = max(at + LEVELS[0], entries[-1].header.first // LEVELS[0] * LEVELS[0])
                continue
            chain = entries[-1].header.chain.hex()
            there[at] = self._write(source, at, at + LEVELS[0], _rows(entries, at, at + LEVELS[0]), chain)
            at += LEVELS[0]
        self._merge(log, source, there)
        pa.default_memory_pool().release_unused()  # a host waits long until the next one
        return at

    def _merge(self, log: LogReader, source: Source, there: Mapping[int, Block]) -> None:
        """Sixteen short ones in a row become a long one."""
        short, long = LEVELS
        for start in sorted({first // long * long for first, block in there.items() if block.end - first == short}):
            parts = [there[at] for at in range(start, start + long, short) if at in there]
            tables = [table for part in parts if (table := part.read(log)) is not None]
            if len(tables) == long // short:
                self._write(source, start, start + long, pa.concat_tables(tables), parts[-1].chain)
                for part in parts:
                    part.path.unlink(missing_ok=True)

    def _write(self, source: Source, first: int, end: int, table: pa.Table, chain: str) -> Block:
        folder = self._folder(source)
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        sink = pa.BufferOutputStream()
        together = table.unify_dictionaries().combine_chunks()
        with pa.ipc.new_file(sink, together.schema, options=pa.ipc.IpcWriteOptions(compression="lz4")) as writer:
            writer.write_table(together)
        data = sink.getvalue()
        checksum = xxhash.xxh3_64_hexdigest(data)
        path = folder / f"{first:015d}-{end:015d}-{checksum}-{chain}.arrow"
        part = path.with_suffix(f".{os.getpid()}.part")
        try:
            with os.fdopen(os.open(part, os.O_CREAT | os.O_TRUNC | os.O_WRONLY, 0o600), "wb") as file:
                file.write(data)
            part.rename(path)
        finally:
            part.unlink(missing_ok=True)
        return Block(source, first, end, path, checksum, chain)

    def forget(self, source: Source, below: int) -> None:
        """Delete the blocks that lie wholly below offset ``below``, and what no reader knows: of an attempt that was killed,
        or of an older release."""
        for block in self._all(source):
            if block.end <= below:
                block.path.unlink(missing_ok=True)
        for path in self._folder(source).glob("*"):
            if not _NAME.fullmatch(path.name):
                path.unlink(missing_ok=True)


def _rows(entries: list[Entry], first: int, end: int) -> pa.Table:
    return pa.Table.from_batches([named_in_sql(rows_within(entries, first, end), entries[0].header.stream)])
