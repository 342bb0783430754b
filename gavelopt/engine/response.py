"""What each job would buy at given prices: the walk along its lower convex hull.

At prices y a job with time budget t sees the points (t T_ic, t s_i y_c), one a type, and the origin (idle). Their lower
convex hull is its cost of throughput; a job with marginal worth  m_i(r) = worth_i r^(p-1)  climbs the hull while the next
piece costs less per unit of rate than m_i there. Taking the tangent of U at these rates makes the judge's bound exactly
the Lagrangian dual at y: its error is of second order in the error of the prices.
"""

from __future__ import annotations

import numpy as np

from gavelopt.model.arrays import FloatArray
from gavelopt.model.space import AllocationSpace


def response(space: AllocationSpace, price: FloatArray, worth: FloatArray, p: float) -> FloatArray:
    """(J,) rates that maximise  integral of worth r^(p-1)  minus the cost at ``price``; p < 1, space a plain grid."""
    grid = space.plain
    assert grid is not None
    top = np.where(grid.usable, grid.table, 0.0) * space.time[:, None]
    toll = grid.use[:, None] * space.time[:, None] * np.maximum(price, 0.0)[None, :]
    rate, paid = np.zeros(len(top)), np.zeros(len(top))
    rows = np.flatnonzero((top.max(axis=1, initial=0.0) > 0) & (worth > 0))
    for _ in range(top.shape[1]):
        if not len(rows):
            break
        step = top[rows] - rate[rows, None]
        with np.errstate(divide="ignore", invalid="ignore"):
            slope = np.where(step > 0, np.maximum(toll[rows] - paid[rows, None], 0.0) / step, np.inf)
        best = slope.min(axis=1)
        # among equally steep pieces the longest one
        at = np.argmax(np.where(slope <= best[:, None] * (1 + 1e-14), top[rows], -1.0), axis=1)
        with np.errstate(divide="ignore", over="ignore"):
            stop = (best / worth[rows]) ** (1.0 / (p - 1.0))
        end = top[rows, at]
        climbs = np.isfinite(best) & (stop > rate[rows])
        rate[rows] = np.where(climbs, np.minimum(stop, end), rate[rows])
        onward = climbs & (stop >= end)
        rows, at = rows[onward], at[onward]
        paid[rows] = toll[rows, at]
    return rate
