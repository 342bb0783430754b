"""solve: choose a method, run it, let the judge grade what it returns."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import numpy as np

from gavelopt.engine.diagnose import diagnose_problem
from gavelopt.engine.grading import allocation_of, grade
from gavelopt.engine.moves import Moves
from gavelopt.engine.prices_of import priced
from gavelopt.engine.problem import Answer, Infeasible, OutOfTime, Problem
from gavelopt.engine.registry import methods_of, resolve
from gavelopt.errors import InputError, SolverError, UnknownName
from gavelopt.judge.verdict import Verdict
from gavelopt.model.instance import Instance
from gavelopt.model.policy import Method, Policy
from gavelopt.model.solution import Attempt, Solution

DIAGNOSED = 20_000  # columns up to which an infeasible problem is diagnosed unasked
DIAGNOSIS_S = 2.0  # seconds for each integer program of that diagnosis


def solve(
    instance: Any,
    policy: str | Policy,
    *,
    method: str = "auto",
    time_limit: float | None = None,
    seed: int = 0,
    tolerance: float = 1e-6,
    warm: Solution | None = None,
    moves: Moves | None = None,
    **options: Any,
) -> Solution:
    """Solve ``policy`` on ``instance`` and return the judged answer.

    Args:
        instance: the question: an Instance, or one of another kind (packing, placement, elastic).
        policy: a registered name ("max_min"), or a Policy object.
        method: "auto", or one of the policy's methods ("exact", "equal_share", ...; see ``policies()``).
        time_limit: seconds, or None.
        seed: of every random choice.
        tolerance: certified relative gap at which the answer is called optimal.
        warm: an earlier answer to start from (see Session).
        moves: how far the answer may lie from an earlier allocation (see Session).
        options: parameters of the policy (when it is given by name) and options of the method.

    Raises:
        InputError: an unknown policy, method or option; data that the policy needs and the instance lacks.
    """
    chosen, left = resolve(policy, options)
    _check_arguments(instance, chosen, time_limit, tolerance, seed)
    start = time.perf_counter()
    deadline = start + (np.inf if time_limit is None else time_limit)
    problem = Problem(instance, chosen, tolerance, seed, warm, deadline)
    plan, why = plan_methods(problem, method)
    _check_options(plan, left, chosen)
    attempts: list[Attempt] = []
    outcome: tuple[Method, Answer | None, Verdict] | None = None
    for tried in plan:
        began = time.perf_counter()
        answer, verdict = _attempt(problem, tried, {k: v for k, v in left.items() if k in tried.options}, moves)
        detail = "; ".join(filter(None, [why, *(answer.notes if answer else ()), verdict.message]))
        attempts.append(Attempt(tried.name, time.perf_counter() - began, verdict.status, detail))
        why = f"after {tried.name} ended {verdict.status}"
        if outcome is None or _better(verdict, outcome[2]):
            outcome = (tried, answer, verdict)
        if verdict.status in ("optimal", "infeasible", "unbounded") or problem.seconds_left == 0.0:
            break
        if moves is not None and verdict.value is not None:  # the gap is that of the limit
            break
        if verdict.value is not None and tried.guarantee != "exact":
            break
    assert outcome is not None
    return _solution(problem, *outcome, attempts, time.perf_counter() - start)


def plan_methods(problem: Problem, method: str) -> tuple[Sequence[Method], str]:
    """The methods to try in order, and why. A method that is named is the only one tried."""
    methods = methods_of(problem.policy)
    if method != "auto":
        if method not in methods:
            raise UnknownName.among(f"method of policy {problem.policy.name!r}", method, methods)
        return [methods[method]], "asked for"
    for guarantee, reason in (("rule", "the policy is a closed form"), ("exact", "exact is affordable at this size")):
        fitting = [
            m
            for m in methods.values()
            if m.guarantee == guarantee and m.pays is None and (m.affordable is None or m.affordable(problem.instance))
        ]
        for sooner in methods.values():
            why = sooner.pays(problem) if sooner.pays is not None and sooner.guarantee == guarantee else None
            if why is not None:
                return [sooner, *fitting[:1]], why
        if fitting:
            return fitting[:1], reason
    return list(methods.values())[:1], "the policy's first method"


def _attempt(
    problem: Problem, method: Method, options: dict[str, Any], moves: Moves | None
) -> tuple[Answer | None, Verdict]:
    """Run one method; what it cannot do comes back as a verdict with the reason."""
    try:
        answer = _empty(problem) if problem.empty else method.run(problem, **options)
    except Infeasible as error:
        return None, Verdict("infeasible", None, None, None, None, (), str(error))
    except OutOfTime as error:
        return None, Verdict("time_limit", None, None, None, None, (), str(error))
    except SolverError as error:
        return None, Verdict("failed", None, None, None, None, (), str(error))
    answer = answer if moves is None else moves.limit(problem, answer)
    return answer, grade(problem, answer)


def _empty(problem: Problem) -> Answer:
    if problem.instance.kind == "elastic":
        nothing = np.zeros((len(problem.instance.jobs), problem.instance.nodes), dtype=np.int64)
        return Answer(np.zeros(0), plan=nothing, notes=("no jobs or no nodes: nothing to decide",))
    return Answer(np.zeros(problem.space.size), notes=("no jobs: nothing to decide",))


def _better(new: Verdict, old: Verdict) -> bool:
    if new.value is None or old.value is None:
        return old.value is None and new.value is not None
    return (new.gap if new.gap is not None else np.inf) < (old.gap if old.gap is not None else np.inf)


def _solution(
    problem: Problem, method: Method, answer: Answer | None, verdict: Verdict, attempts: list[Attempt], seconds: float
) -> Solution:
    instance, policy = problem.instance, problem.policy
    has = answer is not None and verdict.value is not None
    warnings = [*instance.warnings, *policy.warnings(instance)]
    return Solution(
        instance=instance,
        policy=policy,
        method=method.name,
        guarantee=method.guarantee,
        status=verdict.status,
        value=verdict.value,
        bound=verdict.bound,
        bound_kind=verdict.bound_kind,
        gap=verdict.gap,
        unit=policy.unit(instance),
        seconds=seconds,
        allocation=allocation_of(problem, answer) if has and answer else None,
        prices=priced(problem, answer, verdict) if has and answer else None,
        multipliers=answer.multipliers if has and answer else None,
        plan=answer.plan if has and answer else None,
        levels=policy.judged_levels(answer.proof, answer.levels) if has and answer else None,
        checks=verdict.checks,
        attempts=tuple(attempts),
        warnings=tuple(warnings),
        message=verdict.message if verdict.value is not None else _why_not(problem, verdict),
        details=dict(answer.details) if answer else {},
    )


def _why_not(problem: Problem, verdict: Verdict) -> str:
    """The verdict's message; where the problem is infeasible, the conflict and what would mend it."""
    if verdict.status != "infeasible" or problem.instance.kind != "training":
        return verdict.message
    if problem.space.size > DIAGNOSED:
        return f"{verdict.message}; gavelopt.diagnose(instance, policy) names the conflict"
    try:
        found = diagnose_problem(problem, min(DIAGNOSIS_S, max(problem.seconds_left, 0.1)))
    except SolverError as error:
        return f"{verdict.message}; no diagnosis: {error}"
    return verdict.message if found.feasible else f"{verdict.message}\n{found}"


def _check_arguments(
    instance: Instance, policy: Policy, time_limit: float | None, tolerance: float, seed: object
) -> None:
    wanted = getattr(policy, "kind", "training")
    if getattr(instance, "kind", None) != wanted:
        raise InputError(
            f"policy {policy.name!r} needs an instance of kind {wanted!r}",
            seen=getattr(instance, "kind", type(instance).__name__),
        )
    if time_limit is not None and not time_limit > 0:
        raise InputError("time_limit out of range", seen=time_limit, rule="seconds > 0, or None")
    if not (isinstance(seed, (int, np.integer)) and not isinstance(seed, bool) and seed >= 0):
        raise InputError("seed out of range", seen=repr(seed), rule="a whole number >= 0")
    if not 0 < tolerance < 1:
        raise InputError("tolerance out of range", seen=tolerance, rule="between 0 and 1")


def _check_options(plan: Sequence[Method], left: dict[str, Any], policy: Policy) -> None:
    known = [*policy.parameters(), *(option for method in plan for option in method.options)]
    for name, value in left.items():
        owner = next((method for method in plan if name in method.options), None)
        if owner is not None:
            owner.options[name].check(name, value, owner.name)
            continue
        others = [method.name for method in methods_of(policy).values() if name in method.options]
        if others:
            raise InputError(
                f"method {plan[0].name!r} has no option {name!r}",
                seen=f"{name}={value!r}",
                rule=f"it is an option of {', '.join(map(repr, others))}",
                fix=f"method={others[0]!r}",
            )
        raise UnknownName.among(f"option of policy {policy.name!r} with method {plan[0].name!r}", name, known)
