"""What each policy is worth with and without space sharing, computed apart from the library: scipy.optimize.linprog alone.

The whole program over explicit columns x >= 0 (a job on a type, or two jobs on the accelerators of one gang; all pairs, none
left out):

    rate R x (J,),    time M x <= 1 (J,),    load U x <= N (R,)
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy import optimize, sparse

from tests.gavel.instances import Array
from tests.gavel_all.questions import Question

NOTHING = 1e-9  # a rise that comes from rounding
RISES = 1e-6  # a job that can rise by more than this part of its level is not saturated


@dataclass(frozen=True)
class Columns:
    """R (J, K), M (J, K), U (R, K) as sparse matrices, N (R,), and the type of each column (K,)."""

    rate: sparse.csr_matrix
    time: sparse.csr_matrix
    load: sparse.csr_matrix
    count: Array
    of_type: np.ndarray

    @property
    def ceiling(self) -> Array:
        """(J,) the fastest rate of each job."""
        if not self.rate.shape[1]:
            return np.zeros(self.rate.shape[0])
        return np.asarray(self.rate.max(axis=1).todense()).ravel()


def columns(question: Question, sharing: bool) -> Columns:
    """Single columns where the gang fits and the rate is positive; with ``sharing`` all pairs of equal gangs besides."""
    p = question.plain
    jobs, types = p.rates.shape
    job, kind = np.nonzero(p.effective > 0)
    singles, pairs = len(job), len(question.pairs) if sharing else 0
    members, column, both = question.pairs.members[:pairs], question.pairs.column[:pairs], question.pairs.rates[:pairs]
    at = np.arange(singles + pairs)
    row = np.concatenate([job, members[:, 0], members[:, 1]])
    col = np.concatenate([at, at[singles:]])
    rate = np.concatenate([p.effective[job, kind], both[:, 0], both[:, 1]])
    of_type = np.concatenate([kind, column])
    use = np.concatenate([p.scale[job], p.scale[members[:, 0]]])
    shape = (jobs, singles + pairs)
    return Columns(
        sparse.csr_matrix((rate, (row, col)), shape),
        sparse.csr_matrix((np.ones(len(row)), (row, col)), shape),
        sparse.csr_matrix((use, (of_type, at)), (types, shape[1])),
        p.count,
        of_type,
    )


def largest_sum(c: Columns, factor: Array, per_type: Array | None = None, floor: Array | None = None) -> float | None:
    """max sum_i factor_i rate_i, each column's worth times ``per_type`` of its type; None where floors contradict."""
    worth = np.asarray(c.rate.T @ factor) * (1.0 if per_type is None else per_type[c.of_type])
    x = best(c, worth, floor)
    return None if x is None else float(worth @ x)


def best(c: Columns, worth: Array, floor: Array | None = None) -> Array | None:
    """x that maximises worth.x with every rate at least ``floor``; None where there is none."""
    rows, limit = [c.time, c.load], [np.ones(c.time.shape[0]), c.count]
    if floor is not None:
        on = np.flatnonzero(floor > 0)
        rows.append(-sparse.diags(1.0 / floor[on]) @ c.rate[on])
        limit.append(-np.ones(len(on)))
    unit = np.abs(worth).max(initial=0.0) or 1.0
    found = optimize.linprog(-worth / unit, A_ub=sparse.vstack(rows), b_ub=np.concatenate(limit), method="highs")
    assert found.status in (0, 2), found.message
    return None if found.status == 2 else np.asarray(found.x)


def solve(cost: Array, rows: sparse.spmatrix, limit: Array, box: list[tuple[float | None, float | None]]) -> Array:
    """min cost.v subject to rows v <= limit, tight enough that the next program may build on the answer."""
    for tolerance in (1e-10, 1e-8):  # the point that the program was built on may itself be rounded
        tight = {"primal_feasibility_tolerance": tolerance, "dual_feasibility_tolerance": tolerance}
        found = optimize.linprog(cost, A_ub=rows, b_ub=limit, bounds=box, method="highs-ds", options=tight)
        if found.status == 0:
            return np.asarray(found.x)
    raise AssertionError(found.message)


def largest_minimum(c: Columns, slope: Array) -> float:
    """max min_i slope_i rate_i."""
    return most_even(c, slope, np.zeros(len(slope)), np.ones(len(slope), dtype=bool), np.zeros(len(slope)))[0]


def most_even(c: Columns, slope: Array, offset: Array, rising: np.ndarray, floor: Array) -> tuple[float, Array]:
    """max z with slope_i rate_i + offset_i >= z for the rising jobs and rate_i >= floor_i for all; (z, rates)."""
    on = np.flatnonzero(rising)
    unit = float((slope * c.ceiling)[on].min())
    if unit <= 0.0:
        return 0.0, np.zeros(len(slope))
    held = np.flatnonzero(floor > 0)
    base = sparse.vstack([c.time, c.load])
    rows = [
        sparse.hstack([base, sparse.csr_matrix((base.shape[0], 1))]),
        sparse.hstack([-sparse.diags(slope[on] / unit) @ c.rate[on], np.ones((len(on), 1))]),
        sparse.hstack([-sparse.diags(1.0 / floor[held]) @ c.rate[held], sparse.csr_matrix((len(held), 1))]),
    ]
    limit = np.concatenate([np.ones(len(slope)), c.count, offset[on] / unit, -np.ones(len(held))])
    cost = np.append(np.zeros(base.shape[1]), -1.0)
    free = [(0.0, None)] * base.shape[1] + [(None, None)]
    found = solve(cost, sparse.vstack(rows), limit, free)
    return float(found[-1]) * unit, np.asarray(c.rate @ found[:-1])


def fairest_finish(c: Columns, work: Array, elapsed: Array, alone: Array) -> float:
    """min max_i (t_i + n_i / rate_i) / D_i by bisection: rho is reachable where  rate_i >= n_i / (rho D_i - t_i)."""
    low = float(((elapsed + work / c.ceiling) / alone).max())
    high = 2.0 * low

    def reachable(rho: float) -> bool:
        return largest_minimum(c, (rho * alone - elapsed) / work) >= 1.0 - 1e-11

    while not reachable(high):
        low, high = high, 2.0 * high
    if reachable(low):
        return low
    while high - low > 1e-9 * high:
        middle = 0.5 * (low + high)
        low, high = (low, middle) if reachable(middle) else (middle, high)
    return high


Weights = Callable[[np.ndarray], Array]


def water_levels(c: Columns, reference: Array, scale: Array, weights: Weights) -> Array:
    """(J,) water-filling levels by linear programs alone.

    After every rise, maximise  sum u_i, 0 <= u_i <= 1 % of the level,  over the jobs not yet seen to rise while nobody falls;
    a job with u_i > 0 can rise; what is left when the optimum is 0 is saturated.
    """
    jobs = len(scale)
    level, kept, final = np.zeros(jobs), np.zeros(jobs), ~(c.ceiling > 0)
    for _ in range(10 * jobs):
        weight = weights(final)
        rising = ~final & (weight > 0)
        if not rising.any():
            return level
        gain = np.where(rising, scale / np.where(rising, weight, 1.0), 0.0)
        step, rate = most_even(c, gain / reference, -gain * level, rising, np.where(rising, 0.0, kept * reference))
        rise = np.where(rising, step * weight / scale, 0.0)
        level = level + np.where(rise > NOTHING, rise, 0.0)
        kept = np.minimum(level, rate / reference)  # an allocation has them, to the last bit
        final = final | saturated(c, reference, kept, rising)
    raise AssertionError("water filling does not end")


def saturated(c: Columns, reference: Array, level: Array, candidates: np.ndarray) -> np.ndarray:
    """(J,) candidates that cannot rise while every job keeps its level."""
    left = candidates.copy()
    while left.any():
        u = rises(c, reference, level, left)
        can = left & (u > RISES)
        if not can.any():
            return left
        left = left & ~can
    return left


def rises(c: Columns, reference: Array, level: Array, candidates: np.ndarray) -> Array:
    """(J,) u_i of the largest total rise: rate_i >= reference_i (level_i + u_i l_i), u_i <= 0.01, l_i about the level."""
    on, held = np.flatnonzero(candidates), np.flatnonzero((level > 0) | candidates)
    about = np.maximum(level, 0.1 * max(level.max(), 0.1))
    need = reference * about
    base = sparse.vstack([c.time, c.load])
    pick = sparse.csr_matrix((np.ones(len(on)), (on, np.arange(len(on)))), (len(level), len(on)))
    rows = sparse.vstack(
        [
            sparse.hstack([base, sparse.csr_matrix((base.shape[0], len(on)))]),
            sparse.hstack([-sparse.diags(1.0 / need[held]) @ c.rate[held], pick[held]]),
        ]
    )
    limit = np.concatenate([np.ones(len(level)), c.count, -(level / about)[held]])
    cost = np.append(np.zeros(base.shape[1]), -np.ones(len(on)))
    box = [(0.0, None)] * base.shape[1] + [(0.0, 0.01)] * len(on)
    found = solve(cost, rows, limit, box)
    u = np.zeros(len(level))
    u[on] = found[base.shape[1] :]
    return u


def flat(weight: Array) -> Weights:
    """Every job that is not final keeps its own weight."""
    return lambda final: np.where(final, 0.0, weight)


def by_entity(owner: list[str], weight: Array, entities: dict[str, tuple[float, str]]) -> Weights:
    """Entities {name: (weight, "fairness" or "fifo")}; the queue is in the order of the jobs."""

    def weights(final: np.ndarray) -> Array:
        found = np.zeros(len(weight))
        for name, (total, rule) in entities.items():
            left = [i for i in range(len(weight)) if owner[i] == name and not final[i]]
            for i in left[:1] if rule == "fifo" else left:
                found[i] = total * (1.0 if rule == "fifo" else weight[i] / sum(weight[k] for k in left))
        return found

    return weights
