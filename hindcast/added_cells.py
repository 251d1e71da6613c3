"""Cells that are added while the system runs: remembered over a restart by what makes them, not by what they are.

``cells.json`` in the data directory names for each the function that makes it, and the settings that it is given. So a newer
release of that code makes the cell anew, and what is kept can be read, and mended, by a person.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

import msgspec

from actors.parts import Parts, PlugIn, Within
from actors.topology import CellSpec
from events.errors import Rejected
from hindcast.datadir import write_private
from hindcast.placement import Reconciler

logger = logging.getLogger(__name__)
FILE = "cells.json"


class Added(msgspec.Struct):
    """One cell: ``made_by`` (``module:function``) called with ``settings`` and the system's ``Within`` answers it."""

    cell: str
    made_by: str
    settings: dict[str, Any] = {}
    host: str | None = None
    """Where it runs; None: where the placement has it."""

    def make(self, within: Within) -> CellSpec:
        """Raises whatever the code raises, and ``Rejected`` where it answers no cell."""
        module, _, name = self.made_by.partition(":")
        made: object = getattr(import_module(module), name)(self.settings, within)
        if not isinstance(made, CellSpec):
            raise Rejected(
                "made_by", f"{self.made_by} must answer an `actors.topology.CellSpec`, not {type(made).__name__}"
            )
        return made


class AddedCells:
    """Those of one data directory. Not thread-safe."""

    def __init__(self, data: Path, within: Within) -> None:
        self._file = data / FILE
        self._within = within

    def add(self, placement: Reconciler, made_by: str, settings: Mapping[str, Any], host: str | None = None) -> str:
        """Run the cell that ``made_by`` (``module:function``) makes, now and after each start; answers its name.

        ``function(settings, within)`` answers a ``CellSpec``, whose code Ray's workers must be able to import. ``settings``
        are plain JSON values. Raises ``Rejected`` where it cannot be made, or where there is a cell of that name.
        """
        try:
            kept = json.loads(json.dumps(dict(settings)))
        except (TypeError, ValueError) as error:
            raise Rejected(
                "settings", f"must be plain JSON values, for they are kept in {self._file}: {error}"
            ) from None
        added = Added("", made_by, kept, host)
        try:
            cell = added.make(self._within)
        except (ImportError, AttributeError, ValueError) as error:
            said = f"{made_by!r} cannot be used: {type(error).__name__}: {error}; name a function as `module:function`"
            raise Rejected("made_by", said) from error
        placement.add(cell, host)
        self._write(
            [one for one in self._read() if one.cell != cell.name] + [msgspec.structs.replace(added, cell=cell.name)]
        )
        return cell.name

    def remove(self, placement: Reconciler, cell: str) -> None:
        """Let a cell end, and not come again at the next start. What it wrote stays. Raises ``Rejected``."""
        known = self._read()
        kept = [one for one in known if one.cell != cell]
        if len(kept) == len(known) or cell in placement.cells:
            placement.remove(cell)
        self._write(kept)

    def made(self, parts: Parts) -> Iterator[tuple[CellSpec, str | None]]:
        """(cell, host) of each that is remembered. One that cannot be made is named in ``parts``, and the others run."""
        for added in self._read():
            try:
                yield added.make(self._within), added.host
            except Exception as error:
                logger.exception("the cell %s cannot be made by %s; everything else runs", added.cell, added.made_by)
                said = (
                    f"cannot be made by {added.made_by}: {type(error).__name__}: {error}; mend that, or remove the cell"
                )
                package = added.made_by.partition(":")[0].partition(".")[0]
                parts.plug_ins[added.cell] = PlugIn(added.cell, package, "", "", error=said)

    def _read(self) -> list[Added]:
        try:
            return msgspec.json.decode(self._file.read_bytes(), type=list[Added])
        except FileNotFoundError:
            return []
        except msgspec.MsgspecError as error:
            raise Rejected("data_dir", f"{self._file} cannot be read ({error}); mend it, or take it away") from None

    def _write(self, added: list[Added]) -> None:
        write_private(self._file, msgspec.json.format(msgspec.json.encode(added)).decode())
