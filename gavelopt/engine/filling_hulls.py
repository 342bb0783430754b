"""What rates cost at least at given capacity prices: every job on the lower hull of its types.

A job that wants the rate q buys the cheapest mixture of types that gives it within its time. In the plane of rate and cost
that is a point on the lower hull of (T_ij, s_i p_j) and of idling (0, 0): a part of its time on type a, the rest on type b.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gavelopt.engine.filling_path import Cut
from gavelopt.judge.certify import CHUNK
from gavelopt.model.arrays import BoolArray, FloatArray, IntArray

CORNER = 1e-13  # relative: a rate so near to that of one type is had on this type alone


@dataclass(frozen=True, eq=False)
class Crowd:
    """Jobs as rows: speed (K, R) on each type, use (K,) accelerators, capacity (R,); free (K,) what costs nothing: the
    fastest of the types that are left out, 0 without any."""

    speed: FloatArray
    use: FloatArray
    capacity: FloatArray
    free: FloatArray

    def sample(self, rows: IntArray, rate: FloatArray) -> Crowd:
        """Some rows with their part of the capacity, by what they would need of it for ``rate`` (K,) at their fastest."""
        top = self.speed.max(axis=1, initial=0.0)
        needed = self.use * np.divide(rate, top, out=np.zeros_like(top), where=top > 0)
        part = float(needed[rows].sum() / needed.sum()) if needed[rows].sum() > 0 else 1.0
        return Crowd(self.speed[rows], self.use[rows], self.capacity * part, self.free[rows])

    def only(self, types: BoolArray) -> Crowd:
        """With prices on some types (R,) only: of the others each job may have the fastest for nothing."""
        others = np.where(types, 0.0, self.speed).max(axis=1, initial=0.0)
        return Crowd(self.speed[:, types], self.use, self.capacity[types], np.maximum(self.free, others))

    @property
    def average(self) -> float:
        """A price such that all capacity costs 1."""
        return 1.0 / max(float(self.capacity.sum()), 1e-300)

    def points(self, price: FloatArray) -> tuple[FloatArray, FloatArray]:
        """(K, R + 2) rates and costs: the types, what costs nothing, and idling."""
        jobs = len(self.use)
        rate = np.hstack([self.speed, self.free[:, None], np.zeros((jobs, 1))])
        return rate, np.hstack([self.use[:, None] * price, np.zeros((jobs, 2))])


@dataclass(frozen=True, eq=False)
class Stand:
    """Rates (K,) had at least cost: on points a and b with the part ``share`` in b, at a marginal cost."""

    a: IntArray
    b: IntArray
    share: FloatArray
    marginal: FloatArray

    @property
    def corner(self) -> BoolArray:
        """(K,) jobs that are on b alone."""
        return np.asarray(self.share >= 1.0 - CORNER)

    def shares(self, types: int) -> FloatArray:
        """(K, R) time on each type."""
        each, x = np.arange(len(self.a)), np.zeros((len(self.a), types + 2))
        x[each, self.a] += 1.0 - self.share
        x[each, self.b] += self.share
        return x[:, :types]


def stand(crowd: Crowd, rate: FloatArray, price: FloatArray) -> Stand:
    """Walk every job along its hull, from idling on, until it has its rate (K,)."""
    jobs, idle = len(rate), len(price) + 1
    at = Stand(np.full(jobs, idle), np.full(jobs, idle), np.zeros(jobs), np.zeros(jobs))
    for first in range(0, jobs, CHUNK):  # so that it stays in the cache
        rows = slice(first, first + CHUNK)
        part = Crowd(crowd.speed[rows], crowd.use[rows], crowd.capacity, crowd.free[rows])
        _walk(part, rate[rows], price, Stand(at.a[rows], at.b[rows], at.share[rows], at.marginal[rows]))
    return at


def _walk(crowd: Crowd, rate: FloatArray, price: FloatArray, at: Stand) -> None:
    """Fill ``at``, where everybody idles."""
    speeds, costs = crowd.points(price)
    left = np.flatnonzero(rate > 0)
    while len(left):
        here, mine = at.b[left], np.arange(len(left))
        speed, cost = speeds[left], costs[left]
        run = speed - speed[mine, here][:, None]
        with np.errstate(divide="ignore", invalid="ignore"):
            slope = np.where(run > 0, (cost - cost[mine, here][:, None]) / run, np.inf)
        to = slope.argmin(axis=1)
        more = np.isfinite(slope[mine, to])  # else nothing is faster: a rate at the very top, up to rounding
        left, here, to, mine = left[more], here[more], to[more], mine[more]
        at.a[left], at.b[left], at.marginal[left] = here, to, np.maximum(slope[mine, to], 0.0)
        at.share[left] = np.minimum((rate[left] - speed[mine, here]) / run[mine, to], 1.0)
        left = left[rate[left] > speed[mine, to] * (1.0 + 1e-15)]


def cut_at(crowd: Crowd, rate: FloatArray, price: FloatArray) -> Cut:
    """What prices (R,) prove about the rates of the rows, tight at ``rate`` (K,)."""
    marginal = stand(crowd, rate, price).marginal
    profit = marginal[:, None] * crowd.speed - crowd.use[:, None] * price
    hours = np.maximum(profit.max(axis=1, initial=0.0), marginal * crowd.free)
    return Cut(price, marginal, None, float(crowd.capacity @ price) + float(hours.sum()))


def worth_at(crowd: Crowd, rate: FloatArray, price: FloatArray) -> FloatArray:
    """(K,) what a unit of rate is worth at ``rate``: at a corner of the hull between the slopes on either side, so that
    the job is content nowhere else; 0 where more is for nothing, or would begin to cost just there."""
    at = stand(crowd, rate, price)
    speeds, costs = crowd.points(price)
    each = np.arange(len(rate))
    run, dear = speeds - speeds[each, at.b][:, None], costs - costs[each, at.b][:, None]
    with np.errstate(divide="ignore", invalid="ignore"):
        steeper = np.where(run > 0, dear / run, np.inf).min(axis=1)
    between = np.where(np.isfinite(steeper), 0.5 * (at.marginal + steeper), 2.0 * at.marginal)
    return np.where(at.corner & (at.marginal > 0), between, at.marginal)


def undecided(crowd: Crowd, at: Stand, price: FloatArray, wide: FloatArray) -> FloatArray:
    """(K, R + 2) by how many times ``wide`` (R,) prices must move before a point can be of use to the job; 0 where it is."""
    speeds, costs = crowd.points(price)
    each = np.arange(len(at.a))
    low, high = speeds[each, at.a], speeds[each, at.b]
    run, dear = speeds - high[:, None], costs - costs[each, at.b][:, None]
    corner = at.corner
    with np.errstate(divide="ignore", invalid="ignore"):
        steeper = np.where(run > 0, dear / run, np.inf).min(axis=1)
        last = corner & ~np.isfinite(steeper)
        slope = np.where(corner & ~last, 0.5 * (at.marginal + steeper), at.marginal)
        part = (speeds - low[:, None]) / np.where(high > low, high - low, 1.0)[:, None]
        part[corner] = 1.0
        margin = np.maximum(dear - slope[:, None] * run, 0.0)
        box = np.append(wide, [0.0, 0.0])
        reach = crowd.use[:, None] * (box + np.abs(part) * box[at.b][:, None] + np.abs(1.0 - part) * box[at.a][:, None])
        times = np.where(reach > 0, margin / reach, np.inf)
    times[last[:, None] & (run < -CORNER * high[:, None])] = np.inf  # only its fastest types give it that rate
    times[:, :-1][speeds[:, :-1] <= 0] = np.inf
    times[at.b == speeds.shape[1] - 1] = np.inf  # wants no rate
    times[each, at.b] = 0.0
    times[np.flatnonzero(~corner), at.a[~corner]] = 0.0
    return np.asarray(times)
