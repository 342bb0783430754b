"""The split problem: any session on any number of GPUs.

    1  the unsplit optimum (exact.py) is a plan of the split problem: the upper bound U
    2  bounds of the judge: utilisation and occupancy
    3  while they differ: do U - 1 GPUs suffice? (split_cpsat.py) A "no" closes the gap, a "yes" is a better plan

Where a session fills whole GPUs by itself the second phase alone is searched; a "no" is then no proof for the whole.
"""

from __future__ import annotations

import time
from math import gcd

import numpy as np

import gavelopt as go
from formulations.nexus.exact import packed
from formulations.nexus.residuals import plan_of, residuals_of
from formulations.nexus.split_cpsat import fewer_gpus

LARGEST = 20  # residuals up to which CP-SAT is asked: beyond, it decides nothing in a minute


def exact_split(problem: go.Problem, search_seconds: float = 60.0, workers: int = 1) -> go.Answer:
    """The best split plan found, with the bound as far as it could be raised."""
    phase, residuals = residuals_of(problem)
    instance, price = residuals.instance, residuals.price
    deadline = min(problem.deadline, time.perf_counter() + search_seconds)
    search, _ = packed(residuals, time.perf_counter() + (deadline - time.perf_counter()) / 4)
    if search.bins is None:
        raise go.OutOfTime("no packing within the GPUs there are was found in time")
    plan = plan_of(phase, residuals, search.bins)
    proved = max(go.packing_bounds(instance, problem.policy.minimise, "split").values())  # type: ignore[attr-defined]
    claim, notes = proved, list(search.notes)
    whole = phase.cycles(instance)
    gpus = len(search.bins)
    while residuals.types == 1 and 0 < len(residuals) <= LARGEST and _cost(plan, price) - _step(price) >= proved - 1e-9:
        cycles, decided = fewer_gpus(residuals, gpus - 1, deadline, problem.seed, workers)
        notes.append(f"{gpus - 1} shared GPUs: {'yes' if cycles else 'no' if decided else 'undecided'}")
        if cycles is None:
            claim = _cost(plan, price) if decided and not whole else proved
            break
        plan = go.PackingPlan(instance, [*whole, *cycles])
        gpus = len(cycles)
    return go.Answer(np.zeros(0), plan=plan, claimed_bound=claim, notes=tuple(notes))


def _cost(plan: go.PackingPlan, price: go.IntArray) -> float:
    return float(plan.per_type @ price) / 1e6


def _step(price: go.IntArray) -> float:
    return gcd(*(int(p) for p in price)) / 1e6
