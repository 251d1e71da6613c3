"""Bodies: bounded decompression, and finding the rows in a body of which some are no JSON at all."""

from __future__ import annotations

import re
import zlib

import msgspec
import numpy as np

from events.errors import Rejected
from serve.ingest.verdicts import Fault, TooLarge, UnsupportedMedia

SEGMENT_BYTES = 500_000
EVENTS_BYTES = 5_000_000
ROWS = 10_000
DEPTH = 32
NUL = b"\\u0000"
"""The character NUL as JSON text has it."""

_GZIP_WINDOW = 16 + zlib.MAX_WBITS
# A string, or one structural character; a lone quote is a string that never ends. Possessive: no backtracking.
_TOKEN = re.compile(rb'"(?:[^"\\]++|\\.)*+"|[\[{}\],"]', re.DOTALL)
_NOT_A_NUMBER = re.compile(rb"-?(?:NaN|Infinity|nan|inf)")
_texts = msgspec.json.Decoder(list[msgspec.Raw])
_STRUCTURAL = np.zeros(256, np.bool_)
_STRUCTURAL[list(b"{}[],:")] = True


def read_body(body: bytes, content_encoding: str, limit: int) -> bytes:
    """The body, decompressed; never more than ``limit`` bytes are inflated, whatever the body promises.

    Raises ``TooLarge`` (over ``limit``), ``UnsupportedMedia`` (neither gzip nor identity) and ``Rejected`` (broken gzip).
    """
    encoding = content_encoding.strip().lower()
    if encoding in ("", "identity"):
        return within(body, limit)
    if encoding not in ("gzip", "x-gzip"):
        raise UnsupportedMedia("content-encoding", f"must be gzip or identity, got {content_encoding[:80]!r}")
    plain = bytearray()
    rest = within(body, limit)
    while rest:  # a gzip file is one or more members, one after the other
        inflate = zlib.decompressobj(_GZIP_WINDOW)
        try:
            plain += inflate.decompress(rest, limit + 1 - len(plain))
        except zlib.error as error:
            raise Rejected("body", f"is not valid gzip ({error}); send it whole, or without Content-Encoding") from None
        within(plain, limit)
        if not inflate.eof:
            raise Rejected("body", "ends in the middle of its gzip stream; send it whole")
        rest = inflate.unused_data
    return bytes(plain)


def within(body: bytes | bytearray, limit: int) -> bytes:
    """Return ``body`` as it is. Raises ``TooLarge`` if it is longer than ``limit`` bytes."""
    if len(body) > limit:
        raise TooLarge("body", f"is larger than {limit:,} bytes; send fewer rows in one request")
    return bytes(body) if isinstance(body, bytearray) else body


def few_enough(rows: int) -> int:
    """Return ``rows`` as they are. Raises ``TooLarge`` if they are more than one request may have."""
    if rows > ROWS:
        raise TooLarge("body", f"has {rows:,} rows; one request may have {ROWS:,}")
    return rows


def is_compact(body: bytes) -> bool:
    """Whether JSON text has no whitespace between its tokens.

    Such whitespace always touches one of ``{}[],:`` (a top-level value aside), and control characters cannot be inside
    a string, so only the spaces need a look; a string with ``", "`` in it may answer False, never the other way round.
    """
    text = np.frombuffer(body, np.uint8)
    if text.size == 0 or text.min() < 0x20:
        return False
    spaces = np.flatnonzero(text == 0x20)
    if spaces.size == 0:
        return True
    if spaces[0] == 0 or spaces[-1] == text.size - 1:
        return False
    return not (_STRUCTURAL[text[spaces - 1]].any() or _STRUCTURAL[text[spaces + 1]].any())


def compacted(text: bytes) -> bytes | None:
    """JSON text without whitespace between its tokens; None where they are seen to be no JSON. It is yet to be parsed."""
    if not is_utf8(text):
        return None
    try:
        return text if is_compact(text) else msgspec.json.format(text, indent=-1)
    except (msgspec.MsgspecError, RecursionError):
        return None


def raw_texts(array: bytes | msgspec.Raw) -> list[msgspec.Raw] | None:
    """The texts of the elements of a JSON array; None where it is none."""
    try:
        return _texts.decode(array)
    except (msgspec.MsgspecError, RecursionError):
        return None


def is_utf8(body: bytes) -> bool:
    """Whether the bytes are UTF-8: the JSON parser does not look inside what it passes through."""
    if body.isascii():
        return True
    try:
        str(body, "utf-8")
    except UnicodeDecodeError:
        return False
    return True


def may_hold(escape: bytes, text: bytes) -> bool:
    """Whether JSON text holds ``escape``, which begins with a backslash; it may be an escaped backslash before plain text.

    Nearly all texts have no backslash at all, and one byte is found at ten times the speed of two.
    """
    return b"\\" in text and escape in text


def split_array(body: bytes, key: bytes = b"") -> tuple[bytes, list[bytes]]:
    """The texts of an array's elements by brackets and quotes alone, so one malformed element spoils no other.

    The array is the whole body, or the value of ``key`` in the object that is the body. Also returns the body with
    that array emptied. Raises ``Rejected`` where brackets or quotes do not pair up or there is no such array.
    """
    rows: list[bytes] = []
    depth, inside, begin, end, start = 0, 2 if key else 1, -1, -1, 0
    name = b""
    for token in _TOKEN.finditer(body):
        mark = token.group()
        if mark in (b"[", b"{"):
            depth += 1
            if depth == inside and begin < 0 and mark == b"[" and (not key or name == key):
                begin = start = token.end()
        elif mark in (b"]", b"}"):
            if begin >= 0 > end and depth == inside:
                end = token.start()
                rows.append(body[start:end].strip())
            depth -= 1
        elif mark == b",":
            if begin >= 0 > end and depth == inside:
                rows.append(body[start : token.start()].strip())
                start = token.end()
        elif mark == b'"':
            raise Rejected("body", f"is not JSON: the string that begins at byte {token.start():,} never ends")
        elif depth == 1:
            name = mark[1:-1]
        if depth < 0:
            break
    if depth or end < 0:
        raise Rejected("body", "is not JSON: its brackets do not pair up; send an object or an array of objects")
    if rows == [b""]:
        rows = []
    return body[:begin] + body[end:], rows


def depth_fault(row: bytes, limit: int, outer: int = 0) -> Fault | None:
    """A fault where a field of the JSON text of one row is nested deeper than ``limit``, named after that field.

    ``outer`` levels around the fields are not counted: 1 for a row, 0 for the text of one field.
    """
    depth, name = 0, b""
    for token in _TOKEN.finditer(row):
        mark = token.group()
        if mark in (b"[", b"{"):
            depth += 1
            if depth > limit + outer:
                return Fault(_label(name), f"is nested deeper than {limit} levels; flatten it")
        elif mark in (b"]", b"}"):
            depth -= 1
        elif depth == 1 and mark != b",":
            name = mark[1:-1]
    return None


def malformed_fault(row: bytes, byte: int | None, why: str) -> Fault:
    """Explain a row that is no JSON: the field at which it breaks (``byte`` into the row) and how to mend it."""
    name, depth = b"", 0
    for token in _TOKEN.finditer(row, 0, len(row) if byte is None else byte):
        mark = token.group()
        depth += (mark in (b"[", b"{")) - (mark in (b"]", b"}"))
        if depth == 1 and len(mark) > 1:
            name = mark[1:-1]
    number = None
    if byte:  # of -Infinity the parser objects to the I
        number = _NOT_A_NUMBER.match(row, byte - 1) or _NOT_A_NUMBER.match(row, byte)
    if number:
        said = number.group().decode()
        return Fault(_label(name), f"{said} is not a number in JSON; send null or leave the field out")
    return Fault(_label(name), f"is not valid JSON ({why}); write the row with a JSON encoder")


def _label(name: bytes) -> str:
    return name[:200].decode("utf-8", "replace") or "row"
