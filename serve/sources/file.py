"""The source ``file``: a file of NDJSON lines that grows; each line is an event, as `POST /v1/events` takes it."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

from pydantic import Field

from actors.definitions.schema import Word
from actors.parts import Part, SourceKind, SourceSection, Within
from actors.source import Source
from events.catalog import USER_INTERACTIONS


class FileSection(SourceSection):
    """A file of NDJSON lines."""

    kind: str = "file"
    path: Path
    every_s: float = Field(default=1.0, ge=0.05, le=3600)
    """How often it is looked at while it does not grow."""
    source: Word | None = None
    """The source of events that name none; None: the name of this entry."""


def _opened(path: Path, source: str, every_s: float, now: Callable[[], int]) -> Source:
    from serve.sources.ndjson import NdjsonFile  # here: the decoder is heavy, and only the process that reads needs it

    return NdjsonFile(path, source, every_s, now)


def _source(section: FileSection, name: str, within: Within) -> Callable[[Callable[[], int]], Source]:
    return partial(_opened, section.path.absolute(), section.source or name, section.every_s)


KIND = SourceKind("file", USER_INTERACTIONS, _source, FileSection, refuses=True, bound=True)
PART = Part("file", sources=(KIND,))
