"""Bounds that can be recomputed from multipliers.

Let U be concave, U(r) <= a + g.r an affine majorant, y >= 0 any capacity prices and v >= 0 any prices of rate floors f.
With G = g + v, every feasible x has, for any time prices w >= 0 with  G.R_c <= y.U_c + w.M_c  for every column c,

    U(R x) <= a - v.f + capacity.y + time.w

Nobody is trusted: a multiplier that is wrong makes the bound weak, never false. Where every column serves one job the
best w is  w_i = max(0, max_c (G_i R_ic - y.U_c));  otherwise a given w is raised until every column is covered, also
those pairs of jobs that no solver ever listed.
Any utility that rises with the rates is also at most U(ceiling), every job at its fastest.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from gavelopt.model.arrays import BoolArray, FloatArray, inner
from gavelopt.model.constraints import RateFloor, joint_floor
from gavelopt.model.space import AllocationSpace
from gavelopt.model.utility import Utility

Worth = Sequence[tuple[AllocationSpace, FloatArray]]  # rates and the (J,) worth of one unit of each

ROUNDING = 8 * float(np.finfo(np.float64).eps)  # relative: terms that cancel must not prove what is only their rounding
NOWHERE = np.zeros(0)
CHUNK = 1 << 14  # jobs per block: its rates stay in the cache


@dataclass(frozen=True, eq=False)
class Multipliers:
    """What a method offers as proof; every part is optional.

    prices:   (C,) price of each resource, in units of the normal form U.
    emphasis: (J,) weight that each job's utility has in a minimum (the duals of an epigraph).
    at:       (J,) rates at which to take the tangent of U.
    time:     (J,) price of each job's time; used where columns serve several jobs.
    floors:   (J,) price of each job's rate floor.
    """

    prices: FloatArray | None = None
    emphasis: FloatArray | None = None
    at: FloatArray | None = None
    time: FloatArray | None = None
    floors: FloatArray | None = None


def upper_bound(
    space: AllocationSpace,
    utility: Utility,
    given: Multipliers | None,
    floors: Sequence[RateFloor] = (),
    measured: AllocationSpace | None = None,
    enough: float = -np.inf,
) -> float:
    """The least upper bound on U that the multipliers prove; U at the ceiling where they prove nothing, or no less.

    ``measured`` has the rates that floors are held against, where they differ from those of ``space``. A bound of at most
    ``enough`` is not compared with U at the ceiling any more.
    """
    bound = None
    if given is not None and given.prices is not None and utility.concave:
        with np.errstate(over="ignore", invalid="ignore", divide="ignore"):  # absurd multipliers end in inf or nan
            bound = _dual_value(space, utility, given, floors, measured)
    if bound is None or not np.isfinite(bound):
        return utility.value(space.ceiling)
    return bound if bound <= enough else min(bound, utility.value(space.ceiling))


def _dual_value(
    space: AllocationSpace,
    utility: Utility,
    given: Multipliers,
    floors: Sequence[RateFloor],
    measured: AllocationSpace | None,
) -> float | None:
    tangent = majorant(utility, given, space.ceiling if utility.curved else NOWHERE)
    if tangent is None or given.prices is None:
        return None
    constant, gradient = tangent
    price = np.maximum(np.nan_to_num(given.prices), 0.0)
    worth, promised = [(space, gradient)], 0.0
    if given.floors is not None and floors:
        extra = np.maximum(np.nan_to_num(given.floors), 0.0)
        promised = inner(extra, joint_floor(floors, len(extra)))
        worth.append((measured or space, extra))
    time = time_prices(worth, price, given.time)
    terms = np.array([constant, -promised, inner(space.capacity, price), inner(space.time, time)])
    return float(terms.sum() + ROUNDING * np.abs(terms).sum())


def majorant(utility: Utility, given: Multipliers, ceiling: FloatArray) -> tuple[float, FloatArray] | None:
    """(a, g) with U(r) <= a + g.r for all rates 0 <= r <= ceiling, or None where the multipliers name no tangent point."""
    on = utility.active
    if not on.any():
        return None
    if utility.p == 1.0:
        return inner(utility.weight, utility.offset), utility.weight * utility.slope
    if utility.p == -np.inf:
        return _majorant_of_minimum(utility, given, ceiling, on)
    if given.at is None:
        return None
    if utility.p > 0:  # a job that can run nowhere adds w 0^p = 0 to every power sum
        on = on & (ceiling > 0)
    least = 1e-300 if utility.p > 0 else 1e-15  # next to p = 1 who loses has next to nothing
    rate = np.where(on, np.clip(given.at, least * ceiling, ceiling), 0.0)
    return _tangent(utility, rate, on)


def _majorant_of_minimum(
    utility: Utility, given: Multipliers, ceiling: FloatArray, on: BoolArray
) -> tuple[float, FloatArray] | None:
    """min u_i <= sum lambda_i u_i for lambda in the simplex, each u_i under its own tangent."""
    if given.emphasis is None:
        return None
    share = np.where(on, np.maximum(np.nan_to_num(given.emphasis), 0.0), 0.0)
    if share.max(initial=0.0) <= 0.0:
        return None
    share = share / share.max()  # first, so that the sum of absurd ones is finite: shares of an infinite sum are all 0
    share = share / share.sum()
    if utility.saturation is None:
        return inner(share, utility.offset), share * utility.slope
    if given.at is None:
        return None
    rate = np.clip(given.at, 0.0, ceiling)
    bend = 1.0 + utility.saturation * rate
    gradient = (utility.slope - utility.saturation * utility.offset) / bend**2
    return _difference(inner(share, utility.per_job(rate)), inner(share, gradient * rate)), share * gradient


def _difference(value: float, part: float) -> float:
    """value - part, rounded up by what its rounding may hide."""
    return value - part + ROUNDING * (abs(value) + abs(part))


def _tangent(utility: Utility, rate: FloatArray, on: BoolArray) -> tuple[float, FloatArray] | None:
    """The tangent of a power mean (p < 1, p = 0 the weighted logarithms) at ``rate``."""
    u = utility.slope * rate + utility.offset
    if bool((u[on] <= 0).any()) or utility.saturation is not None:
        return None
    gradient = np.zeros_like(u)
    if utility.p == 0.0:
        gradient[on] = utility.weight[on] / u[on]
        value = inner(utility.weight[on], np.log(u[on]))
    else:  # d/du_i (sum w u^p)^(1/p) = w_i (u_i / U)^(p-1)
        value = utility.value(rate)
        if value <= 0:
            return None
        gradient[on] = utility.weight[on] * np.exp((utility.p - 1.0) * (np.log(u[on]) - np.log(value)))
    return _difference(value, inner(gradient[on], (utility.slope * rate)[on])), gradient * utility.slope


def time_prices(worth: Worth, price: FloatArray, given: FloatArray | None = None) -> FloatArray:
    """(J,) w >= 0 that covers every column c:  sum over (space, g) in ``worth`` of g.R_c  <=  price.U_c + w.M_c.

    The spaces differ in their rates only. ``given`` is where w starts from; single columns are covered exactly, columns of
    several jobs by raising the first of their members.
    """
    space = worth[0][0]
    start = np.zeros(len(space.jobs)) if given is None else np.maximum(np.nan_to_num(given), 0.0)
    if space.plain is not None:
        return _cover_singles(worth, price)
    if space.grid is None:
        return _cover_columns(worth, price, start)
    time = np.maximum(start, _cover_singles(worth, price))
    if space.family is not None:
        return _cover_pairs(worth, price, time)
    return time if space.shared is None else _cover_columns(worth, price, time)


def _cover_singles(worth: Worth, price: FloatArray) -> FloatArray:
    grid = worth[0][0].grid
    assert grid is not None
    time, everywhere = np.zeros(len(grid.use)), bool(grid.usable.all())
    for start in range(0, len(time), CHUNK):
        rows = slice(start, start + CHUNK)
        for column, toll in enumerate(price):  # column by column: numpy is slow at the largest of a short row
            profit = grid.use[rows] * -toll
            for space, gradient in worth:
                assert space.grid is not None
                profit += space.grid.by_type[column, rows] * gradient[rows]
            able = True if everywhere else grid.usable[rows, column]
            np.maximum(time[rows], profit, out=time[rows], where=able)
    return time


def _cover_columns(worth: Worth, price: FloatArray, time: FloatArray) -> FloatArray:
    """Any sparse columns: the shortfall of each is split evenly over its members."""
    space = worth[0][0]
    _, member, use = space.matrices
    profit = np.sum([s.matrices[0].T @ gradient for s, gradient in worth], axis=0) - use.T @ price
    short = np.maximum(profit - member.T @ time, 0.0)
    members = np.asarray(member.sum(axis=0)).ravel()
    raise_by = member.multiply((short / np.maximum(members, 1.0))[None, :]).max(axis=1)
    return np.asarray(time + np.asarray(raise_by.todense()).ravel())


def _cover_pairs(worth: Worth, price: FloatArray, time: FloatArray) -> FloatArray:
    """Every pair that the family stands for, entry by entry, without listing the pairs.

    With scores  a_i = g_i r_p0 - w_i  and  b_k = g_k r_p1 - w_k  an entry is covered when the best a_i + b_k of two
    different jobs is at most its price; otherwise the largest a_i are cut by the excess, by raising their w.
    """
    space = worth[0][0]
    family = space.family
    assert family is not None
    toll = family.use * price[family.resource]
    order = np.argsort(family.kind, kind="stable")
    ends = np.cumsum(family.jobs_of_kind)
    jobs_of = np.split(order, ends[:-1])
    time = time.copy()
    for entry, (first, second) in enumerate(family.members.tolist()):
        left, right = jobs_of[first], jobs_of[second]
        a, b = -time[left], -time[right]
        for other, gradient in worth:
            assert other.family is not None
            a, b = a + gradient[left] * other.family.rates[entry, 0], b + gradient[right] * other.family.rates[entry, 1]
        excess = _best_pair(a, b, first == second) - toll[entry]
        if excess > 0.0:
            time[left] += np.maximum(a - (a.max() - excess), 0.0)
    return time


def _best_pair(a: FloatArray, b: FloatArray, same: bool) -> float:
    """The largest a_i + b_k, of two different positions where both count the same jobs."""
    if not same:
        return float(a.max() + b.max())
    if len(a) < 2:
        return -np.inf
    i, k = int(np.argmax(a)), int(np.argmax(b))
    if i != k:
        return float(a[i] + b[k])
    return float(max(a[i] + np.delete(b, k).max(), np.delete(a, i).max() + b[k]))
