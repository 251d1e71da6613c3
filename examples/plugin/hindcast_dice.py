"""Dice: a stream, a source that throws them, a fold with a widget, and a channel. docs/extending.md explains it."""

import random
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa

from actors.definitions.channel_section import ChannelSection
from actors.fold import NONE, Batch, Outputs, Topic
from actors.parts import ChannelKind, Part, SourceKind, SourceSection
from actors.source import Read
from actors.topology import CellSpec
from events.catalog import rows, stream_of

THROWS = stream_of("dice_throws", "die.thrown: a die was thrown; `subject` names it.", pa.field("eyes", pa.int64()))


class DiceSection(SourceSection):
    kind: str = "dice"
    seed: int = 1
    every_s: float = 0.2


class Dice:
    """The nth throw follows from seed and n. A position says which throw is next: the same one gives the same rows."""

    def __init__(self, name: str, section: DiceSection, now: Callable[[], int]) -> None:
        self._name, self._section, self._now, self._next = name, section, now, 0

    def open(self, position: bytes | None) -> "Dice":
        self._next = int(position or 0)
        return self

    def read(self) -> Read:
        now, n = self._now(), self._next
        self._next = n + 1
        eyes = random.Random(f"{self._section.seed} {n}").randint(1, 6)
        said = {"type": "die.thrown", "id": str(n), "subject": self._name, "time": now, "received": now, "eyes": eyes}
        return Read(rows(THROWS, said, 1), str(n + 1).encode(), now + int(self._section.every_s * 1e6))

    def close(self) -> None: ...


Counts = dict[str, int]


class Thrown:
    """How often each number of eyes has come up. A widget draws its topic."""

    name, version, reads, writes = "thrown", 1, (THROWS.name,), ()
    topics = (Topic("dice", "upsert"),)

    def initial(self) -> Counts:
        return {}

    def fold(self, state: Counts, batch: Batch) -> tuple[Counts, Outputs]:
        for eyes in batch.table.column("eyes").to_pylist():
            state[str(eyes)] = state.get(str(eyes), 0) + 1
        return state, NONE

    def view(self, state: Counts, topic: str) -> Mapping[str, Any]:
        return {eyes: {"eyes": eyes, "times": times} for eyes, times in sorted(state.items())}

    def changes(self, state: Counts) -> Mapping[str, Mapping[str, Any]]:
        return {"dice": self.view(state, "dice")}

    def dump(self, state: Counts) -> bytes:
        return msgspec.msgpack.encode(state, order="deterministic")

    def load(self, data: bytes) -> Counts:
        return msgspec.msgpack.decode(data, type=Counts)


class NoteSection(ChannelSection):
    path: Path

    def send(self, key: str, body: str) -> None:
        with self.path.open("a") as file:
            file.write(f"{key} {body}\n")


BAR = {
    "id": "thrown",
    "type": "bar",
    "topic": "dice",
    "title": "Thrown",
    "options": {"label": "eyes", "value": "times"},
}
PART = Part(
    "dice",
    streams=(THROWS,),
    sources=(SourceKind("dice", THROWS, lambda s, name, _: partial(Dice, name, s), DiceSection, standard=True),),
    cells=lambda _, within: [CellSpec("dashboards", Thrown(), within.tenant)],
    channels=(ChannelKind("note", NoteSection, lambda section: section),),
    defaults={"dashboards": [{"id": "dice", "name": "Dice", "widgets": [BAR]}]},
)
