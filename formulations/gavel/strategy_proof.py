"""Nash welfare with discounts: a partial allocation in which nobody gains by misreporting (Cole, Gkatzelis, Goel).

    X*   maximises   prod_i u_i^(1/J),   u_i = s_i tput_i / (w_i prop_i)     subject to the base constraints
    f_i  =  prod over k != i of  u_k(X*) / u_k(X* without job i)  <= 1
    the allocation gives job i the row  f_i X*_i

A job pays, by the discount, for what its presence costs the others. J + 1 concave programs. The value is the geometric
mean of u_i after the discounts; its bound is the undiscounted optimum, so that the gap is the price of truthfulness.
``solution.levels`` has the discounts f_i. Jobs that can run nowhere are left out of the product, and named.

What differs from Gavel: its agnostic variant does not run (an undefined name).
Reference: Cole, Gkatzelis, Goel, EC 2013; Gavel's max_min_fairness_strategy_proof.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

import gavelopt as go


@dataclass(frozen=True)
class StrategyProof(go.Policy):
    """Nash welfare, each row discounted by what the job costs the others."""

    name = "strategy_proof"
    summary = "Nash welfare with the discounts that make truth the best report"
    reference = "Cole, Gkatzelis, Goel, EC 2013; Gavel's max_min_fairness_strategy_proof"
    generic = False
    shareable = False

    def objective(self, view: go.View) -> Any:
        counted = (view.space.ceiling > 0).astype(np.float64)
        return view.power_mean(view.scale_factor * view.rate / (view.weight * view.equal_share_rate), 0.0, counted)

    def unit(self, instance: go.Instance) -> str:
        return "normalised throughput"


def _discounted(problem: go.Problem) -> go.Answer:
    space, utility = problem.space, problem.utility
    assert utility is not None
    assert space.grid is not None
    on = np.flatnonzero(utility.active)
    task = go.Task(space, utility, tolerance=problem.tolerance, deadline=problem.deadline)
    if not len(on):
        return go.Answer(np.zeros(space.size), levels=np.ones(len(space.jobs)))
    whole = go.solve_form(task)
    with_all = np.log(utility.per_job(space.rate(whole.x))[on])
    discount = np.ones(len(space.jobs))
    for position, job in enumerate(on.tolist()):
        if problem.seconds_left == 0.0:
            raise go.OutOfTime(f"{position} of {len(on)} discounts known at the time limit")
        others = np.delete(np.arange(len(on)), position)
        if not len(others):
            continue
        weight = utility.weight.copy()
        weight[job] = 0.0
        alone = go.solve_form(replace(task, form=replace(utility, weight=weight)))
        without = np.log(utility.per_job(space.rate(alone.x))[on[others]])
        discount[job] = min(1.0, float(np.exp((with_all[others] - without).sum())))
    x = whole.x.reshape(space.grid.table.shape) * discount[:, None]
    return go.Answer(x.ravel(), whole.multipliers, levels=discount, notes=(f"{len(on) + 1} programs, {whole.how}",))


StrategyProof.methods = (go.Method("discounts", _discounted, "heuristic", "one concave program a job"),)
