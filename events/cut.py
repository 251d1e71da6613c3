"""Cuts: a set of commit numbers, one a cell, names a consistent moment of the whole log.

Every answer carries its cut as a token; asking again ``as_of`` that token gives the same answer.
"""

from __future__ import annotations

import base64
import binascii
import zlib
from collections.abc import Iterable, Mapping

import msgspec
import xxhash

from events.errors import Rejected
from events.log import LogReader

Cut = Mapping[str, int]
"""Cell name -> number of its last commit within the cut (0: before its first)."""

_VERSION = b"\x01"
_CHECK_BYTES = 6
_MAX_BYTES = 1 << 20
_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(list[tuple[str, int]]).decode


def cut_now(log: LogReader, cells: Iterable[str]) -> dict[str, int]:
    """Where each of ``cells`` stands now."""
    return {cell: log.last_commit(cell)[0] for cell in cells}


def encode_cut(cut: Cut) -> str:
    """A token of URL-safe characters; equal cuts give equal tokens."""
    body = _VERSION + zlib.compress(_encode(sorted(cut.items())), 9)
    return base64.urlsafe_b64encode(body + _check(body)).rstrip(b"=").decode()


def decode_cut(token: str) -> dict[str, int]:
    """The inverse. Raises ``Rejected`` where ``token`` is not one that ``encode_cut`` gave out."""
    try:
        data = base64.b64decode(token.encode() + b"=" * (-len(token) % 4), altchars=b"-_", validate=True)
        body, check = data[:-_CHECK_BYTES], data[-_CHECK_BYTES:]
        if check != _check(body) or body[:1] != _VERSION:
            raise Rejected("as_of", "is no cut token: it was shortened or altered")
        unpack = zlib.decompressobj()
        packed = unpack.decompress(body[1:], _MAX_BYTES)
        if not unpack.eof:
            raise Rejected("as_of", "is no cut token: it is too long")
        return dict(_decode(packed))
    except (binascii.Error, zlib.error, msgspec.MsgspecError, UnicodeError) as error:
        raise Rejected("as_of", "is no cut token; give one that an answer carried") from error


def _check(body: bytes) -> bytes:
    return xxhash.xxh3_64_digest(body)[:_CHECK_BYTES]
