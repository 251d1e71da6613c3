"""The scores of the Turing change point benchmark (van den Burg, Williams 2020): covering, and F1 with a margin.

Indices are those of the first value of a new segment, from 0. ``annotations``: the change points of each annotator.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import pairwise

MARGIN = 5


def matched(truth: Iterable[int], found: Iterable[int], margin: int = MARGIN) -> int:
    """How many of ``truth`` have one of ``found`` within ``margin``; each of those serves once, the nearest first."""
    free, count = set(found), 0
    for point in sorted(truth):
        near = sorted((abs(point - other), other) for other in free if abs(point - other) <= margin)
        if near:
            count += 1
            free.remove(near[0][1])
    return count


def f1(annotations: Mapping[str, Iterable[int]], found: Iterable[int], margin: int = MARGIN) -> float:
    """Precision against all annotators' points together, recall as their mean; 0 is a change to everybody."""
    truths = [{0, *points} for points in annotations.values()]
    claimed = {0, *found}
    precision = matched(set[int]().union(*truths), claimed, margin) / len(claimed)
    recall = sum(matched(truth, claimed, margin) / len(truth) for truth in truths) / len(truths)
    return 2 * precision * recall / (precision + recall)


def covering(annotations: Mapping[str, Iterable[int]], found: Iterable[int], n: int) -> float:
    """Mean over annotators of how well the found segments cover theirs, by Jaccard index, weighted with length."""
    ours = segments(found, n)
    total = 0.0
    for points in annotations.values():
        for left, right in segments(points, n):
            best = max(max(min(right, b) - max(left, a), 0) / (max(right, b) - min(left, a)) for a, b in ours)
            total += (right - left) / n * best
    return total / len(annotations)


def segments(points: Iterable[int], n: int) -> list[tuple[int, int]]:
    return list(pairwise([0, *sorted({point for point in points if 0 < point < n}), n]))
