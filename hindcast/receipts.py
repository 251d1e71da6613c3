"""Receipts of erasures: what was touched, signed with the data directory's own key (Ed25519), without a word on whom."""

from __future__ import annotations

import base64
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from events.log import Tombstone, Verdict
from hindcast.datadir import write_private

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

FOLDER = "erasures"
KEY = "erasure.key"


class Part(msgspec.Struct, frozen=True):
    """What was touched of one producer's stream."""

    stream: str
    producer: str
    rows: int
    """The person's own, which stay under a pseudonym."""
    mentions: int
    """Others that named the person."""
    entries: tuple[Tombstone, ...]
    """In the log: the chain hash that was, on which later entries still hang, and the one of what is there now."""
    archived_files: int


class Receipt(msgspec.Struct, frozen=True):
    """``at`` in us UTC. ``names``: how many names were erased: the subject, and those that were linked to it."""

    id: str
    at: int
    version: str
    reference: str
    """What whoever asked calls the request; never the subject."""
    names: int
    parts: tuple[Part, ...]
    removed: tuple[str, ...]
    """What went as a whole, in words."""
    left: tuple[str, ...]
    """Where the search afterwards still found a name; nothing, if all is well."""
    not_searched: tuple[str, ...]
    """What this erasure does not reach, in words."""
    public_key: str = ""
    signature: str = ""
    """Of the receipt without it, both in base64."""

    def signed(self, data_dir: Path) -> Receipt:
        key = _key(data_dir)
        said = msgspec.structs.replace(self, public_key=_public(key), signature="")
        return msgspec.structs.replace(said, signature=base64.b64encode(key.sign(_bytes(said))).decode())

    def keep(self, data_dir: Path) -> Path:
        folder = data_dir / FOLDER
        folder.mkdir(mode=0o700, exist_ok=True)
        path = folder / f"{self.id}.json"
        write_private(path, msgspec.json.format(msgspec.json.encode(self)).decode())
        return path


def _bytes(receipt: Receipt) -> bytes:
    return msgspec.json.encode(receipt)


def _key(data_dir: Path) -> Ed25519PrivateKey:
    """The key that signs receipts; made at the first erasure."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    path = data_dir / KEY
    if not path.exists():
        write_private(path, Ed25519PrivateKey.generate().private_bytes_raw().hex())
    return Ed25519PrivateKey.from_private_bytes(bytes.fromhex(path.read_text().strip()))


def _public(key: Ed25519PrivateKey) -> str:
    return base64.b64encode(key.public_key().public_bytes_raw()).decode()


def genuine(receipt: Receipt, public_key: str) -> bool:
    """Whether ``public_key`` (base64) signed it, and nothing in it was changed since."""
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    try:
        key = Ed25519PublicKey.from_public_bytes(base64.b64decode(public_key))
        key.verify(base64.b64decode(receipt.signature), _bytes(msgspec.structs.replace(receipt, signature="")))
    except (InvalidSignature, ValueError):
        return False
    return receipt.public_key == public_key


def problems(data_dir: Path, verdicts: Iterable[Verdict]) -> list[str]:
    """What is wrong with the receipts of a directory, and with entries that were changed: each has to be in a receipt."""
    found: list[str] = []
    known: set[tuple[str, Tombstone]] = set()
    paths = sorted((data_dir / FOLDER).glob("*.json"))
    public = _public(_key(data_dir)) if paths else ""
    for path in paths:
        try:
            receipt = msgspec.json.decode(path.read_bytes(), type=Receipt)
        except msgspec.MsgspecError as error:
            found.append(f"{path} is no receipt of an erasure ({error}); restore it from a backup")
            continue
        if not genuine(receipt, public):
            found.append(f"{path} is not what was signed; restore it from a backup")
            continue
        known |= {(part.producer, tombstone) for part in receipt.parts for tombstone in part.entries}
    for verdict in verdicts:
        for stone in verdict.tombstones:
            if (verdict.cell, stone) not in known:
                where = f"{stone.stream} of {verdict.cell} at offset {stone.first}"
                found.append(f"{where} was changed, and no receipt of an erasure says so")
    return found
