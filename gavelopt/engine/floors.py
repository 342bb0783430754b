"""Four relaxations of rate floors over the same named constraints, at measured rates.

    floors   R_i x >= f_i            limits   M x <= time,   U x <= capacity,   x >= 0

    reach          max t                R_i x >= t f_i                            t < 1: the floors contradict the limits
    shortfall      min sum_i e_i        R_i x >= f_i (1 - e_i),  0 <= e_i <= 1    the least that floors must give, relatively
    subset         max sum_i z_i        R_i x >= f_i z_i,  M_i x <= time z_i      the most floors that can hold together
    accelerators   min sum_j c_j d_j    U x <= capacity + d,  d whole             what to buy instead (fewest, or cheapest)

The duals of the first name the conflict: weights v on floors, y on capacities, w on jobs' time with v.f = 1 and
v.R_c <= y.U_c + w.M_c for every column c, so that  t <= capacity.y + time.w < 1. The judge recomputes that bound
(``certify``); a dual that a simplex method returns is a vertex, so few constraints are named. Alike jobs are one integer
variable in the subset: k of them, which then share k units of time.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import optimize, sparse

from gavelopt.engine.problem import Problem
from gavelopt.errors import SolverError
from gavelopt.judge.certify import Multipliers, upper_bound
from gavelopt.judge.ideal import algorithm_for
from gavelopt.model.arrays import BoolArray, FloatArray, IntArray
from gavelopt.model.space import AllocationSpace, Sparse
from gavelopt.model.utility import Utility

MATTERS = 1e-7  # relative: a shortfall or a weight below this is rounding
LIMITS = ("capacity", "time")
PAIRS = 50_000  # pair columns that are listed; with more, only single columns are looked at


@dataclass(frozen=True)
class Part:
    """A named constraint of the conflict: a floor or the ``time`` of a job, or the ``capacity`` of an accelerator.

    weight: its part in the proof; the floors' weights sum to 1.
    """

    name: str
    of: str
    weight: float

    @property
    def is_floor(self) -> bool:
        """Whether it is a floor, no limit."""
        return self.name not in LIMITS

    def __str__(self) -> str:
        return f"{self.name} of {self.of}"


class FloorRelaxations:
    """The floors of a problem and the relaxations over them. Rates are divided by their floors: f = 1 everywhere."""

    def __init__(self, problem: Problem, floor: FloatArray) -> None:
        self.problem, self.floor = problem, floor
        self.space = _with_all_pairs(problem.measured)
        self.on = np.flatnonzero(floor > 0)
        rate, member, use = self.space.matrices
        serves = np.asarray((rate[self.on] > 0).sum(axis=0)).ravel() > 0
        columns = np.flatnonzero(self.space.usable & serves)
        scale = sparse.diags_array(1.0 / floor[self.on])
        self.rate: Sparse = sparse.csr_array(scale @ rate[self.on][:, columns])
        self.member: Sparse = sparse.csr_array(member[:, columns])
        self.use: Sparse = sparse.csr_array(use[:, columns])

    def names(self, jobs: BoolArray) -> tuple[str, ...]:
        """The names of the jobs where a (J,) mask holds."""
        return tuple(self.space.jobs[int(job)] for job in np.flatnonzero(jobs))

    def conflict(self) -> tuple[float, float, tuple[Part, ...]]:
        """(t, the judge's bound on t, the named constraints of the proof)."""
        floors, columns = self.rate.shape
        space = self.space
        matrix = sparse.vstack(
            [
                sparse.hstack([-self.rate, np.ones((floors, 1))]),
                sparse.hstack([sparse.vstack([self.member, self.use]), sparse.csr_array((self._limits, 1))]),
            ],
            format="csc",
        )
        limit = np.concatenate([np.zeros(floors), space.time, space.capacity])
        solved = _solve(np.append(np.zeros(columns), -1.0), matrix, limit, (0, None))
        dual = np.maximum(-solved.ineqlin.marginals, 0.0)
        share, price = np.zeros(len(space.jobs)), dual[floors + len(space.jobs) :]
        share[self.on] = dual[:floors]
        form = Utility(-np.inf, self._per_floor, np.zeros(len(share)), (self.floor > 0).astype(np.float64))
        proof = Multipliers(prices=price, emphasis=share, time=dual[floors : floors + len(space.jobs)])
        parts = [
            *self._parts(" and ".join(f.name for f in self.problem.floors), space.jobs, share),
            *self._parts("capacity", space.resources, price * space.capacity),
            *self._parts("time", space.jobs, dual[floors : floors + len(space.jobs)]),
        ]
        # a type without accelerators has no weight in the sum but is still what stands in the way
        parts += [
            Part("capacity", space.resources[int(j)], 0.0) for j in np.flatnonzero((space.capacity == 0) & (price > 0))
        ]
        return float(-solved.fun), upper_bound(space, form, proof), tuple(parts)

    @property
    def _per_floor(self) -> FloatArray:
        return np.where(self.floor > 0, 1.0 / np.where(self.floor > 0, self.floor, 1.0), 0.0)

    @property
    def _limits(self) -> int:
        return len(self.space.jobs) + len(self.space.capacity)

    @staticmethod
    def _parts(name: str, labels: Any, weight: FloatArray) -> list[Part]:
        return [Part(name, labels[int(at)], float(weight[at])) for at in np.flatnonzero(weight > MATTERS)]

    def shortfall(self) -> dict[str, tuple[float, float]]:
        """{job: (floor, rate)} of the jobs that give, with the least sum of relative shortfalls."""
        floors, columns = self.rate.shape
        matrix = sparse.vstack(
            [
                sparse.hstack([-self.rate, -sparse.eye_array(floors)]),
                sparse.hstack([sparse.vstack([self.member, self.use]), sparse.csr_array((self._limits, floors))]),
            ],
            format="csc",
        )
        limit = np.concatenate([-np.ones(floors), self.space.time, self.space.capacity])
        bounds = np.array([(0.0, np.inf)] * columns + [(0.0, 1.0)] * floors)
        solved = _solve(np.concatenate([np.zeros(columns), np.ones(floors)]), matrix, limit, bounds)
        given = solved.x[columns:]
        floor = self.floor[self.on]
        return {
            self.space.jobs[int(self.on[at])]: (float(floor[at]), float(floor[at] * (1.0 - given[at])))
            for at in np.flatnonzero(given > MATTERS)
        }

    def subset(self, time_limit: float) -> tuple[BoolArray, bool]:
        """((J,) the largest set of jobs whose floors can hold together, whether that is proved)."""
        kind, count = self._kinds()
        kinds, floors = len(count), len(self.on)
        first = np.array([int(np.argmax(kind == k)) for k in range(kinds)], dtype=np.int64)
        if self.space.plain is None:  # pairs tie jobs together: no merging
            kind, count, first, kinds = np.arange(floors), np.ones(floors), np.arange(floors), floors
        keeps = np.asarray((self.rate[first] > 0).sum(axis=0)).ravel() > 0
        rate, use = self.rate[first][:, keeps], self.use[:, keeps]
        member = self.member[:, keeps]
        own, others = self.on[first], np.setdiff1d(np.arange(len(self.space.jobs)), self.on)
        pick, none = sparse.eye_array(kinds), sparse.csr_array((use.shape[0] + len(others), kinds))
        matrix = sparse.vstack(
            [
                sparse.hstack([rate, -pick]),
                sparse.hstack([-member[own], sparse.diags_array(self.space.time[own]) @ pick]),
                sparse.hstack([sparse.vstack([-use, -member[others]]), none]),
            ],
            format="csr",
        )
        limit = np.concatenate([np.zeros(2 * kinds), -self.space.capacity, -self.space.time[others]])
        columns = rate.shape[1]
        solved = optimize.milp(
            np.concatenate([np.zeros(columns), -np.ones(kinds)]),
            constraints=optimize.LinearConstraint(matrix, lb=limit),
            integrality=np.concatenate([np.zeros(columns), np.ones(kinds)]),
            bounds=optimize.Bounds(0.0, np.concatenate([np.full(columns, np.inf), count])),
            options={"time_limit": time_limit},
        )
        if solved.x is None:
            raise SolverError(f"the largest subset of floors was not found: {solved.message}")
        number = np.rint(solved.x[columns:]).astype(np.int64)
        kept = np.zeros(len(self.space.jobs), dtype=bool)
        for k in range(kinds):
            kept[self.on[np.flatnonzero(kind == k)[: number[k]]]] = True
        return kept, solved.status == 0

    def _kinds(self) -> tuple[IntArray, FloatArray]:
        """(kind of each floored job, jobs of each kind): alike in measured rates, gang and floor."""
        instance = self.problem.instance
        rows = np.column_stack([instance.rates, instance.jobs.scale_factor, self.floor])[self.on]
        _, kind, count = np.unique(rows, axis=0, return_inverse=True, return_counts=True)
        return kind.ravel(), count.astype(np.float64)

    def more(self, time_limit: float) -> dict[str, float] | None:
        """Accelerators to add so that every floor holds: the cheapest where costs are known, else the fewest."""
        costs = self.problem.instance.cluster.cost_per_hour
        resources = len(self.space.capacity)
        known = costs is not None and bool((costs > 0).all())
        price = np.asarray(costs) if known else np.ones(resources)
        (floors, columns), jobs = self.rate.shape, len(self.space.jobs)
        matrix = sparse.vstack(
            [
                sparse.hstack([self.rate, sparse.csr_array((floors, resources))]),
                sparse.hstack([-self.member, sparse.csr_array((jobs, resources))]),
                sparse.hstack([-self.use, sparse.eye_array(resources)]),
            ],
            format="csr",
        )
        limit = np.concatenate([np.ones(floors), -self.space.time, -self.space.capacity])
        solved = optimize.milp(
            np.concatenate([np.zeros(columns), price]),
            constraints=optimize.LinearConstraint(matrix, lb=limit),
            integrality=np.concatenate([np.zeros(columns), np.ones(resources)]),
            options={"time_limit": time_limit},
        )
        if solved.x is None:
            return None
        number = np.rint(solved.x[columns:])
        return {self.space.resources[int(j)]: float(number[j]) for j in np.flatnonzero(number > 0)}


def _solve(cost: FloatArray, matrix: Sparse, limit: FloatArray, bounds: Any) -> Any:
    solved = optimize.linprog(cost, A_ub=matrix, b_ub=limit, bounds=bounds, method=algorithm_for(matrix))
    if solved.status != 0:
        raise SolverError(f"the diagnosis stopped: {solved.message}")
    return solved


def _with_all_pairs(space: AllocationSpace) -> AllocationSpace:
    """The space with every pair column that its family stands for, where those are few enough to list."""
    family = space.family
    if family is None or space.shared is not None or family.columns > PAIRS:
        return space
    jobs_of = np.split(np.argsort(family.kind, kind="stable"), np.cumsum(family.jobs_of_kind)[:-1])
    entries, firsts, seconds = [], [], []
    for entry, (one, other) in enumerate(family.members.tolist()):
        first, second = np.meshgrid(jobs_of[one], jobs_of[other], indexing="ij")
        apart = first < second if one == other else np.ones(first.shape, dtype=bool)
        entries.append(np.full(int(apart.sum()), entry))
        firsts.append(first[apart])
        seconds.append(second[apart])
    return space.with_columns(np.concatenate(entries), np.concatenate(firsts), np.concatenate(seconds))
