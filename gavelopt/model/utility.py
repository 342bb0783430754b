"""The normal form of a policy's objective: maximise a power mean of scaled rates.

    u_i(r_i) = (slope_i r_i + offset_i) / (1 + saturation_i r_i)          one job's utility, concave and rising in its rate
    U(r)     = (sum_i w_i u_i^p)^(1/p)                                    p = 1: weighted sum
               sum_i w_i log u_i                                          p = 0: proportional fairness
               min over i with w_i > 0 of u_i, at most ``cap``            p = -inf: max-min, makespan, finish-time fairness
               max over i with w_i > 0 of u_i                             p = +inf: not concave (shortest job first)

What a policy reports is a monotone map of U: U itself, 1/U (times: makespan) or exp U (a geometric mean).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from gavelopt.model.arrays import BoolArray, FloatArray, inner

NEAR_ZERO = 1e-6  # a power mean with p nearer to 0 is taken as the geometric mean: powers lose their digits there

Report = Literal["same", "reciprocal", "exp"]


@dataclass(frozen=True, eq=False)
class Utility:
    """See the head of this file. slope, offset, weight (and saturation) are (J,); all >= 0 but the offset."""

    p: float
    slope: FloatArray
    offset: FloatArray
    weight: FloatArray
    report: Report = "same"
    saturation: FloatArray | None = None
    cap: float = np.inf

    @property
    def active(self) -> BoolArray:
        """(J,) jobs that count."""
        return np.asarray(self.weight > 0)

    @property
    def concave(self) -> bool:
        return self.p <= 1.0

    @property
    def curved(self) -> bool:
        """Whether its tangents differ from place to place."""
        return self.p not in (1.0, -np.inf) or self.saturation is not None

    @property
    def sense(self) -> Literal["max", "min"]:
        """Whether the reported value is to be made large or small."""
        return "min" if self.report == "reciprocal" else "max"

    def per_job(self, rate: FloatArray) -> FloatArray:
        """(J,) u_i(r_i)."""
        top = self.slope * rate + self.offset
        return top if self.saturation is None else np.asarray(top / (1.0 + self.saturation * rate))

    def value(self, rate: FloatArray) -> float:
        """U(r) in the normal form."""
        u, w, on = self.per_job(rate), self.weight, self.active
        if not on.all():
            u, w = u[on], w[on]
        return min(self.cap, power_sum(u, w, self.p)) if self.p == -np.inf else power_sum(u, w, self.p)

    def reported(self, value: float) -> float:
        """What the policy reports for a value of U."""
        if self.report == "exp":
            return float(np.exp(value))
        if self.report == "reciprocal":
            return 0.0 if np.isinf(value) else (float("inf") if value <= 0 else 1.0 / value)
        return float(value)

    def normal(self, reported: float) -> float:
        """The value of U that is reported as ``reported``."""
        if self.report == "exp":
            return float(np.log(reported)) if reported > 0 else -np.inf
        if self.report == "reciprocal":
            return np.inf if reported == 0 else 1.0 / reported
        return float(reported)

    def reported_slope(self, value: float) -> float:
        """d reported / d U at a value of U: turns prices of the normal form into the policy's unit."""
        if self.report == "exp":
            return float(np.exp(value))
        if self.report == "reciprocal":
            return -np.inf if value <= 0 else -1.0 / value**2
        return 1.0


def power_sum(u: FloatArray, w: FloatArray, p: float) -> float:
    """(sum w u^p)^(1/p) with its limits at p = 0 (sum w log u), -inf (min) and +inf (max), free of overflow."""
    if not w.all():  # who has no weight does not count, whatever its u
        u, w = u[w > 0], w[w > 0]
    if p == 1.0:
        return inner(w, u)
    if p == -np.inf:
        return float(u.min()) if u.size else np.inf
    if p == np.inf:
        return float(u.max()) if u.size else np.inf  # used for times: with no job left the first one is done at 0
    with np.errstate(divide="ignore"):
        logs = np.log(np.maximum(u, 0.0))
    if p == 0.0:
        return inner(w, logs) if u.size else 0.0
    if not u.size or (p < 0 and bool((u <= 0).any())):
        return 0.0
    spread = p * logs
    if float(np.abs(spread).max()) < 0.1:  # near p = 0 the powers are all close to 1: what they lack counts
        return float(np.exp((np.log(w.sum()) + np.log1p(inner(w / w.sum(), np.expm1(spread)))) / p))
    powers = spread + np.log(w)
    top = powers.max()
    return 0.0 if top == -np.inf else float(np.exp((top + np.log(np.exp(powers - top).sum())) / p))


def settled(p: float) -> float:
    """The p that is meant: 0 for what is too near to it."""
    return 0.0 if abs(p) < NEAR_ZERO else float(p)
