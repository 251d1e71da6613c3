"""Random re-divisions of two samples, and the counts that each of them gives."""

from __future__ import annotations

import numpy as np
from numba import int32, uint64, void

from analytics.kernels import I32, U64, kernel, reads, writes


@kernel(void(writes(int32), writes(uint64), writes(int32, 2)))
def choose(units: I32, state: U64, chosen: I32) -> None:
    """Fill each row of ``chosen`` (int32[draws, k]) with k distinct ``units``, uniformly at random.

    Partial Fisher-Yates shuffles on the generator splitmix64 (Steele, Lea, Flood 2014), whose ``state`` (uint64[1]) goes on.
    """
    n = units.shape[0]
    for draw in range(chosen.shape[0]):
        for i in range(chosen.shape[1]):
            state[0] += np.uint64(0x9E3779B97F4A7C15)
            x = state[0]
            x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
            x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
            x = x ^ (x >> np.uint64(31))
            # 32 random bits times the range: off from uniform by less than n / 2^32.
            j = i + np.int64(((x >> np.uint64(32)) * np.uint64(n - i)) >> np.uint64(32))
            units[i], units[j] = units[j], units[i]
            chosen[draw, i] = units[i]


@kernel(void(reads(int32), reads(int32, 2), writes(int32, 2)))
def count_rows(code: I32, chosen: I32, counts: I32) -> None:
    """``counts[draw, c]``: chosen rows in cell c."""
    for draw in range(chosen.shape[0]):
        for i in range(chosen.shape[1]):
            counts[draw, code[chosen[draw, i]]] += 1


@kernel(void(reads(int32, 2), reads(int32, 2), writes(int32, 2)))
def count_blocks(blocks: I32, chosen: I32, counts: I32) -> None:
    """``counts[draw, c]``: rows of the chosen blocks in cell c; ``blocks[b, c]`` are block b's."""
    width = blocks.shape[1]
    for draw in range(chosen.shape[0]):
        for i in range(chosen.shape[1]):
            block = chosen[draw, i]
            for c in range(width):
                counts[draw, c] += blocks[block, c]
