"""The anomaly kernel as one object: rows with named keys in, scores out, state to bytes and back."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from analytics.anomaly.kernel import AnomalySpec, AnomalyState, Scores, score
from analytics.kernels import F64, I32, I64, U8, column
from analytics.keys import Keys

MAX_KEYS = 1 << 20


class AnomalyDetector:
    """Judges each row by the earlier rows of its key, then learns from it.

    However rows are cut into calls, and whenever it is stored and restored between them, the answers are the same to the
    bit. Of a key it keeps its hours of the day, twice, and of the week, a period, and 70 numbers more: 2.9 kB. Beyond
    2**20 keys new ones share one.
    """

    def __init__(self, false_alarms_per_week: float = 1.0) -> None:
        self._spec = AnomalySpec(false_alarms_per_week, max_keys=MAX_KEYS)
        self._keys, self._state = Keys(MAX_KEYS), AnomalyState(self._spec)

    @property
    def keys(self) -> list[str]:
        """The names seen, in the order of their first rows."""
        return list(self._keys.names)

    def update(self, time: npt.ArrayLike, value: npt.ArrayLike, key: Sequence[str] | None = None) -> Scores:
        """Scores of n rows: ``time`` int64[n] us since 1970, ``value`` float64[n], NaN where missing, ``key`` n names.

        Without ``key`` there is one, "". Rows come in the order of their times; a row not newer than its key's newest is
        scored, not learned from. Raises ``ValueError`` if the lengths differ, and then no row has been taken.
        """
        times, values = column(time, np.int64), column(value, np.float64)
        places: dict[str, int] = {}
        if key is None:
            places, codes = {"": 0}, np.zeros(len(times), np.int32)
        else:
            codes = np.fromiter((places.setdefault(name, len(places)) for name in key), np.int32, len(key))
        _one_each(times, values, len(codes))
        return score(self._state, self._keys.encode(codes, list(places)), times, values)

    def update_text(self, time: I64, value: F64, offsets: I32, text: U8) -> Scores:
        """``update`` for keys in UTF-8, as in an Arrow string column: row i is of ``text[offsets[i] : offsets[i + 1]]``."""
        _one_each(time, value, len(offsets) - 1)
        return score(self._state, self._keys.encode_text(offsets, text), time, value)

    @classmethod
    def merged(cls, detectors: Sequence[AnomalyDetector]) -> AnomalyDetector:
        """One that goes on where several left off, each of which has seen all the rows of its own keys.

        What a key's rows teach depends on their order, so two histories of one key have no sum. Raises ``ValueError`` where
        a key is in two of them, they were asked for different rates of alarms, there is none, or too many keys.
        """
        asked = {detector._spec.false_alarms_per_week for detector in detectors}
        if len(asked) != 1:
            raise ValueError(f"detectors of one rate of false alarms can be merged, not of {sorted(asked) or 'none'}")
        whole = cls(asked.pop())
        for detector in detectors:
            names, known = detector.keys, len(whole._keys)
            if again := set(names).intersection(whole.keys):
                raise ValueError(f"key {min(again)!r} is in two of the detectors")
            if known + len(names) >= MAX_KEYS:
                raise ValueError(f"a detector holds fewer than {MAX_KEYS:,} keys, these have {known + len(names):,}")
            own = whole._keys.encode(np.arange(len(names), dtype=np.int32), names)
            whole._state.know(known + len(names))
            for name, part in detector._state.parts.items():
                whole._state.parts[name][own] = part[: len(names)]
        return whole

    def to_bytes(self) -> bytes:
        """The whole state. Equal histories give equal bytes."""
        buffer, names = io.BytesIO(), [name.encode() for name in self._keys.names]
        arrays: dict[str, Any] = {f"state_{part}": array for part, array in self._state.dump().items()}
        arrays["lengths"] = np.array([len(name) for name in names], np.int64)
        arrays["names"] = np.frombuffer(b"".join(names), np.uint8)
        np.savez(buffer, **arrays)
        return buffer.getvalue()

    @classmethod
    def from_bytes(cls, data: bytes, false_alarms_per_week: float = 1.0) -> AnomalyDetector:
        """What ``to_bytes`` gave, of this machine or another. Raises ``ValueError`` for another version's."""
        detector = cls(false_alarms_per_week)
        with np.load(io.BytesIO(data), allow_pickle=False) as arrays:
            dump = {part.removeprefix("state_"): arrays[part] for part in arrays.files if part.startswith("state_")}
            detector._state = AnomalyState.load(detector._spec, dump | {"version": int(dump["version"])})
            ends, text = np.cumsum(arrays["lengths"]).tolist(), arrays["names"].tobytes()
        starts = [0, *ends[:-1]]
        detector._keys = Keys(MAX_KEYS, [text[a:b].decode() for a, b in zip(starts, ends, strict=False)])
        return detector


def _one_each(time: I64, value: F64, keys: int) -> None:
    if not len(time) == len(value) == keys:
        raise ValueError(f"{len(time)} times, {len(value)} values and {keys} keys: one each for every row")
