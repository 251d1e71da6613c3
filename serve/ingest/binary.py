"""CloudEvents' binary mode: attributes in HTTP headers (HTTP protocol binding 1.0.2, sections 3.1.3.1 and 3.1.3.2)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import unquote_to_bytes

from events.errors import Rejected

_PREFIX = "ce-"
_BODYS_OWN = frozenset({"data", "data_base64", "datacontenttype"})
"""What the body and its Content-Type say; as headers they are no attributes."""
_QUOTED = re.compile(rb'"(?:[^"\\]|\\.)*"', re.DOTALL)
_ESCAPE = re.compile(rb"\\(.)", re.DOTALL)


def header_attributes(headers: Mapping[str, str]) -> dict[str, str]:
    """The attributes that stand in ``ce-`` headers, by name; ``headers`` holds bytes as Latin-1 text, as ASGI has them.

    A value in double quotes is unquoted and its backslashes are taken off, then percent escapes are decoded once. What
    comes out must be UTF-8; senders that put UTF-8 into a header without escapes are understood, too. Raises
    ``Rejected`` for anything else, and for an attribute that two headers name.
    """
    found: dict[str, str] = {}
    for header, value in headers.items():
        name = header.lower().removeprefix(_PREFIX)
        if len(name) == len(header) or name in _BODYS_OWN:
            continue
        if name in found:
            raise Rejected(header.lower(), "stands in two headers; send each attribute once")
        found[name] = _text(header.lower(), value)
    return found


def _text(header: str, value: str) -> str:
    try:
        raw = value.encode("latin-1").strip(b" \t")
    except UnicodeEncodeError:  # no bytes of a header: the caller has read them already
        raw = value.strip(" \t").encode()
    if raw[:1] == b'"':
        if not _QUOTED.fullmatch(raw):
            raise Rejected(header, "begins with a double quote that does not end; write a double quote as %22")
        raw = _ESCAPE.sub(rb"\1", raw[1:-1])
    try:
        return unquote_to_bytes(raw).decode()
    except UnicodeDecodeError:
        raise Rejected(header, "is not UTF-8; encode the text as UTF-8 and write each of its bytes as %XX") from None
