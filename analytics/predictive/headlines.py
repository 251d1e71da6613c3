"""Which of two headlines more people will click, told by their words, the parts of words, and their style."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

F64 = npt.NDArray[np.float64]
_WORDS = re.compile(r"\b\w\w+\b")
_SMALL = [
    "you", "your", "i", "he", "she", "his", "her", "this", "that", "what", "why", "how", "when", "who", "they", "if",
    "the", "a", "it", "we", "me", "my", "not", "can", "will", "should",
]  # fmt: skip
STYLE = 13 + len(_SMALL)


def word_grams(text: str) -> Counter[str]:
    """Words of two letters and more, and pairs of neighbours."""
    words = _WORDS.findall(text.lower())
    return Counter([*words, *(f"{a} {b}" for a, b in pairwise(words))])


def letter_grams(text: str) -> Counter[str]:
    """Two to four letters in a row, within words, whose ends count as blanks."""
    found: Counter[str] = Counter()
    for word in text.lower().split():
        padded = f" {word} "
        for n in (2, 3, 4):
            found.update(padded[i : i + n] for i in range(max(1, len(padded) - n + 1)))
    return found


def style(text: str) -> list[float]:
    """Length, punctuation, numbers, capitals, and how often small words of address and question are there."""
    words = text.split()
    low = Counter(_WORDS.findall(text.lower())) + Counter(w for w in ("i", "a") for v in text.lower().split() if v == w)
    return [
        len(text), len(words), text.count("?"), text.count("!"), text.count("."), text.count(","),
        text.count('"') + text.count("'"), sum(c.isdigit() for c in text),
        sum(w.isupper() and len(w) > 1 for w in words), float(text[:1].isdigit()),
        float(np.mean([len(w) for w in words])) if words else 0.0, text.count("..."), text.count(":"),
        *(float(low[w]) for w in _SMALL),
    ]  # fmt: skip


@dataclass
class Grams:
    """The n-grams that are known, one a line, and their inverse document frequencies, as scikit-learn counts them."""

    known: str
    idf: F64

    @cached_property
    def place(self) -> dict[str, int]:
        return {gram: i for i, gram in enumerate(self.known.split("\n"))} if self.known else {}

    def row(self, counts: Counter[str]) -> tuple[list[int], list[float]]:
        """Places and values: (1 + log of the count) times the inverse document frequency, of length one."""
        place = self.place
        known = sorted((place[gram], n) for gram, n in counts.items() if gram in place)
        values = [(1 + math.log(n)) * self.idf[i] for i, n in known]
        length = math.sqrt(sum(v * v for v in values)) or 1.0
        return [i for i, _ in known], [v / length for v in values]

    def __getstate__(self) -> dict[str, Any]:
        return {"known": self.known, "idf": self.idf}


@dataclass
class HeadlineModel:
    """A score for each headline; the probability that one is better than another follows from the difference (a
    Bradley-Terry model, Biometrika 1952, whose strengths are linear in the text).

    ``scale`` turns a difference into log-odds, fitted on tests that the weights had not seen; ``accuracy`` is the share of
    ``pairs`` of those tests with a significant difference (p below .05) that it told right.
    """

    words: Grams
    letters: Grams
    centre: F64
    spread: F64
    weights: F64
    scale: float
    accuracy: float | None = None
    pairs: int = 0

    def rows(self, headlines: Sequence[str]) -> Any:
        """A sparse matrix, headlines x (words, letters, style)."""
        return features_of(headlines, self.words, self.letters, self.centre, self.spread)

    def score(self, headlines: Sequence[str]) -> F64:
        """float64[n], comparable within one topic."""
        return np.asarray(self.rows(headlines) @ self.weights, np.float64)

    def compare(self, first: Sequence[str], second: Sequence[str]) -> F64:
        """float64[n]: the probability that each of ``first`` is clicked by a larger share than its rival in ``second``."""
        apart = self.scale * (self.score(first) - self.score(second))
        return 1.0 / (1.0 + np.exp(-np.clip(apart, -500.0, 500.0)))


STYLE_WEIGHT = 0.15
"""Of style beside n-grams: a column of it is about so large, where the n-grams of a headline have length one."""


def features_of(headlines: Sequence[str], words: Grams, letters: Grams, centre: F64, spread: F64) -> Any:
    from scipy import sparse

    data: list[float] = []
    columns: list[int] = []
    ends = [0]
    start = len(words.idf), len(words.idf) + len(letters.idf)
    for text in headlines:
        for offset, grams, counts in ((0, words, word_grams(text)), (start[0], letters, letter_grams(text))):
            at, values = grams.row(counts)
            columns += [offset + i for i in at]
            data += values
        shaped = np.clip((np.array(style(text)) - centre) / spread, -6, 6) * STYLE_WEIGHT
        columns += range(start[1], start[1] + STYLE)
        data += shaped.tolist()
        ends.append(len(data))
    return sparse.csr_matrix((data, columns, ends), shape=(len(ends) - 1, start[1] + STYLE))
