"""The streams of plug-ins, kept in the data directory: their rows can be read as long as the log has them.

An entry of the log has rows without their schema: the catalog has that, and a plug-in brings its own. Cells of ours may have
read that stream. So the schema is needed, though the plug-in is gone, to fold their past again, and to answer queries. Each
start keeps the streams that plug-ins bring, in a file each, and makes those known that nobody brings any more.
"""

from __future__ import annotations

import base64
import logging
from pathlib import Path

import msgspec
import pyarrow as pa

from actors.parts import Parts, PlugIn
from events import catalog
from events.catalog import STREAMS, Stream
from hindcast.datadir import write_private

logger = logging.getLogger(__name__)
FOLDER = "streams"


class Kept(msgspec.Struct):
    """One stream, and the plug-in that brought it last."""

    part: str
    package: str
    package_version: str
    name: str
    version: int
    about: str
    schema: str
    """As Arrow's IPC message, in base64."""

    @property
    def stream(self) -> Stream:
        return Stream(
            self.name, self.version, pa.ipc.read_schema(pa.py_buffer(base64.b64decode(self.schema))), self.about
        )


def keep(folder: Path, parts: Parts) -> tuple[Stream, ...]:
    """Keep the streams of the plug-ins that are there in ``folder``; answers those of the plug-ins that are not.

    They are known to this process from then on. A plug-in that is not installed any more is noted in ``parts``.
    """
    for part in parts.by_name.values():
        plug_in = parts.plug_ins.get(part.name)
        if plug_in is not None:
            for stream in part.streams:
                _write(folder, plug_in, stream)
    gone = [kept for kept in map(_read, sorted(folder.glob("*.json"))) if kept is not None and kept.name not in STREAMS]
    for kept in gone:
        catalog.join(kept.stream)
    for name in dict.fromkeys(kept.part for kept in gone):
        mine = [kept for kept in gone if kept.part == name]
        if name not in parts.plug_ins:
            said = (
                f"is not installed any more; what it wrote can be read ({', '.join(kept.name for kept in mine)}), and \
nothing of it runs. Install {mine[0].package} again if it should"
            )
            parts.plug_ins[name] = PlugIn(
                name, mine[0].package, mine[0].package_version, "", lacks=said, installed=False
            )
            logger.warning("plug-in %s of %s %s", name, mine[0].package, said)
    return tuple(kept.stream for kept in gone)


def _write(folder: Path, plug_in: PlugIn, stream: Stream) -> None:
    schema = base64.b64encode(stream.schema.serialize().to_pybytes()).decode()
    kept = Kept(plug_in.name, plug_in.package, plug_in.version, stream.name, stream.version, stream.about, schema)
    said, path = msgspec.json.format(msgspec.json.encode(kept)).decode(), folder / f"{stream.name}.json"
    if not path.exists() or path.read_text() != said:
        folder.mkdir(mode=0o700, exist_ok=True)
        write_private(path, said)


def _read(path: Path) -> Kept | None:
    try:
        kept = msgspec.json.decode(path.read_bytes(), type=Kept)
        _ = kept.stream
    except (msgspec.MsgspecError, pa.ArrowInvalid, ValueError, OSError):
        logger.exception(
            "%s cannot be read; rows of this stream can only be read once its plug-in is installed again", path
        )
        return None
    return kept
