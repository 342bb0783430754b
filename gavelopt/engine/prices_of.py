"""Prices for people: multipliers of the normal form as changes of the reported value, and their two sides.

The value V(C) of a concave program is concave in the capacities C, and its one-sided derivatives are the least and the
greatest price among all multipliers that prove the optimum (Danskin). With the jobs' marginal utilities g at the optimum
(or, for a minimum, any g = lambda slope with lambda in the simplex) those multipliers are the face

    y, w >= 0,    w_i + s_i y_c >= g_i T_ic,    capacity.y + time.w  =  optimum

so each side is one small linear program over (y, w[, lambda]), on merged jobs.
"""

from __future__ import annotations

import numpy as np
from scipy import optimize, sparse

from gavelopt.engine.aggregate import merge
from gavelopt.engine.linear import typical
from gavelopt.engine.problem import Answer, Problem
from gavelopt.judge.certify import Multipliers, majorant, time_prices
from gavelopt.judge.verdict import Verdict
from gavelopt.model.arrays import FloatArray
from gavelopt.model.solution import Prices
from gavelopt.model.space import AllocationSpace
from gavelopt.model.utility import Utility

SLACK = 1e-9  # how far from the optimum a price vector may be and still count as proof


def priced(problem: Problem, answer: Answer, verdict: Verdict) -> Prices | None:
    """Prices per accelerator and per job in the reported unit, or None where the method offered none."""
    utility, found = problem.utility, answer.multipliers
    if utility is None or found is None or found.prices is None or verdict.value is None:
        return None
    price = found.prices
    rate = answer.columns(problem.space).rate(answer.x)
    slope = utility.reported_slope(utility.value(rate))
    if not np.isfinite(slope):
        return None
    tangent = majorant(utility, found, problem.space.ceiling)
    jobs = None if tangent is None else time_prices([(problem.space, tangent[1])], price, found.time) * slope

    def sides() -> FloatArray | None:
        if verdict.status != "optimal" or problem.floors:
            return None
        faces = price_faces(problem.space, utility, rate)
        return None if faces is None else snapped(faces, price, utility.value(rate), problem.space.capacity) * slope

    return Prices(
        problem.space.resources,
        found.prices * slope,
        jobs,
        problem.policy.unit(problem.instance),
        sides,
        throughput=None if tangent is None else tangent[1] * slope,
        floors=None if found.floors is None or not problem.floors else found.floors * slope,
        cost_per_hour=problem.instance.cluster.cost_per_hour,
    )


def snapped(faces: FloatArray, price: FloatArray, value: float, capacity: FloatArray) -> FloatArray:
    """Sides that differ from the proving price by no more than SLACK allows are that price."""
    noise = 1e4 * SLACK * max(abs(value), 1e-300) / np.maximum(capacity, 1.0)
    near = np.abs(faces - price[:, None]) <= noise[:, None]
    return np.sort(np.where(near, price[:, None], faces), axis=1)


def price_faces(space: AllocationSpace, utility: Utility, rate: FloatArray) -> FloatArray | None:
    """(C, 2) least and greatest optimal price of each resource in units of U, at the optimal rates ``rate``."""
    if not (utility.p <= 1.0) or space.plain is None:
        return None
    merged = merge(space, utility)
    if merged is not None:
        total = np.bincount(merged.member, weights=rate, minlength=len(merged.count)).astype(np.float64)
        space, utility, rate = merged.space, merged.utility, total
    unit = typical(space, utility)
    face = _face(space, utility, rate, unit)
    if face is None:
        return None
    lower, matrix, resources = face
    sides = np.zeros((resources, 2))
    for resource in range(resources):
        for side, sign in enumerate((1.0, -1.0)):
            cost = np.zeros(matrix.shape[1])
            cost[resource] = sign
            solved = optimize.linprog(cost, A_ub=matrix, b_ub=lower, bounds=(0, None), method="highs")
            if solved.status == 3:  # no capacity at all: the price may be as high as it likes
                sides[resource, side] = np.inf
            elif solved.status != 0:
                return None
            else:
                sides[resource, side] = sign * solved.fun
    return sides * unit


def _face(
    space: AllocationSpace, utility: Utility, rate: FloatArray, unit: float
) -> tuple[FloatArray, sparse.csr_array, int] | None:
    """The optimal multipliers as  A v <= b  over v = (y, w, lambda), all divided by ``unit``."""
    grid = space.grid
    assert grid is not None
    jobs, resources = grid.table.shape
    row, column = np.nonzero(grid.usable & (grid.table > 0))
    cells = np.arange(len(row))
    minus = [
        sparse.csr_array((-grid.use[row], (cells, column)), shape=(len(row), resources)),
        sparse.csr_array((-np.ones(len(row)), (cells, row)), shape=(len(row), jobs)),
    ]
    paid = np.concatenate([space.capacity, space.time])
    value = utility.value(rate)
    if utility.p == -np.inf:
        on = np.flatnonzero(utility.active)
        if value >= utility.cap or utility.saturation is not None:
            return None
        slope = np.zeros(jobs)
        slope[on] = utility.slope[on] / unit
        place = np.full(jobs, -1)
        place[on] = np.arange(len(on))
        kept = place[row] >= 0
        gain = sparse.csr_array(
            ((grid.table[row, column] * slope[row])[kept], (cells[kept], place[row][kept])), shape=(len(row), len(on))
        )
        offset = utility.offset[on] / unit
        ones = np.concatenate([np.zeros(resources + jobs), np.ones(len(on))])
        matrix = sparse.vstack(
            [sparse.hstack([*minus, gain]), np.concatenate([paid, offset])[None, :], ones[None, :], -ones[None, :]]
        )
        return (
            np.concatenate([np.zeros(len(row)), [value / unit * (1 + SLACK) + SLACK, 1.0, -1.0]]),
            sparse.csr_array(matrix),
            resources,
        )
    found = majorant(utility, Multipliers(at=rate), space.ceiling)
    if found is None:
        return None
    gradient = found[1] / unit
    optimum = float(gradient @ rate)
    matrix = sparse.vstack([sparse.hstack(minus), paid[None, :]])
    return (
        np.concatenate([-gradient[row] * grid.table[row, column], [optimum * (1 + SLACK) + SLACK]]),
        sparse.csr_array(matrix),
        resources,
    )
