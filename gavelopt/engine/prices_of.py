"""Prices for people: multipliers of the normal form as changes of the reported value, and their two sides.

The value V(C) of a concave program is concave in the capacities C, and its one-sided derivatives are the least and the
greatest price among all multipliers that prove the optimum (Danskin). With the jobs' marginal utilities g at the optimum
(or, for a minimum, any g = lambda slope with lambda in the simplex) those multipliers are the face

    y, w >= 0,    w_i + s_i y_c >= g_i T_ic,    capacity.y + time.w  =  optimum

so each side is one small linear program over (y, w[, lambda]), on merged jobs; of many only those near a tie have
variables of their own (``prices.faces``). Where every job is at its ceiling, or a
job that can run nowhere fixes the value, y = 0 is among them and is the price shown. References by which rates are
normalised are held as they are, also where they depend on the counts.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import optimize, sparse

from gavelopt.engine.aggregate import merge
from gavelopt.engine.problem import Answer, Problem
from gavelopt.judge.certify import Multipliers, majorant, time_prices
from gavelopt.judge.verdict import Verdict
from gavelopt.model.arrays import BoolArray, FloatArray, IntArray
from gavelopt.model.solution import Prices
from gavelopt.model.space import AllocationSpace
from gavelopt.model.utility import Utility

SLACK = 1e-9  # how far from the optimum a price vector may be and still count as proof
NOISE = 1e-5  # error of a solver's price, relative to what all capacity is worth
SPARE = 1e-6  # of a capacity: less may be rounding
MANY, TOO_MANY = 3_000, 20_000  # cells after merging: beyond, a program over all jobs is slow; takes far too long


def priced(problem: Problem, answer: Answer, verdict: Verdict) -> Prices | None:
    """Prices per accelerator and per job in the reported unit, or None where the method offered none."""
    utility, found = problem.utility, answer.multipliers
    if utility is None or found is None or found.prices is None or verdict.value is None:
        return None
    value = utility.normal(verdict.value)
    slope = utility.reported_slope(value)
    if not np.isfinite(slope):
        return None
    if not problem.floors and at_ceiling(problem.space, utility, value):
        found = ceiling_proof(problem.space, utility)
    price = np.asarray(found.prices)
    space, floors, exact = problem.space, bool(problem.floors), verdict.status == "optimal"
    taken = answer.columns(space)

    def of_jobs() -> tuple[FloatArray | None, FloatArray | None]:
        tangent = majorant(utility, found, space.ceiling)
        if tangent is None:
            return None, None
        return time_prices([(space, tangent[1])], price, found.time) * slope, tangent[1] * slope

    def sides() -> FloatArray | None:
        if not exact or floors:
            return None
        scarce = taken.usage(answer.x) >= (1.0 - SPARE) * space.capacity
        if not price.any() and not scarce.any():
            return np.zeros((len(price), 2))  # what is left over has no price in any proof
        faces = price_faces(space, utility, taken.rate(answer.x), price, scarce)
        return None if faces is None else snapped(faces, price, space.capacity) * slope

    return Prices(
        space.resources,
        price * slope,
        problem.policy.unit(problem.instance),
        None if found.floors is None or not floors else found.floors * slope,
        problem.instance.cluster.cost_per_hour,
        sides,
        of_jobs,
    )


def at_ceiling(space: AllocationSpace, utility: Utility, value: float) -> bool:
    """Whether no capacity whatever could give more than ``value``."""
    best = utility.value(space.ceiling)
    return utility.concave and value >= best - SLACK * abs(best)


def ceiling_proof(space: AllocationSpace, utility: Utility) -> Multipliers:
    """Capacity is free, and a minimum is that of the job whose ceiling is lowest."""
    emphasis = np.zeros(len(space.jobs))
    if utility.active.any():
        emphasis[np.argmin(np.where(utility.active, utility.per_job(space.ceiling), np.inf))] = 1.0
    return Multipliers(np.zeros(len(space.capacity)), emphasis, space.ceiling)


def snapped(faces: FloatArray, price: FloatArray, capacity: FloatArray) -> FloatArray:
    """Sides that differ from the proving price by no more than its own error are that price."""
    finite = np.where(np.isfinite(faces), faces, 0.0)
    paid = max(float(capacity @ finite.max(axis=1, initial=0.0)), 1e-300)
    near = np.abs(faces - price[:, None]) <= (NOISE * paid / np.maximum(capacity, 1.0))[:, None]
    return np.sort(np.where(near, price[:, None], faces), axis=1)


def price_faces(
    space: AllocationSpace, utility: Utility, rate: FloatArray, price: FloatArray, scarce: BoolArray
) -> FloatArray | None:
    """(C, 2) least and greatest optimal price of each resource in units of U, at the optimal rates and one price of each;
    scarce (C,): what is used up. None where it would take too long."""
    if not (utility.p <= 1.0) or space.plain is None:
        return None
    value = utility.value(rate)
    if value >= utility.cap:
        return None
    if value <= 0.0 and utility.p != 0.0 and not utility.offset.any():  # a job that can run nowhere
        return np.column_stack([np.zeros(len(space.capacity)), np.where(space.capacity > 0, 0.0, np.inf)])
    merged = merge(space, utility)
    if merged is not None:
        total = np.bincount(merged.member, weights=rate, minlength=len(merged.count)).astype(np.float64)
        space, utility, rate = merged.space, merged.utility, total
    cells = len(rate) * len(price)
    ends = _ends_among_many(space, utility, rate, price, scarce) if cells > MANY and price.any() else None
    if ends is not None or cells > TOO_MANY:
        return ends
    worth = _emphasised(space, utility, rate) if utility.p == -np.inf else _fixed(space, utility, rate)
    return None if worth is None else _sides(worth, space.capacity)


def _ends_among_many(
    space: AllocationSpace, utility: Utility, rate: FloatArray, price: FloatArray, scarce: BoolArray
) -> FloatArray | None:
    """The same by a program over the prices and a few jobs; None where that does not come to an end."""
    from gavelopt.engine.prices.build import build, prices_again
    from gavelopt.engine.prices.faces import price_ends, strictly_convex

    built, value = build(space, utility, 1), utility.value(rate)
    unit = built.unit if utility.p == -np.inf else 1.0
    again = prices_again(built, utility, price, value)
    if utility.p in (1.0, -np.inf):
        ends = price_ends(built.market, again, min(value / unit, built.market.ceiling))
    else:
        kept = np.where(scarce, price, 0.0)
        ends = np.column_stack([kept, kept]) if strictly_convex(built.market, again, scarce) else None
    if ends is None:
        return None
    paid = float(built.market.capacity @ ends.max(axis=1))
    ends = np.where(ends * built.market.capacity[:, None] > 100.0 * SLACK * paid, ends * unit, 0.0)
    return np.where(space.capacity[:, None] > 0, ends, np.array([0.0, np.inf]))


@dataclass(frozen=True, eq=False)
class Dual:
    """minimise paid.v subject to A v <= b, sum of the last ``simplex`` entries = 1, v >= 0; v = (y, w, lambda) / unit."""

    paid: FloatArray
    matrix: sparse.csr_array
    upper: FloatArray
    simplex: int
    unit: float


def _emphasised(space: AllocationSpace, utility: Utility, rate: FloatArray) -> Dual | None:
    """A minimum: marginal utilities are lambda times the slope of each u_i (of its tangent at ``rate``)."""
    grid = space.grid
    assert grid is not None
    on = np.flatnonzero(utility.active)
    unit = utility.value(rate)
    if not (len(on) and unit > 0):
        return None
    saturation = np.zeros(len(rate)) if utility.saturation is None else utility.saturation
    slope = (utility.slope - saturation * utility.offset) / (1.0 + saturation * rate) ** 2
    constant = (utility.per_job(rate) - slope * rate)[on] / unit
    row, column, covered = _covering(space)
    place = np.full(len(rate), -1)
    place[on] = np.arange(len(on))
    kept = np.flatnonzero(place[row] >= 0)
    gain = (grid.table[row, column] * slope[row] / unit)[kept]
    gains = sparse.csr_array((gain, (kept, place[row[kept]])), shape=(len(row), len(on)))
    matrix = sparse.csr_array(sparse.hstack([covered, gains]))
    paid = np.concatenate([space.capacity, space.time, constant])
    return Dual(paid, matrix, np.zeros(len(row)), len(on), unit)


def _fixed(space: AllocationSpace, utility: Utility, rate: FloatArray) -> Dual | None:
    """A smooth utility, or a sum: marginal utilities are those at ``rate``."""
    grid = space.grid
    assert grid is not None
    found = majorant(utility, Multipliers(at=rate), space.ceiling)
    unit = 0.0 if found is None else float(found[1] @ rate)
    if found is None or unit <= 0.0:
        return None
    row, column, covered = _covering(space)
    worth = found[1][row] * grid.table[row, column] / unit
    return Dual(np.concatenate([space.capacity, space.time]), covered, -worth, 0, unit)


def _covering(space: AllocationSpace) -> tuple[IntArray, IntArray, sparse.csr_array]:
    """(job, type) of every column that serves, and the rows  -s_i y_c - w_i  over (y, w)."""
    grid = space.grid
    assert grid is not None
    row, column = np.nonzero(grid.usable & (grid.table > 0))
    cells, (jobs, types) = np.arange(len(row)), grid.table.shape
    use = sparse.csr_array((-grid.use[row], (cells, column)), shape=(len(row), types))
    time = sparse.csr_array((-np.ones(len(row)), (cells, row)), shape=(len(row), jobs))
    return row, column, sparse.csr_array(sparse.hstack([use, time]))


def _sides(dual: Dual, capacity: FloatArray) -> FloatArray | None:
    """Least and greatest y_c over the multipliers that attain the optimum; less than SLACK could explain is 0."""
    whole = np.zeros((1, len(dual.paid)))
    whole[0, len(dual.paid) - dual.simplex :] = 1.0
    equal: dict[str, object] = {"A_eq": whole, "b_eq": [1.0]} if dual.simplex else {}
    options = {"primal_feasibility_tolerance": 1e-10, "dual_feasibility_tolerance": 1e-10}
    common = {"bounds": (0, None), "method": "highs", "options": options, **equal}
    best = optimize.linprog(dual.paid, A_ub=dual.matrix, b_ub=dual.upper, **common)
    if best.status != 0:
        return None
    matrix = sparse.csr_array(sparse.vstack([dual.matrix, dual.paid[None, :]]))
    upper = np.append(dual.upper, best.fun + SLACK * abs(best.fun))
    sides = np.zeros((len(capacity), 2))
    for resource in range(len(capacity)):
        for side, sign in enumerate((1.0, -1.0)):
            cost = np.zeros(len(dual.paid))
            cost[resource] = sign
            found = optimize.linprog(cost, A_ub=matrix, b_ub=upper, **common)
            if found.status not in (0, 3):
                return None
            # unbounded: there is none of this type, and its price may be as high as it likes
            sides[resource, side] = np.inf if found.status == 3 else sign * found.fun
    return np.where(sides * np.maximum(capacity, 1.0)[:, None] > 100.0 * SLACK, sides, 0.0) * dual.unit
