"""How far a file has been imported: one small file of JSON for each, replaced after every part that is durable."""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass
from pathlib import Path

import click
import msgspec
import xxhash

from events.errors import Rejected


@dataclass
class Progress:
    """``rows``: so many of the file's first rows have their verdicts; ``sent``: of these went to the system."""

    file: str
    rows: int = 0
    sent: int = 0
    accepted: int = 0
    duplicate: int = 0
    rejected: int = 0
    finished: bool = False


def name_of(content: str, asked: dict[str, str | None]) -> str:
    """What an import is called: by the content of its file, and by what its columns are taken for. A renamed copy is the
    same import."""
    said = msgspec.json.encode(sorted((name, value) for name, value in asked.items() if value is not None))
    return f"{content}-{xxhash.xxh3_64_hexdigest(said)}"


class Record:
    """How far an import has read its file. The system itself knows which rows it has; this saves reading them again."""

    def __init__(self, folder: Path, name: str) -> None:
        self._path = folder / f"{name}.json"

    def read(self, file: str) -> Progress:
        """Raises ``Rejected`` where the record is not one."""
        try:
            return msgspec.json.decode(self._path.read_bytes(), type=Progress)
        except FileNotFoundError:
            return Progress(file)
        except (OSError, msgspec.MsgspecError) as error:
            raise Rejected(
                "file", f"the record of its import, {self._path}, cannot be read ({error}); remove it"
            ) from None

    def write(self, progress: Progress) -> None:
        """Replace the record at once: whoever reads it finds the old one or the new one, whole."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        fresh = self._path.with_suffix(".new")
        with fresh.open("wb") as file:
            file.write(msgspec.json.encode(asdict(progress)))
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(self._path)


def folder_of(data_dir: Path, address: str | None) -> Path:
    """Where the records are: in the directory of the system; for one that is elsewhere, in this person's own."""
    if address is None:
        return data_dir / "imports"
    return Path(click.get_app_dir("hindcast")) / "imports" / xxhash.xxh3_64_hexdigest(address.rstrip("/").encode())


def content_of(path: str) -> str:
    """A fingerprint of all bytes of a file."""
    digest = xxhash.xxh3_128()
    with Path(path).open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()
