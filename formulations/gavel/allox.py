"""AlloX: least total completion time on interchangeable machines, as one assignment.

Each job runs on one accelerator, one after the other; a job k-th from the end of its queue delays k jobs (itself too), so

    minimise  sum_i  k_i n_i / T_(i, j_i) + t_i     over assignments of jobs to (accelerator of type j, position k from the end)

which is a rectangular assignment problem. Only the job that runs first on each accelerator gets time now (X = 1). The value
is the total completion time of the whole assignment, in seconds, over the jobs considered.

``alpha``: only the max(int(alpha J), accelerators) oldest jobs are considered, oldest by elapsed time, then as listed.
Positions of one type are interchangeable, so a type needs J slots, not J a machine. The bound is the dual of the
assignment: any u gives  sum u + sum over slots of min(0, min_i c_is - u_i).
n (J,) steps left; T (J, R) steps/s; t (J,) elapsed seconds. Scale factors must be 1.
Reference: Le et al., EuroSys 2020; Gavel's policies/allox.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.optimize import linear_sum_assignment

import gavelopt as go


@dataclass(frozen=True)
class AlloX(go.Policy):
    """Minimise the total completion time of an assignment of jobs to accelerators and positions."""

    name = "allox"
    sense = "min"
    summary = "least total completion time, as an assignment; the first job of each queue runs"
    reference = "AlloX, EuroSys 2020; Gavel's policies/allox.py"
    generic = False
    shareable = False

    alpha: float = 1.0

    def __post_init__(self) -> None:
        if not (isinstance(self.alpha, (int, float)) and 0 <= self.alpha <= 1):
            raise go.InputError("option 'alpha' of policy 'allox' out of range", seen=repr(self.alpha), rule="0 to 1")

    def value(self, view: go.View, proof: Any) -> float:
        jobs, slots, _ = proof
        costs, _ = slot_costs(view.instance, jobs)
        return float(costs[np.arange(len(jobs)), slots].sum())

    def prove(self, instance: go.Instance, space: go.AllocationSpace, proof: Any) -> float | None:
        jobs, _, u = proof
        expected = considered(instance, self.alpha)
        if not np.array_equal(jobs, expected):
            return None
        costs, _ = slot_costs(instance, jobs)
        slack = (costs - u[:, None]).min(axis=0, initial=np.inf)
        return float(u.sum() + np.minimum(slack, 0.0).sum())

    def examine(
        self, instance: go.Instance, space: go.AllocationSpace, x: go.FloatArray, proof: Any
    ) -> Sequence[go.Check]:
        jobs, slots, _ = proof
        twice = len(slots) - len(np.unique(slots))
        expected = running(instance, jobs, slots)
        wrong = float(np.abs(x.reshape(expected.shape) - expected).max(initial=0.0))
        return go.Check("one job a slot", float(twice), 0.0), go.Check("first in its queue runs", wrong, 1e-9)

    def unit(self, instance: go.Instance) -> str:
        return "s"


def considered(instance: go.Instance, alpha: float) -> np.ndarray:
    """Positions of the oldest jobs that can run, at least as many as there are accelerators."""
    if (instance.jobs.scale_factor != 1).any():
        job = int(np.argmax(instance.jobs.scale_factor != 1))
        raise go.InputError(
            "allox needs scale factor 1",
            where=f"job {instance.jobs.names[job]!r}",
            seen=int(instance.jobs.scale_factor[job]),
            rule="one accelerator a job",
        )
    able = np.flatnonzero((instance.rates > 0).any(axis=1))
    keep = max(int(alpha * len(able)), int(instance.cluster.count.sum()))
    oldest = able[np.lexsort([able, -instance.jobs.elapsed_s[able]])]
    return np.sort(oldest[:keep])


def slot_costs(instance: go.Instance, jobs: np.ndarray) -> tuple[go.FloatArray, np.ndarray]:
    """(n, S) seconds that a job in a slot adds, and (S, 2) type and position from the end of each slot."""
    count = np.floor(instance.cluster.count).astype(np.int64)
    slots = [(j, 1 + k // n) for j, n in enumerate(count.tolist()) if n > 0 for k in range(len(jobs))]
    kinds = np.array(slots, dtype=np.int64).reshape(-1, 2)
    steps = go.NumericView(instance, instance.space(), np.zeros(len(instance.jobs))).steps[jobs]
    with np.errstate(divide="ignore", invalid="ignore"):
        seconds = np.where(instance.rates[jobs] > 0, steps[:, None] / instance.rates[jobs], np.inf)
    return seconds[:, kinds[:, 0]] * kinds[None, :, 1] + instance.jobs.elapsed_s[jobs][:, None], kinds


def running(instance: go.Instance, jobs: np.ndarray, slots: np.ndarray) -> go.FloatArray:
    """(J, R) one where a job is the first of its queue: no job of its queue is further from the end."""
    _, kinds = slot_costs(instance, jobs)
    count = np.maximum(np.floor(instance.cluster.count).astype(np.int64), 1)
    machine = slots % len(jobs) % count[kinds[slots, 0]] if len(jobs) else slots
    x = np.zeros(instance.rates.shape)
    last: dict[tuple[int, int], tuple[int, int]] = {}
    for job, slot, where in zip(jobs.tolist(), slots.tolist(), machine.tolist(), strict=True):
        column, position = kinds[slot].tolist()
        last[column, where] = max(last.get((column, where), (0, -1)), (position, job))
    for (column, _), (_, job) in last.items():
        x[job, column] = 1.0
    return x


def _assign(problem: go.Problem) -> go.Answer:
    instance, policy = problem.instance, problem.policy
    assert isinstance(policy, AlloX)
    jobs = considered(instance, policy.alpha)
    if not len(jobs):
        empty = np.zeros(0, dtype=np.int64)
        return go.Answer(np.zeros(problem.space.size), proof=(empty, empty, np.zeros(0)))
    costs, _ = slot_costs(instance, jobs)
    rows, slots = linear_sum_assignment(
        costs
    )  # infinite costs are never taken: every job has slots of its own somewhere
    u = potentials(costs, slots)
    x = running(instance, jobs, slots)
    return go.Answer(x.ravel(), proof=(jobs[rows], slots, u), notes=("scipy's linear_sum_assignment",))


def potentials(costs: go.FloatArray, slots: np.ndarray) -> go.FloatArray:
    """(n,) duals u of the optimal assignment: shortest paths over slots (Bellman and Ford)."""
    own = costs[np.arange(len(slots)), slots]
    price = np.zeros(costs.shape[1])
    for _ in range(len(slots) + 1):
        better = np.minimum(0.0, (price[slots][:, None] + costs - own[:, None]).min(axis=0))
        if np.allclose(better, price, rtol=0.0, atol=1e-12 * max(1.0, float(own.max()))):
            break
        price = np.minimum(price, better)
    return np.asarray(own - price[slots])


AlloX.methods = (go.Method("exact", _assign, "exact", "Hungarian method, proved by its duals"),)
