"""Prices of types that are full, at which everybody who was settled there earlier is content to stay.

At a later bottleneck only other types have a price p >= 0 of their own, but a settled job may stand on such a type and on a
full one. It stays if the types it is on lie on one line in the plane of rate and cost, and whatever else it might choose,
as far as earlier prices have left it a choice, lies on it or above. These are linear conditions on the prices of the full
types, which may have any sign; the slope of the line is what a unit of rate is worth to the job.
"""

from __future__ import annotations

import numpy as np
from scipy import optimize

from gavelopt.errors import SolverError
from gavelopt.model.arrays import BoolArray, FloatArray

BELOW = 1e-12  # of the largest price: what a cost may lie below a line

NOTHING = 1e-14  # of the largest price: what is rounding


def contented(
    price: FloatArray, full: BoolArray, speed: FloatArray, use: FloatArray, on: BoolArray, may: BoolArray
) -> tuple[FloatArray, FloatArray]:
    """(prices (R,), worth (n,)) for n settled jobs: speed, on, may (n, R + 1) with idling as the last column."""
    low = np.where(on, speed, np.inf).argmin(axis=1)
    high = np.where(on, speed, -np.inf).argmax(axis=1)
    equal, above = _lines(speed, on, may, low, high)
    price = price.copy()
    if len(equal):
        price[full] = np.linalg.lstsq(equal[:, full], -equal @ price, rcond=None)[0]
    size = float(np.abs(price).max(initial=0.0))
    if len(above) and float((above @ price).min()) < -BELOW * size:
        price[full] = _least(equal[:, full], -equal @ np.where(full, 0.0, price), above, price, full)
    price[np.abs(price) < NOTHING * size] = 0.0
    toll = np.append(price, 0.0)
    each = np.arange(len(use))
    run = speed[each, high] - speed[each, low]
    slope = np.where(run > 0, (toll[high] - toll[low]) / np.where(run > 0, run, 1.0), 0.0)
    for job in np.flatnonzero((run <= 0) & (may.sum(axis=1) > 1)).tolist():
        slope[job] = _between(speed[job], toll, int(high[job]), may[job])
    return price, use * slope


def _lines(
    speed: FloatArray, on: BoolArray, may: BoolArray, low: FloatArray, high: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Rows (.., R): row.price = 0 for types that jobs are on, row.price >= 0 for others that they might choose."""
    each = np.arange(len(speed))
    run = speed[each, high] - speed[each, low]
    job, kind = np.nonzero(may & (run > 0)[:, None])
    between = (kind != low[job]) & (kind != high[job])
    job, kind = job[between], kind[between]
    part = (speed[job, kind] - speed[job, low[job]]) / run[job]
    rows, line = np.zeros((len(job), speed.shape[1])), np.arange(len(job))
    np.add.at(rows, (line, kind), 1.0)
    np.add.at(rows, (line, low[job]), part - 1.0)
    np.add.at(rows, (line, high[job]), -part)
    taken = on[job, kind]
    return rows[taken, :-1], rows[~taken, :-1]


def _least(equal: FloatArray, right: FloatArray, above: FloatArray, price: FloatArray, full: BoolArray) -> FloatArray:
    """The smallest prices of the full types that satisfy all conditions."""
    types = equal.shape[1]
    known = above @ np.where(full, 0.0, price)
    size = np.eye(types)
    found = optimize.linprog(
        np.append(np.zeros(types), np.ones(types)),
        A_ub=np.block([[-above[:, full], np.zeros((len(above), types))], [size, -size], [-size, -size]]),
        b_ub=np.concatenate([known, np.zeros(2 * types)]),
        A_eq=np.hstack([equal, np.zeros(equal.shape)]) if len(equal) else None,
        b_eq=right if len(equal) else None,
        bounds=[(None, None)] * types + [(0.0, None)] * types,
        method="highs",
    )
    if found.status != 0:
        raise SolverError("water filling: no prices keep everybody where it was settled")
    return np.asarray(found.x[:types])


def _between(speed: FloatArray, toll: FloatArray, at: int, may: BoolArray) -> float:
    """A slope at which a job on one type alone would choose none of the others."""
    others = np.flatnonzero(may & (speed != speed[at]))
    slope = (toll[others] - toll[at]) / (speed[others] - speed[at])
    left, right = slope[speed[others] < speed[at]], slope[speed[others] > speed[at]]
    if len(left) and len(right):
        return 0.5 * float(left.max() + right.min())
    return float(left.max()) if len(left) else float(right.min(initial=np.inf)) if len(right) else 0.0
