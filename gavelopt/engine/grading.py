"""Which judge grades which kind of instance, and the allocation matrix of its answer.

Every kind brings a judge in ``gavelopt/judge`` (numpy and scipy only) that is called as ``judge(instance, policy, plan,
multipliers, tolerance) -> Verdict``, and an ``allocation(plan)`` on its instance that shows the plan as the shared matrix.
"""

from __future__ import annotations

import importlib
from dataclasses import replace

from gavelopt.engine.problem import Answer, Problem
from gavelopt.judge.verdict import Verdict, judge, relative_gap
from gavelopt.model.allocation import Allocation

# bound by name, so that solving one kind does not load the others
JUDGES = {
    "packing": "gavelopt.judge.packing:judge_plan",
    "placement": "gavelopt.judge.placement:judge_plan",
    "elastic": "gavelopt.judge.elastic:judge_plan",
}


def grade(problem: Problem, answer: Answer) -> Verdict:
    """The verdict of the judge of this instance's kind."""
    if problem.instance.kind == "training":
        return judge(
            problem.instance,
            problem.policy,
            answer.columns(problem.space),
            answer.x,
            measured=answer.columns(problem.measured),
            utility=problem.utility,
            multipliers=answer.multipliers,
            proof=answer.proof,
            floors=problem.floors,
            claimed=answer.claimed_bound,
            tolerance=problem.tolerance,
        )
    module, _, name = JUDGES[problem.instance.kind].partition(":")
    judged = getattr(importlib.import_module(module), name)
    verdict = judged(problem.instance, problem.policy, answer.plan, answer.multipliers, problem.tolerance)
    return _with_claim(verdict, answer.claimed_bound, problem.policy.sense)


def _with_claim(verdict: Verdict, claim: float | None, sense: str) -> Verdict:
    """A method's own bound where it says more than the judge could prove (an enumeration); it makes no answer optimal."""
    if claim is None or verdict.value is None or verdict.status == "optimal":
        return verdict
    sign = 1.0 if sense == "max" else -1.0
    if sign * claim < sign * verdict.value or (verdict.bound is not None and sign * claim >= sign * verdict.bound):
        return verdict
    return replace(verdict, status="bounded", bound=claim, bound_kind="claimed", gap=relative_gap(verdict.value, claim))


def allocation_of(problem: Problem, answer: Answer) -> Allocation:
    """The answer as an allocation over columns."""
    if problem.instance.kind == "training":
        return Allocation(answer.columns(problem.measured), answer.x)
    return problem.instance.allocation(answer.plan)  # type: ignore[no-any-return]
