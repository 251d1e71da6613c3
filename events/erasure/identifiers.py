"""What names a person, as it may stand in a value, a text or a file; and the pseudonym that takes its place.

A pseudonym is random and the same everywhere, so that counts hold. Which name it stands for, only the memory of
this process knows.
"""

from __future__ import annotations

import hmac
import json
import re
import secrets
from collections.abc import Iterable, Iterator
from functools import cached_property
from urllib.parse import quote

import pyarrow as pa
from pyarrow import compute

from events.errors import Rejected

PREFIX = "erased-"
SHORT = 6
"""Characters: a name that has fewer is only known where it is the whole of a value; in a text it may be anything."""
_BEFORE, _AFTER = rb"(?<![\w\-+])(?<!\w[.@])", rb"(?![\w\-@+])(?!\.\w)"
"""A name ends where no other one goes on: `user-1` is not in `user-12`, and `ada@x.org` not in `ada@x.org.uk`."""
EMAIL = re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+")


class Identifiers:
    """The names of one person. ``fresh`` ones get a random pseudonym each."""

    def __init__(self, names: Iterable[str]) -> None:
        """Raises ``Rejected`` for an empty name."""
        self._pseudonyms: dict[str, str] = {}
        self._key = secrets.token_bytes(32)
        for name in names:
            self.add(name)

    def add(self, name: str) -> None:
        if not name.strip():
            raise Rejected("subject", "must not be empty")
        self._pseudonyms.setdefault(name, PREFIX + secrets.token_hex(12))
        for made in ("_pattern", "_variants"):
            self.__dict__.pop(made, None)

    @property
    def names(self) -> list[str]:
        return list(self._pseudonyms)

    @property
    def short(self) -> list[str]:
        """Those that are only known as whole values."""
        return [name for name in self._pseudonyms if len(name) < SHORT]

    def row_id(self, id: str) -> str:
        """What takes the place of the id that a sender gave to a row: the same for the same id, and of no use to anybody."""
        return PREFIX + hmac.digest(self._key, id.encode(), "sha256").hex()[:32]

    @cached_property
    def _pattern(self) -> re.Pattern[bytes] | None:
        long = sorted(self._variants, key=len, reverse=True)
        return re.compile(_BEFORE + b"(?:" + b"|".join(map(re.escape, long)) + b")" + _AFTER) if long else None

    @cached_property
    def _variants(self) -> dict[bytes, str]:
        """Each long name as it may be written: as it is, in JSON with and without escapes, in an address."""
        return {
            form.encode("utf-8", "surrogatepass"): name
            for name in self._pseudonyms
            if len(name) >= SHORT
            for form in (name, json.dumps(name)[1:-1], json.dumps(name, ensure_ascii=False)[1:-1], quote(name, safe=""))
        }

    def is_named(self, column: pa.ChunkedArray | pa.Array) -> pa.Array:
        """Which of the values are one of the names."""
        return compute.is_in(_plain(column), value_set=pa.array(self.names, pa.string()))  # pyright: ignore

    def may_be_in(self, data: bytes) -> bool:
        """False where no value within ``data`` can have a name in it: quick to say, for most of a log."""
        forms = [*self._variants, *(name.encode() for name in self.short)]
        return any(form in data for form in forms)

    def within(self, data: bytes) -> bool:
        """Whether some name is in a text, or a file; short ones are not looked for."""
        return self._pattern is not None and self._pattern.search(data) is not None

    def found(self, data: bytes) -> Iterator[int]:
        """Where the names are."""
        return (match.start() for match in self._pattern.finditer(data)) if self._pattern else iter(())

    def replaced(self, text: str) -> str:
        """The text with pseudonyms for names."""
        if text in self._pseudonyms:
            return self._pseudonyms[text]
        data = text.encode("utf-8", "surrogatepass")
        for name in self.short:  # as a whole text within JSON
            data = data.replace(json.dumps(name).encode(), json.dumps(self._pseudonyms[name]).encode())
        if self._pattern is not None:
            data = self._pattern.sub(lambda match: self._pseudonyms[self._variants[match[0]]].encode(), data)
        return data.decode("utf-8", "surrogatepass")

    def concerns(self, text: str) -> bool:
        """Whether ``replaced`` would change it."""
        return self.replaced(text) != text


def _plain(column: pa.ChunkedArray | pa.Array) -> pa.Array:
    whole = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    return whole.cast(pa.string()) if pa.types.is_dictionary(whole.type) else whole
