"""How many requests any placement on these devices can answer in time.

Every request answered in time occupies, between its arrival a and d = a + SLO - overhead, for each stage k of the group
that serves it, intra_op accelerators for latency_k seconds. So it takes at least

    W_m = min over the configurations c that m can use of  intra_op_c sum_k latency_mck      accelerator-seconds

inside [a, d]. Relaxations, each an upper bound:

* pooled: forget memory, groups and stages; all D accelerators are one machine of speed D that may be interrupted and may
  serve part of a request. The amounts y_r <= W_r of work that such a machine can do inside the windows form a
  polymatroid (they are flows from time to requests), so sum_r y_r / W_r is largest for the greedy that serves the
  requests with the least work first:  sum_j (F_j - F_{j-1}) / W_j, where F_j is the most work that can be done of the
  requests with the j least works. F is what earliest-deadline-first does (exchange argument: where another schedule
  works on a later deadline while an earlier one waits, swapping loses nothing).
* per model: the same machine, all of it for one model: B_m. Only hosted models count, and hosting m takes at least
  w_m = min over c of size_c weight_mc of the D * memory GiB, so at most the fractional knapsack
  max { sum B_m z_m : sum w_m z_m <= D memory, 0 <= z <= 1 }.

The bound is the smaller of the two, rounded down (requests are whole).
"""

from __future__ import annotations

import heapq
from collections.abc import Callable

import numpy as np

from gavelopt.model.arrays import FloatArray
from gavelopt.model.placement import Placement, PlacementInstance, Plan
from gavelopt.model.serving import Workload

CLASSES = 12  # distinct works kept apart; beyond, works are rounded down, which only loosens the bound
STEPS = 400_000  # requests x classes that plain Python may go through
ROUNDING = 1e-6  # requests; room for the floating-point sums

Work = Callable[[FloatArray, FloatArray, FloatArray, float], float]


def most_work(release: FloatArray, deadline: FloatArray, work: FloatArray, speed: float) -> float:
    """The most work that a machine of ``speed`` can do of jobs inside their windows; ``release`` must not fall.

    Earliest deadline first with interruptions; what is left of a job at its deadline is lost.
    """
    waiting = [(0.0, 0.0) for _ in range(0)]
    done, now, jobs = 0.0, 0.0, len(release)
    for j in range(jobs + 1):
        until = release[j] if j < jobs else np.inf
        while len(waiting) > 0 and now < until:
            due, left = heapq.heappop(waiting)
            stop = min(until, due, now + left / speed)
            if stop > now:
                did = min(left, (stop - now) * speed)
                done += did
                left -= did
                now = stop
                if left > 0.0 and due > now:
                    heapq.heappush(waiting, (due, left))
        if j < jobs:
            now = max(now, until)
            heapq.heappush(waiting, (deadline[j], work[j]))
    return done


def most_jobs(
    release: FloatArray,
    deadline: FloatArray,
    work: FloatArray,
    speed: float,
    *,
    classes: int = CLASSES,
    measure: Work = most_work,
) -> float:
    """The most jobs, counting parts, that a machine of ``speed`` can do inside their windows: the greedy over works."""
    order = np.argsort(release, kind="stable")
    release, deadline, work = release[order], deadline[order], work[order]
    levels = np.unique(work)
    if len(levels) > classes:
        levels = levels[np.linspace(0, len(levels) - 1, classes + 1).astype(int)[:-1]]
    rounded = levels[np.searchsorted(levels, work, side="right") - 1] if len(levels) else work
    total, before = 0.0, 0.0
    for level in levels:
        light = rounded <= level
        now = measure(release[light], deadline[light], rounded[light], speed)
        total += max(0.0, now - before) / level
        before = max(before, now)
    return total


def least_work(instance: PlacementInstance) -> FloatArray:
    """(M,) least accelerator-seconds of one request; infinite where no configuration can serve it in time."""
    tables = instance.tables
    intra = np.array([c.intra_op for c in tables.configurations])
    return np.asarray(np.where(tables.usable, tables.total_s * intra, np.inf).min(axis=1, initial=np.inf))


def bound_good(instance: PlacementInstance, workload: Workload, *, measure: Work = most_work) -> int:
    """No placement answers more of the counted requests in time; see the head of this file."""
    first, last = workload.counted
    arrival, model = workload.arrival_s[first:last], workload.model[first:last]
    work = least_work(instance)
    able = np.isfinite(work[model])
    arrival, model = arrival[able], model[able]
    deadline = arrival + instance.tables.slo_s[model] - instance.overheads.request_s
    speed, classes = float(instance.devices), int(np.clip(STEPS // max(len(model), 1), 1, CLASSES))
    pooled = most_jobs(arrival, deadline, work[model], speed, classes=classes, measure=measure)
    alone = np.zeros(len(instance.models))
    for m in np.unique(model):
        own = model == m
        alone[m] = most_jobs(arrival[own], deadline[own], work[model[own]], speed, measure=measure)
    hosted = _knapsack(alone, _least_weight(instance), instance.devices * instance.budget_gib)
    return int(np.floor(min(pooled, hosted, len(model)) + ROUNDING))


def bound_of_plan(instance: PlacementInstance, plan: Plan) -> int:
    """The bound for a placement; for a schedule, whose windows start idle, the sum over its windows."""
    if isinstance(plan, Placement):
        return bound_good(instance, instance.workload)
    return sum(bound_good(instance, own) for _, own in plan.windows(instance.workload))


def _least_weight(instance: PlacementInstance) -> FloatArray:
    """(M,) least memory over all accelerators of a group that hosts the model."""
    tables = instance.tables
    weight = np.where(tables.usable, tables.weight_gib, np.inf) * tables.size
    return np.asarray(weight.min(axis=1, initial=np.inf))


def _knapsack(value: FloatArray, weight: FloatArray, room: float) -> float:
    """The fractional knapsack: the most value within ``room``."""
    total = 0.0
    with np.errstate(divide="ignore", invalid="ignore"):
        order = np.argsort(-np.where(value > 0, value / np.maximum(weight, 1e-300), 0.0), kind="stable")
    for m in order:
        if value[m] <= 0 or room <= 0:
            break
        share = 1.0 if weight[m] <= room else room / weight[m]
        total += share * value[m]
        room -= share * weight[m]
    return total
