"""Queues: whole jobs in order, each on one type, until no job fits.

Jobs are taken in the order of the option ``order``; each gets all its time on one type with at least s_i free accelerators:

    heterogeneous=False   a type drawn at random among those with room (seeded): the scheduler does not know them apart
    heterogeneous=True    the fastest type with room

The queue stops at the first job that fits nowhere (``backfill`` goes on to the next). With ``space_sharing`` the job at
the head then joins a single running job of its gang, the one with the largest sum of rates, each divided by its rate alone
on that type, if the sum exceeds 1.5. Jobs that can run nowhere on this cluster are passed over, and named.

Orders: arrival (FIFO: by arrival_s, then as listed), least_attained (Tiresias: least elapsed time times scale factor first),
shortest (fewest seconds left on the fastest type), priority (largest weight first). The value is the total throughput.

What differs from Gavel: its fifo places jobs on the last type it looked at whatever room there is (8 jobs on 2 V100s);
here no accelerator is held twice. Reference: Gavel's policies/fifo.py; Gu et al., NSDI 2019 (Tiresias).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

import gavelopt as go

ORDERS = ("arrival", "least_attained", "shortest", "priority")
JOIN_ABOVE = 1.5


def queue_order(instance: go.Instance, order: str) -> np.ndarray:
    """(J,) positions of the jobs in the order in which they are served."""
    jobs = instance.jobs
    listed = np.arange(len(jobs))
    if order == "arrival":
        return np.lexsort([listed, jobs.arrival_s])
    if order == "least_attained":
        return np.lexsort([listed, jobs.arrival_s, jobs.elapsed_s * jobs.scale_factor])
    if order == "priority":
        return np.lexsort([listed, jobs.arrival_s, -jobs.weight])
    view = go.NumericView(instance, instance.space(), np.zeros(len(jobs)))
    return np.lexsort([listed, jobs.arrival_s, view.steps / view.best_rate])


@dataclass(frozen=True)
class Queue(go.Policy):
    """Whole jobs in order; see the head of the file for the options."""

    name = "queue"
    summary = "whole jobs in order of arrival, attained service, length or priority"
    reference = "Gavel's policies/fifo.py; Tiresias, NSDI 2019"
    generic = False

    order: str = "arrival"
    heterogeneous: bool = True
    backfill: bool = False

    def __post_init__(self) -> None:
        go.choice(self.name, "order", self.order, ORDERS)
        go.choice(self.name, "heterogeneous", self.heterogeneous, (True, False))
        go.choice(self.name, "backfill", self.backfill, (True, False))

    def objective(self, view: go.View) -> Any:
        return view.total(view.rate)

    def unit(self, instance: go.Instance) -> str:
        return instance.throughputs.unit


def _serve(problem: go.Problem) -> go.Answer:
    policy, instance, space = problem.policy, problem.instance, problem.space
    assert isinstance(policy, Queue)
    grid, scale = space.grid, instance.jobs.scale_factor
    assert grid is not None
    free, rng = instance.cluster.count.copy(), np.random.default_rng(problem.seed)
    x = np.zeros(grid.table.shape)
    waiting: list[int] = []
    order = queue_order(instance, policy.order)
    order = order[space.ceiling[order] > 0]
    for place, job in enumerate(order.tolist()):
        room = np.flatnonzero(grid.usable[job] & (grid.table[job] > 0) & (free >= scale[job]))
        if not len(room):
            waiting.append(job)
            if not policy.backfill:  # nobody passes the one who waits
                waiting += order[place + 1 :].tolist()
                break
            continue
        chosen = room[np.argmax(grid.table[job, room])] if policy.heterogeneous else rng.choice(room)
        x[job, chosen] = 1.0
        free[chosen] -= scale[job]
    return _join(problem, x, waiting, policy.backfill)


def _join(problem: go.Problem, x: np.ndarray, waiting: list[int], backfill: bool) -> go.Answer:
    """Let waiting jobs share with running ones, in order; without pairs nothing happens."""
    space = problem.space
    family, grid = space.family, space.grid
    assert grid is not None
    entries: list[tuple[int, int, int]] = []
    alone = {int(job): int(column) for job, column in zip(*np.nonzero(x), strict=True)}
    for job in waiting if family is not None else ():
        best = max(((*_sharing(space, job, other, column), other) for other, column in alone.items()), default=None)
        if best is None or best[0] <= JOIN_ABOVE:
            if backfill:
                continue
            break
        _, entry, swapped, other = best
        entries.append((entry, other, job) if swapped else (entry, job, other))
        x[other] = 0.0
        del alone[other]
    shared = np.array(entries, dtype=np.int64).reshape(-1, 3)
    pairs = (shared[:, 0], shared[:, 1], shared[:, 2]) if len(shared) else None
    return go.Answer(np.append(x.ravel(), np.ones(len(shared))), pairs=pairs, notes=(f"{len(shared)} pairs",))


def _sharing(space: go.AllocationSpace, job: int, other: int, column: int) -> tuple[float, int, bool]:
    """(sum of parts of the rates alone, family entry, whether the entry names ``other`` first) on one type."""
    family, grid = space.family, space.grid
    assert family is not None
    assert grid is not None
    found = (0.0, -1, False)
    for swapped, (a, b) in enumerate(((job, other), (other, job))):
        match = (family.members == [family.kind[a], family.kind[b]]).all(axis=1) & (family.resource == column)
        for entry in np.flatnonzero(match).tolist():
            alone = grid.table[[a, b], column]
            if (alone > 0).all():
                found = max(found, (float((family.rates[entry] / alone).sum()), entry, bool(swapped)))
    return found


Queue.methods = (go.Method("rule", _serve, "heuristic", "one pass over the queue"),)
