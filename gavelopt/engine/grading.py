"""Which judge grades which kind of instance, and the allocation matrix of its answer.

Every kind brings a judge in ``gavelopt/judge`` (numpy and scipy only) that is called as ``judge(instance, policy, plan,
multipliers, tolerance) -> Verdict``, and an ``allocation(plan)`` on its instance that shows the plan as the shared matrix.
"""

from __future__ import annotations

import importlib

from gavelopt.engine.problem import Answer, Problem
from gavelopt.judge.verdict import Verdict, judge
from gavelopt.model.allocation import Allocation
from gavelopt.model.space import AllocationSpace

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
            _with_pairs(problem.space, answer),
            answer.x,
            measured=_with_pairs(problem.measured, answer),
            utility=problem.utility,
            multipliers=answer.multipliers,
            proof=answer.proof,
            floors=problem.floors,
            claimed=answer.claimed_bound,
            tolerance=problem.tolerance,
        )
    module, _, name = JUDGES[problem.instance.kind].partition(":")
    judged = getattr(importlib.import_module(module), name)
    return judged(problem.instance, problem.policy, answer.plan, answer.multipliers, problem.tolerance)  # type: ignore[no-any-return]


def _with_pairs(space: AllocationSpace, answer: Answer) -> AllocationSpace:
    return space if answer.pairs is None else space.with_columns(*answer.pairs)


def allocation_of(problem: Problem, answer: Answer) -> Allocation:
    """The answer as an allocation over columns."""
    if problem.instance.kind == "training":
        return Allocation(_with_pairs(problem.measured, answer), answer.x)
    return problem.instance.allocation(answer.plan)  # type: ignore[attr-defined,no-any-return]
