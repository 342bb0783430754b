"""The most that a weighted sum of rates can be: the yardstick of Pareto efficiency and of the price of fairness.

    maximise  k.r    subject to    r = R x,   M x <= time,   U x <= capacity,   r >= floor,   x >= 0

A linear program, solved by scipy in rates divided by each job's ceiling, so that all numbers are near 1. Nobody's word is
taken: the value is recomputed from x, and the bound from the duals y, w, v of capacity, time and floors by
``certify.upper_bound``, which also covers the pairs of jobs that were never listed. Alike jobs are merged (alike.py). Where
jobs may share accelerators the pairs enter by column generation: those with  G.R_c > y.U_c + w.M_c,  G = k + v,  are added
until there are none.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from scipy import optimize, sparse

from gavelopt.judge.alike import merge
from gavelopt.judge.certify import Multipliers, upper_bound
from gavelopt.model.arrays import FloatArray, IntArray
from gavelopt.model.constraints import RateFloor
from gavelopt.model.space import AllocationSpace, Shared, Sparse
from gavelopt.model.utility import Utility

PRECISION = 1e-9  # feasibility and optimality of the linear program, in rates of order 1
SIMPLEX_ROWS = 500  # above this many rows interior point is faster: 1.2 s against 17.6 s at 8,192 jobs
ROUNDS = 40  # of column generation
CANDIDATES = 6  # best partners of each side of a pair entry that are looked at in a round


@dataclass(frozen=True, eq=False)
class Ideal:
    """An allocation with the largest weighted sum of rates that was found, and what no allocation can exceed.

    space: the columns, pairs that were added included; x: (K,) time on each; rate: (J,); value: k.rate;
    bound: proved by the judge.
    """

    space: AllocationSpace
    x: FloatArray
    rate: FloatArray
    value: float
    bound: float


class _Optimum(NamedTuple):
    """x (K,) and the duals y (C,), w (J,), v (J,) of capacity, time and floors."""

    x: FloatArray
    price: FloatArray
    time: FloatArray
    floors: FloatArray


def most(space: AllocationSpace, worth: FloatArray, floor: FloatArray | None = None) -> Ideal | None:
    """The largest ``worth . rate`` with every rate at its floor or above; None where the floors cannot be met.

    worth: (J,) >= 0 value of one unit of each job's rate; floor: (J,) rates, 0 for none.
    """
    least = np.zeros(len(space.jobs)) if floor is None else floor
    unit = max(float((worth * space.ceiling).max(initial=0.0)), 1e-300)
    alike = merge(space, worth, least)
    if alike is None:
        solved = _over_all_pairs(space, worth / unit, least, np.ones(len(worth)))
    else:
        first = alike.first
        solved = _over_all_pairs(alike.space, worth[first] / unit, least[first] * alike.count, alike.count)
    if solved is None:
        return None
    wider, (x, price, time, floors) = solved
    if alike is not None:
        (wider, x), time, floors = alike.dealt(wider, x), time[alike.of], floors[alike.of]
    rate = wider.rate(x)
    linear = Utility(1.0, worth / unit, np.zeros(len(rate)), np.ones(len(rate)))
    proof = Multipliers(prices=price, time=time, floors=floors)
    bound = upper_bound(wider, linear, proof, [RateFloor("floor", least)]) * unit
    return Ideal(wider, x, rate, float(worth @ rate), bound)


def _over_all_pairs(
    space: AllocationSpace, worth: FloatArray, floor: FloatArray, count: FloatArray
) -> tuple[AllocationSpace, _Optimum] | None:
    """The space with the pair columns that pay, and the optimum over it; ``count`` (J,) jobs stand behind each row."""
    solved = _solve(space, worth, floor)
    for _ in range(ROUNDS):
        wider = None
        if solved is not None:
            wider = _with_better_pairs(space, worth + solved.floors, solved.price, solved.time, count)
        if wider is None:
            break
        space, solved = wider, _solve(wider, worth, floor)
    return None if solved is None else (space, solved)


def _solve(space: AllocationSpace, worth: FloatArray, floor: FloatArray) -> _Optimum | None:
    """The optimum of the program over the columns of ``space``; None where it is infeasible."""
    rate, member, use = space.matrices
    top = np.where(space.ceiling > 0, space.ceiling, 1.0)
    kept = np.flatnonzero(space.usable & (np.asarray((rate > 0).sum(axis=0)).ravel() > 0))
    held = np.flatnonzero(floor > 0)
    jobs, resources = len(space.jobs), len(space.capacity)
    x, dual = np.zeros(space.size), np.zeros(jobs + resources + len(held))
    if len(kept):
        scaled = sparse.csr_array(sparse.diags_array(1.0 / top) @ rate)[:, kept]
        matrix = sparse.vstack([member[:, kept], use[:, kept], -scaled[held]], format="csc")
        solved = optimize.linprog(
            -(scaled.T @ (worth * top)),
            A_ub=matrix,
            b_ub=np.concatenate([space.time, space.capacity, -(floor / top)[held]]),
            bounds=(0, None),
            method=algorithm_for(matrix),
            options={"primal_feasibility_tolerance": PRECISION, "dual_feasibility_tolerance": PRECISION},
        )
        if solved.status != 0:
            return None
        x[kept], dual = np.maximum(solved.x, 0.0), np.maximum(-solved.ineqlin.marginals, 0.0)
    elif len(held):
        return None
    floors = np.zeros(jobs)
    floors[held] = dual[jobs + resources :] / top[held]
    return _Optimum(x, dual[jobs : jobs + resources], dual[:jobs], floors)


def algorithm_for(matrix: Sparse) -> str:
    """scipy's name of the algorithm for a program with this matrix; both end in a vertex."""
    return "highs-ds" if matrix.shape[0] <= SIMPLEX_ROWS else "highs-ipm"


def _with_better_pairs(
    space: AllocationSpace, gradient: FloatArray, price: FloatArray, time: FloatArray, count: FloatArray
) -> AllocationSpace | None:
    """The space with the pair columns that are worth more than their accelerators and their members' time, or None."""
    family = space.family
    if family is None:
        return None
    jobs_of = np.split(np.argsort(family.kind, kind="stable"), np.cumsum(family.jobs_of_kind)[:-1])
    toll = family.use * price[family.resource]
    entries, firsts, seconds = [], [], []
    for entry, (kind, other) in enumerate(family.members.tolist()):
        left, a = _best(jobs_of[kind], gradient, time, family.rates[entry, 0])
        right, b = _best(jobs_of[other], gradient, time, family.rates[entry, 1])
        two = (left[:, None] != right[None, :]) | (count[left] > 1.0)[:, None]
        i, k = np.nonzero((a[:, None] + b[None, :] > toll[entry] + PRECISION) & two)
        entries.append(np.full(len(i), entry))
        firsts.append(left[i])
        seconds.append(right[k])
    return _adding(space, np.concatenate(entries), np.concatenate(firsts), np.concatenate(seconds))


def _best(jobs: IntArray, gradient: FloatArray, time: FloatArray, rate: float) -> tuple[IntArray, FloatArray]:
    """The jobs with the largest score  g_i rate - w_i,  and those scores."""
    score = gradient[jobs] * rate - time[jobs]
    top = np.argsort(-score, kind="stable")[:CANDIDATES]
    return jobs[top], score[top]


def _adding(space: AllocationSpace, entry: IntArray, first: IntArray, second: IntArray) -> AllocationSpace | None:
    """The space with more pair columns behind those it has; None where all of them are there already."""
    family, shared = space.family, space.shared
    assert family is not None
    pairs, resource = np.column_stack([first, second]), family.resource[entry]
    if shared is not None:
        old = np.column_stack([np.sort(shared.members, axis=1), shared.resource])
        new = np.column_stack([np.sort(pairs, axis=1), resource])
        known = {tuple(row) for row in old.tolist()}
        fresh = np.array([tuple(row) not in known for row in new.tolist()], dtype=bool)
        entry, pairs, resource = entry[fresh], pairs[fresh], resource[fresh]
    if not len(entry):
        return None
    added = Shared(pairs, resource, family.rates[entry], family.use[entry])
    both = [added] if shared is None else [shared, added]
    joined = Shared(
        np.concatenate([part.members for part in both]),
        np.concatenate([part.resource for part in both]),
        np.concatenate([part.rates for part in both]),
        np.concatenate([part.use for part in both]),
    )
    return replace(space, shared=joined)
