"""Kernel states as bytes: named numpy arrays and integers in msgpack, never pickle."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

import msgspec
import numpy as np

T = TypeVar("T")


def encoded(state: object) -> bytes:
    """``state`` in msgpack: equal states give equal bytes, also where a dict has numbers for keys."""
    plain = msgspec.to_builtins(state, str_keys=True, builtin_types=(bytes,))
    return msgspec.msgpack.encode(plain, order="deterministic")


def decoded(data: bytes, type_: type[T]) -> T:
    """Inverse of ``encoded``."""
    return msgspec.convert(msgspec.msgpack.decode(data), type_, str_keys=True, builtin_types=(bytes,))


class Packed(msgspec.Struct, frozen=True, array_like=True):
    """One array: little-endian dtype, shape, bytes in C order."""

    dtype: str
    shape: tuple[int, ...]
    data: bytes


def pack(named: Mapping[str, Any]) -> dict[str, Packed | int]:
    """Arrays and integers, ready for msgpack."""
    return {name: _packed(value) if isinstance(value, np.ndarray) else int(value) for name, value in named.items()}


def unpack(packed: Mapping[str, Packed | int]) -> dict[str, Any]:
    """Inverse of ``pack``; the arrays are copies that may be written to."""
    return {
        name: np.frombuffer(value.data, value.dtype).reshape(value.shape).copy() if isinstance(value, Packed) else value
        for name, value in packed.items()
    }


def _packed(array: np.ndarray) -> Packed:
    little = np.ascontiguousarray(array, array.dtype.newbyteorder("<"))
    return Packed(little.dtype.str, array.shape, little.tobytes())
