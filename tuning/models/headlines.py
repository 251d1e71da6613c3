"""Training of the headline model on tests in which several headlines of one piece were shown at random."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.special import ndtr

from analytics.models.schema import WrongInput, as_numbers, as_texts
from analytics.predictive.headlines import Grams, HeadlineModel, features_of, letter_grams, style, word_grams
from tuning.data.splits import grouped
from tuning.data.tables import as_columns
from tuning.models.trained import in_one_thread

F64 = npt.NDArray[np.float64]
I64 = npt.NDArray[np.int64]
LEAST_TESTS = 30
PENALTY = 0.1
SIGNIFICANT = 1.959964
_FOLDS = 4


@in_one_thread
def train_headlines(
    data: Any,
    *,
    test: str = "test",
    headline: str = "headline",
    shown: str = "impressions",
    clicked: str = "clicks",
    seed: int = 0,
) -> HeadlineModel:
    """``data`` has one row a package of a test: its headline, how often it was shown and clicked. Packages of one test with
    the same headline count together.

    ``accuracy`` of the model is told by cross-validation over whole tests. Raises ``WrongInput`` naming the column, and for
    fewer than 30 tests with two headlines.
    """
    texts, pairs, z, tests = pairs_of(data, test, headline, shown, clicked)
    if len(np.unique(tests)) < LEAST_TESTS:
        raise WrongInput(
            test, f"{LEAST_TESTS} tests with two headlines at least are needed, {len(np.unique(tests))} are there"
        )
    used = [texts[i] for i in np.unique(pairs)]
    words, letters = _grams(used, word_grams, 5), _grams(used, letter_grams, 10)
    shaped = np.array([style(text) for text in used])
    centre, spread = shaped.mean(axis=0), shaped.std(axis=0) + 1e-9
    x = features_of(texts, words, letters, centre, spread)
    apart = (x[pairs[:, 0]] - x[pairs[:, 1]]).tocsr()
    part = grouped(tests, _FOLDS, seed)
    crossed = np.empty(len(pairs))
    for k in range(_FOLDS):
        crossed[part == k] = apart[part == k] @ _weights(apart[part != k], z[part != k])
    model = HeadlineModel(words, letters, centre, spread, _weights(apart, z), _scale(crossed, z))
    significant = np.abs(z) > SIGNIFICANT
    if significant.any():
        model.accuracy = float(((crossed > 0) == (z > 0))[significant].mean())
        model.pairs = int(significant.sum())
    return model


def _weights(apart: Any, z: F64) -> F64:
    """Of the logistic model of which one of a pair is better, surer pairs weighing more."""
    from sklearn.linear_model import LogisticRegression

    told = z != 0
    x, y = apart[told], z[told] > 0
    if y.all() or not y.any():  # which one comes first means nothing: turn every other pair round
        sign = np.where(np.arange(len(y)) % 2 == 0, 1.0, -1.0)
        x, y = x.multiply(sign[:, None]).tocsr(), y ^ (sign < 0)
    model: Any = LogisticRegression(C=PENALTY, max_iter=300, fit_intercept=False)
    return np.asarray(model.fit(x, y, sample_weight=np.abs(z[told])).coef_[0], np.float64)


def pairs_of(
    data: Any, test: str, headline: str, shown: str, clicked: str
) -> tuple[list[str], I64, F64, npt.NDArray[Any]]:
    """Headlines, pairs of their places within one test, how many standard errors the first one's share of clicks is above
    the second's, and each pair's test."""
    columns = as_columns(data)
    for name in (test, headline, shown, clicked):
        if name not in columns:
            raise WrongInput(name, f"is not in the table; it has {', '.join(list(columns)[:12])}")
    sums: dict[tuple[str, str], list[float]] = {}
    numbers = as_numbers(shown, columns[shown]), as_numbers(clicked, columns[clicked])
    for of, text, n, c in zip(as_texts(columns[test]), as_texts(columns[headline]), *numbers, strict=True):
        if of is None or text is None or not n > 0 or not 0 <= c <= n:
            continue  # a package that was never shown, or has no text, tells nothing
        known = sums.setdefault((of, text), [0.0, 0.0])
        known[0] += float(n)
        known[1] += float(c)
    by_test: dict[str, list[int]] = {}
    texts: list[str] = []
    for of, text in sums:
        by_test.setdefault(of, []).append(len(texts))
        texts.append(text)
    n, c = np.array(list(sums.values()), np.float64).reshape(-1, 2).T
    found = [(i, j, of) for of, rows in by_test.items() for a, i in enumerate(rows) for j in rows[a + 1 :]]
    pairs = np.array([(i, j) for i, j, _ in found], np.int64).reshape(-1, 2)
    a, b = pairs.T
    both = (c[a] + c[b]) / (n[a] + n[b])
    z = (c[a] / n[a] - c[b] / n[b]) / np.sqrt(both * (1 - both) * (1 / n[a] + 1 / n[b]) + 1e-15)
    return texts, pairs, z, np.array([of for _, _, of in found], str)


def _grams(texts: Sequence[str], of: Callable[[str], Counter[str]], least: int) -> Grams:
    """Those that ``least`` headlines have, fewer where headlines are few."""
    seen: Counter[str] = Counter()
    for text in texts:
        seen.update(of(text).keys())
    least = max(2, min(least, len(texts) // 200))
    known = sorted(gram for gram, n in seen.items() if n >= least and "\n" not in gram)
    idf = np.array([np.log((1 + len(texts)) / (1 + seen[gram])) + 1 for gram in known], np.float64)
    return Grams("\n".join(known), idf)


def _scale(apart: F64, z: F64) -> float:
    """What a difference of scores is in log-odds of the truth, which a test tells as surely as its z stands for."""
    from scipy.optimize import minimize_scalar

    truth = ndtr(z)

    def loss(log: float) -> float:
        raw = np.exp(log) * apart
        return float(np.mean(np.logaddexp(0.0, raw) - truth * raw))

    found: Any = minimize_scalar(loss, bounds=(-8.0, 5.0), method="bounded")
    return float(np.exp(found.x))
