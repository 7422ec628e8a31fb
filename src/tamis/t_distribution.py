"""Student's t for any degrees of freedom above 0, without scipy: tails and quantiles.

Formula: P(|T| > t) = I_x(v / 2, 1 / 2), x = v / (v + t^2), the incomplete beta function over the
whole one, by its continued fraction in Lentz's way, on the side on which that converges fast.
`quantile` finds the tail's root by Newton's steps; `intervals.student` is faster and rougher.
Oracle: scipy's t from 0.5 to 1e7 degrees of freedom, relative difference below 1e-8.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import erfc, exp, inf, isnan, lgamma, log, log1p, nan, pi, sqrt

LARGE = 1e8
"""So many degrees of freedom make a normal distribution."""
TINY = 1e-300


def tail(t: float, freedom: float) -> float:
    """P(T > t), for t of either sign; NaN for NaN and for no degrees of freedom."""
    if isnan(t) or not freedom > 0:
        return nan
    half = _two_tails(abs(t), freedom) / 2
    return half if t >= 0 else 1 - half


def quantile(share: float, freedom: float) -> float:
    """The t below which this share of the distribution lies."""
    if not (0 < share < 1 and freedom > 0):
        return nan
    if share < 0.5:
        return -quantile(1 - share, freedom)
    t, step = 0.0, 1.0
    while step > 1e-15 * t:  # the tail is convex: steps along its slope never go beyond
        step = (tail(t, freedom) - (1 - share)) / _density(t, freedom)
        t += max(step, 0.0)
    return t


def _density(t: float, freedom: float) -> float:
    power = log1p(t * t / freedom) * (freedom + 1) / 2
    return exp(_log_ratio(freedom / 2) - power) / sqrt(freedom * pi)


def _two_tails(t: float, freedom: float) -> float:
    """P(|T| > t) for t of at least 0."""
    if t == inf:
        return 0.0
    if freedom >= LARGE:
        return erfc(t / sqrt(2))
    a, x, y = freedom / 2, freedom / (freedom + t * t), t * t / (freedom + t * t)
    if not y > 0:
        return 1.0
    # the density's factor, x^a y^(1/2) / B(a, 1/2)
    log_x = log1p(-y) if y < 0.5 else log(x)
    factor = exp(a * log_x + log(y) / 2 + _log_ratio(a) - log(pi) / 2)
    if x < (a + 1) / (a + 2.5):
        return factor * _fraction(a, 0.5, x) / a
    return 1 - factor * _fraction(0.5, a, y) / 0.5


def _log_ratio(a: float) -> float:
    """Log of gamma(a + 1/2) / gamma(a), which for large a is a difference of huge numbers."""
    if a < 100:
        return lgamma(a + 0.5) - lgamma(a)
    z = 1 / a
    return log(a) / 2 + log1p(-z / 8 + z**2 / 128 + 5 * z**3 / 1024 - 21 * z**4 / 32768)


def _fraction(a: float, b: float, x: float) -> float:
    """The continued fraction 1 / (1 + d1 x / (1 + d2 x / (1 + ...))) of the incomplete beta."""
    c, d, found = 1.0, 0.0, 1.0
    for step, term in enumerate(_terms(a, b, x)):
        d = 1 / ((1 + term * d) or TINY)
        c = (1 + term / c) or TINY
        found *= c * d
        if step > 1 and abs(c * d - 1) < 1e-15:
            break
    return 1 / found


def _terms(a: float, b: float, x: float) -> Iterator[float]:
    """d1 x, d2 x, ...; so many that it has always converged before."""
    for m in range(100_000):
        yield -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        yield (m + 1) * (b - m - 1) * x / ((a + 2 * m + 1) * (a + 2 * m + 2))
