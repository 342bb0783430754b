"""The split problem: any session on any number of GPUs.

    1  the unsplit optimum (exact.py) is a plan of the split problem: the upper bound U
    2  the utilisation and occupancy bounds, and where these leave a gap, prices of rates and visits (visits.py), all of
       which the judge recomputes
    3  where a gap is left: do U - 1 GPUs suffice? (split_cpsat.py)  A "yes" is a better plan, a "no" the method's claim

Where a session fills whole GPUs by itself, step 3 searches the second phase alone, and its "no" is no proof for the whole.
"""

from __future__ import annotations

import time
from math import gcd

import numpy as np

import gavelopt as go
from formulations.nexus.exact import packed
from formulations.nexus.residuals import Residuals, plan_of, residuals_of
from formulations.nexus.split_cpsat import fewer_gpus
from formulations.nexus.visits import visit_prices

LARGEST = 20  # residuals up to which CP-SAT is asked: beyond, it decides nothing in a minute


def exact_split(problem: go.Problem, search_seconds: float = 60.0, workers: int = 1) -> go.Answer:
    """The best split plan found, with the bound as far as it could be raised."""
    phase, residuals = residuals_of(problem)
    instance, price = residuals.instance, residuals.price
    deadline = min(problem.deadline, time.perf_counter() + search_seconds)
    search, _ = packed(residuals, time.perf_counter() + (deadline - time.perf_counter()) / 4)
    if search.bins is not None:
        plan, gpus = plan_of(phase, residuals, search.bins), len(search.bins)
    else:
        shared = _any_plan(residuals, not phase.whole.any(), deadline, problem.seed, workers)
        plan, gpus = go.PackingPlan(instance, [*phase.cycles(instance), *shared]), len(shared)
    step = gcd(*(int(p) for p in price)) / 1e6
    proof = _proof(instance, problem.policy, plan, price, step, deadline)
    proved = max(go.packing.packing_bounds(instance, problem.policy.minimise, "split", proof).values())  # type: ignore[attr-defined]
    claim, notes, whole = proved, list(search.notes), phase.cycles(instance)
    while _askable(residuals) and gpus > 0 and _cost(plan, price) - step >= proved - 1e-9:
        cycles, decided = fewer_gpus(residuals, gpus - 1, deadline, problem.seed, workers)
        notes.append(f"{gpus - 1} shared GPUs: {'yes' if cycles else 'no' if decided else 'undecided'}")
        if cycles is None:
            claim = _cost(plan, price) if decided and not whole else proved
            break
        plan = go.PackingPlan(instance, [*whole, *cycles])
        gpus = len(cycles)
    return go.Answer(np.zeros(0), plan=plan, multipliers=proof, claimed_bound=claim, notes=tuple(notes))


def _any_plan(
    residuals: Residuals, alone: bool, deadline: float, seed: int, workers: int
) -> list[go.packing.DutyCycle]:
    """Duty cycles within the GPUs there are, where no unsplit packing was found.

    alone: whether the first phase took no GPU, so that a "no" is a proof. Raises Infeasible, or OutOfTime without a proof.
    """
    cycles, decided = None, False
    if _askable(residuals):
        cycles, decided = fewer_gpus(residuals, min(int(residuals.room[0]), len(residuals)), deadline, seed, workers)
    if cycles is not None:
        return cycles
    if decided and alone and residuals.room[0] <= len(residuals):
        raise go.Infeasible("no packing keeps within the GPUs there are, however sessions are split")
    raise go.OutOfTime("no packing within the GPUs there are was found in time")


def _askable(residuals: Residuals) -> bool:
    return residuals.types == 1 and 0 < len(residuals) <= LARGEST


def _proof(
    instance: go.PackingInstance,
    policy: go.Policy,
    plan: go.PackingPlan,
    price: go.IntArray,
    step: float,
    deadline: float,
) -> go.packing.VisitPrices | None:
    """Prices of rates and visits, where the simple bounds leave a gap."""
    cost = _cost(plan, price)
    simple = max(go.packing.packing_bounds(instance, policy.minimise, "split").values())  # type: ignore[attr-defined]
    if cost - step < simple - 1e-9:
        return None
    half = time.perf_counter() + (deadline - time.perf_counter()) / 2
    prices, _ = visit_prices(instance, price, (cost - step) * 1e6, lambda: half - time.perf_counter())
    return prices


def _cost(plan: go.PackingPlan, price: go.IntArray) -> float:
    return float(plan.per_type @ price) / 1e6
