"""How often customers buy again, and for how much: BG/NBD and Gamma-Gamma, as their authors give them.

BG/NBD (Fader, Hardie and Lee, Marketing Science 2005): a customer buys at random at a rate of its own, and after each
purchase is gone for good with a probability of its own; rates are gamma, probabilities beta distributed over customers.
Gamma-Gamma (Fader and Hardie 2013): what a customer spends on average is gamma distributed around a mean of its own.
Times are in one unit throughout (days or weeks): ``recency`` is that of the last purchase since the first one, ``age``
that of now. ``frequency`` counts repeat purchases, so that it is 0 after the first.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize
from scipy.special import betaln, gammaln, hyp2f1

F64 = npt.NDArray[np.float64]


@dataclass
class Buying:
    """``r``, ``alpha`` of the rates, ``a``, ``b`` of the chance to be gone; ``likelihood`` is the logarithm."""

    r: float
    alpha: float
    a: float
    b: float
    likelihood: float = 0.0

    @classmethod
    def fit(cls, frequency: F64, recency: F64, age: F64) -> Buying:
        """By maximum likelihood; a tiny penalty holds parameters that the data do not tell. Equal customers count once."""
        scale = 10.0 / max(float(age.max()), 1e-9)
        rows, counts = np.unique(np.column_stack([frequency, recency * scale, age * scale]), axis=0, return_counts=True)
        x, t, T = rows.T
        weight = counts / counts.sum()

        def loss(logs: F64) -> float:
            return -float((weight * _log_likelihood(np.exp(logs), x, t, T)).sum()) + 1e-6 * float((logs**2).sum())

        best = None
        for start in (np.zeros(4), np.array([-1.0, 1.0, 0.0, 1.0])):
            found = minimize(loss, start, method="L-BFGS-B", bounds=[(-8, 8)] * 4)
            best = found if best is None or found.fun < best.fun else best
        assert best is not None
        r, alpha, a, b = np.exp(best.x).tolist()
        model = cls(r, alpha / scale, a, b)
        model.likelihood = float(_log_likelihood(np.array([model.r, model.alpha, a, b]), frequency, recency, age).sum())
        return model

    def alive(self, frequency: F64, recency: F64, age: F64) -> F64:
        """float64[n] the probability that a customer still buys (Fader, Hardie and Lee 2008)."""
        x = frequency
        log = (self.r + x) * np.log((self.alpha + age) / (self.alpha + recency))
        log += np.log(self.a / (self.b + np.maximum(x, 1) - 1))
        return np.where(x == 0, 1.0, 1.0 / (1.0 + np.exp(np.clip(log, -500, 500))))

    def expected(self, horizon: float, frequency: F64, recency: F64, age: F64) -> F64:
        """float64[n] purchases within ``horizon`` from now (equation 10 of the paper)."""
        x = frequency
        top = self.a + self.b + x - 1
        if self.a == 1.0:
            return self.alive(x, recency, age) * horizon * (self.r + x) / (self.alpha + age)
        z = horizon / (self.alpha + age + horizon)
        series = hyp2f1(self.r + x, self.b + x, top, z)
        shrink = ((self.alpha + age) / (self.alpha + age + horizon)) ** (self.r + x)
        return np.maximum(top / (self.a - 1) * (1 - shrink * series) * self.alive(x, recency, age), 0.0)


def _log_likelihood(parameters: F64, x: F64, t: F64, T: F64) -> F64:
    r, alpha, a, b = parameters
    first = gammaln(r + x) - gammaln(r) + r * np.log(alpha)
    second = betaln(a, b + x) - betaln(a, b)
    still = -(r + x) * np.log(alpha + T)
    gone = np.where(x > 0, np.log(a / (b + np.maximum(x, 1) - 1)) - (r + x) * np.log(alpha + t), -np.inf)
    return first + second + np.logaddexp(still, gone)


@dataclass
class Spending:
    """Gamma-Gamma's ``p``, ``q`` and ``v``."""

    p: float
    q: float
    v: float

    @classmethod
    def fit(cls, frequency: F64, mean: F64) -> Spending:
        """Of customers with repeat purchases, ``mean`` being what one of them was worth. ``q`` is held near 1.5 or
        above: near 1 the mean of all customers is without bound."""
        known = (frequency > 0) & (mean > 0)
        x, m = frequency[known], mean[known]
        scale = float(m.mean()) if len(m) else 1.0
        m = m / scale

        def loss(logs: F64) -> float:
            p, q, v = np.exp(logs)
            value = gammaln(p * x + q) - gammaln(p * x) - gammaln(q) + q * np.log(v)
            value += (p * x - 1) * np.log(m) + p * x * np.log(x) - (p * x + q) * np.log(x * m + v)
            return -float(value.mean()) + 1e-6 * float((logs**2).sum())

        if len(m) < 10:
            return cls(1.0, 2.0, scale)
        found = minimize(loss, np.array([1.0, 1.2, 0.5]), method="L-BFGS-B", bounds=[(-4, 6), (0.4, 6), (-6, 8)])
        p, q, v = np.exp(found.x).tolist()
        return cls(p, q, v * scale)

    def expected(self, frequency: F64, mean: F64) -> F64:
        """float64[n] what a purchase of each will be worth; those without a repeat purchase are like all."""
        x, m = frequency, np.where(frequency > 0, np.maximum(mean, 0.0), 0.0)
        return self.p * (self.v + x * m) / (self.p * x + self.q - 1)
