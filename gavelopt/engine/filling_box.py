"""Raise  K(q, p) = sum_i c_i(q_i; p)  over capacity prices p in a box, all capacity being worth 1: one exact step.

The box is as wide as leaves a given number of jobs with a choice. All others stand on the same edge of their hull at all
its prices, so that their demand D is a constant; with l <= p <= h the dual of the problem is a small linear program over
the open jobs' time,

    minimise    f + h.over - l.under
    subject to  use x + D - over + under <= f C,    T_i x_i >= q_i,    sum x_i <= 1,    x, over, under >= 0

whose duals are the new prices.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import sparse

from gavelopt.engine.backends import highs
from gavelopt.engine.filling_hulls import Crowd, Stand, stand, undecided
from gavelopt.engine.linear import LinearProgram
from gavelopt.errors import SolverError
from gavelopt.model.arrays import BoolArray, FloatArray, IntArray

SMALL = 0.02  # of an average price: the least width of a box
NARROWEST, WIDEST = 1e-9, 1e3  # box, in its unit
UNBOUNDED = 1e6  # average prices: above this no price can be, as all capacity is worth 1
HARDLY = 1e-12  # of a job's fastest rate: whoever wants less stays where it is
NO_PRICE = 1e-13  # of all capacity: what a type is worth whose price is rounding


@dataclass(frozen=True, eq=False)
class Step:
    """New prices (R,); whether no edge of the box held them; x (K, R) time on each type, and the factor on the capacities
    that it needs."""

    price: FloatArray
    inside: bool
    x: FloatArray
    factor: float
    programs: int = 1


@dataclass(frozen=True, eq=False)
class Box:
    """low, high (R,) prices; rows (n,) jobs with a choice, and (n, R + 1) between which types, or what is free."""

    low: FloatArray
    high: FloatArray
    rows: IntArray
    choices: BoolArray


def step(crowd: Crowd, rate: FloatArray, price: FloatArray, seconds: float, most: int, content: bool) -> Step:
    """Raise K(rate, .) over a box around ``price`` that leaves ``most`` jobs a choice. ``content``: not if there is all that
    is demanded at these prices."""
    at = stand(crowd, rate, price)
    x = at.shares(len(price))
    factor = _factor(crowd, x)
    if content and factor <= 1.0:
        return Step(price, False, x, factor, 0)
    box = _box(crowd, rate, at, price, most)
    fixed = np.ones(len(rate), dtype=bool)
    fixed[box.rows] = False
    x[box.rows], new, inside = _solved(crowd, rate, box, crowd.use[fixed] @ x[fixed], seconds)
    return Step(new, inside, x, _factor(crowd, x))


def _factor(crowd: Crowd, x: FloatArray) -> float:
    load = crowd.use @ x
    held = crowd.capacity > 0
    if (load[~held] > 0).any():
        return np.inf
    return float(np.max(load[held] / crowd.capacity[held], initial=0.0))


def _box(crowd: Crowd, rate: FloatArray, at: Stand, price: FloatArray, most: int) -> Box:
    types, jobs = len(price), len(at.a)
    wide = price + SMALL * crowd.average
    times = undecided(crowd, at, price, wide)
    own = np.zeros(times.shape, dtype=bool)
    own[np.arange(jobs), at.b] = True
    own[np.flatnonzero(~at.corner), at.a[~at.corner]] = True
    if jobs <= most:
        radius, low, high = np.inf, np.zeros(types), np.full(types, np.inf)
        near = np.isfinite(times)
    else:
        first = np.where(own, np.inf, times).min(axis=1)
        radius = float(np.clip(np.partition(first, most)[most], NARROWEST, WIDEST))
        low, high = np.maximum(price - radius * wide, 0.0), price + radius * wide
        near = times <= radius
    wanted = rate > HARDLY * np.maximum(crowd.speed.max(axis=1, initial=0.0), crowd.free)
    rows = np.flatnonzero((near & ~own).any(axis=1) & wanted)
    return Box(low, high, rows, near[rows, :-1])


def _solved(
    crowd: Crowd, rate: FloatArray, box: Box, taken: FloatArray, seconds: float
) -> tuple[FloatArray, FloatArray, bool]:
    """(n, R) time of the open jobs, the prices, and whether these lie inside the box; ``taken`` (R,) is what others use."""
    types, jobs = len(crowd.capacity), len(box.rows)
    size = np.where(crowd.capacity > 0, crowd.capacity, crowd.average)
    worth = np.zeros(types)
    if not jobs:  # nobody has a choice: what counts is the fullest type
        worth[np.argmax(taken / size)] = 1.0
        return np.zeros((0, types)), worth / size, True
    job, kind = np.nonzero(box.choices)
    program = _program(crowd, rate, box, taken, size)
    v, dual = highs.solve_lp(program, "simplex", seconds)
    time, over, under = v[: len(job)], v[len(job) : len(job) + types], v[len(job) + types : -1]
    x = np.zeros((jobs, types + 1))
    x[job, kind] = np.maximum(time, 0.0)
    worth = np.maximum(dual[2 * jobs :], 0.0)
    worth[worth < NO_PRICE] = 0.0
    if not worth.sum() > 0:
        raise SolverError("water filling: no price makes these rates dear")
    inside = not ((over > 0).any() or (under[box.low > 0] > 0).any())
    return x[:, :types], worth / worth.sum() / size, inside


def _program(crowd: Crowd, rate: FloatArray, box: Box, taken: FloatArray, size: FloatArray) -> LinearProgram:
    """The program at the head of this file, capacities in units of ``size`` (R,): time, over, under and f are its columns;
    a row of time and one of rate for every open job and one for every type its rows."""
    types, jobs = len(size), len(box.rows)
    job, kind = np.nonzero(box.choices)
    mine, each, rows, n = box.rows[job], np.arange(len(job)), np.arange(types), len(job)
    speed = np.hstack([crowd.speed, crowd.free[:, None]])[mine, kind] / rate[mine]
    paid = np.flatnonzero(kind < types)
    last = n + 2 * types
    entries = [
        (np.ones(n), job, each),
        (speed, jobs + job, each),
        (crowd.use[mine[paid]] / size[kind[paid]], 2 * jobs + kind[paid], paid),
        (-np.ones(types), 2 * jobs + rows, n + rows),
        (np.ones(types), 2 * jobs + rows, n + types + rows),
        (np.where(crowd.capacity > 0, -1.0, 0.0), 2 * jobs + rows, np.full(types, last)),
    ]
    entry, row, column = (np.concatenate(part) for part in zip(*entries, strict=True))
    edge = np.minimum(box.high, UNBOUNDED * crowd.average)
    return LinearProgram(
        cost=np.concatenate([np.zeros(n), -edge * size, box.low * size, [-1.0]]),
        matrix=sparse.csc_array((entry, (row, column)), shape=(2 * jobs + types, last + 1)),
        lower=np.concatenate([np.full(jobs, -np.inf), np.ones(jobs), np.full(types, -np.inf)]),
        upper=np.concatenate([np.ones(jobs), np.full(jobs, np.inf), -taken / size]),
        top=np.full(last + 1, np.inf),
        columns=np.arange(last + 1),
        blocks={},
        epigraph=np.zeros(0, dtype=np.int64),
        unit=1.0,
        size=last + 1,
    )
