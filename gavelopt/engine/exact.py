"""The exact method: the policy's normal form given to the solver that suits it.

    p = 1, -inf    HiGHS directly (or GLOP, PDLP, Clarabel, SCS through cvxpy)
    p < 1          Clarabel through cvxpy
    otherwise      the literal symbolic reading through cvxpy; its bound is the solver's claim

A minimum with a job that can run nowhere is 0 whatever the rest gets; the rest then gets its own optimum.
"""

from __future__ import annotations

import numpy as np

from gavelopt.engine.aggregate import merge
from gavelopt.engine.backends import convex, highs
from gavelopt.engine.linear import linear_program, tidy
from gavelopt.engine.problem import Answer, Problem
from gavelopt.engine.response import response
from gavelopt.errors import UnknownName
from gavelopt.judge.certify import Multipliers, majorant, upper_bound
from gavelopt.model.arrays import FloatArray
from gavelopt.model.space import AllocationSpace
from gavelopt.model.utility import Utility

ROUNDS = 5
SOLVERS = ("auto", "highs-simplex", "highs-ipm", "clarabel", "glop", "pdlp", "scs")


def exact(problem: Problem, solver: str = "auto", aggregate: bool = True) -> Answer:
    """Solve the normal form. ``solver`` is one of SOLVERS; ``aggregate`` merges identical jobs first."""
    if solver not in SOLVERS:
        raise UnknownName.among("solver", solver, SOLVERS)
    utility = problem.utility
    if utility is None:
        return literal(problem, "clarabel" if solver == "auto" else solver)
    merged = merge(problem.space, utility) if aggregate and not problem.floors else None
    space, form = (merged.space, merged.utility) if merged else (problem.space, utility)
    if form.p in (1.0, -np.inf) and form.saturation is None:
        x, found, how = _linear(problem, space, form, solver)
    else:
        x, found, how = _conic(problem, space, _runnable(space, form), "clarabel" if solver == "auto" else solver)
    x = tidy(space, x)
    notes = [f"solved by {how}"]
    if merged:
        notes.append(f"{len(problem.space.jobs)} jobs merged into {len(merged.count)} kinds")
        x, found = merged.expand(x), merged.expand_multipliers(found)
    return Answer(x, found, notes=tuple(notes))


def _linear(
    problem: Problem, space: AllocationSpace, form: Utility, solver: str
) -> tuple[FloatArray, Multipliers, str]:
    program = linear_program(space, form, problem.floors)
    if not len(program.columns):
        return np.zeros(space.size), Multipliers(np.zeros(len(space.capacity))), "no program: nobody can run"
    if solver in ("auto", "highs-simplex", "highs-ipm"):
        algorithm = highs.algorithm_for(program) if solver == "auto" else solver.removeprefix("highs-")
        v, dual = highs.solve_lp(program, algorithm, problem.seconds_left)
        how = f"HiGHS {algorithm}"
    else:
        v, dual = convex.solve_lp(program, solver, problem.seconds_left)
        how = f"cvxpy with {solver}"
    x = program.decision(v)
    return x, program.multipliers(dual, len(space.jobs), space.rate(x)), how


def _conic(problem: Problem, space: AllocationSpace, form: Utility, solver: str) -> tuple[FloatArray, Multipliers, str]:
    """A power mean with p < 1: solved about rates ever closer to the optimum until our own bound closes the gap.

    The first round measures rates in the job's ceiling (for p < 0: in a max-min answer, where no power overflows).
    """
    about = np.where(space.ceiling > 0, space.ceiling, 1.0)
    if form.p < 0:
        fair = Utility(-np.inf, form.slope, form.offset, form.weight)
        x, _, _ = _linear(problem, space, fair, "auto")
        least = np.min((form.slope * space.rate(x))[form.active], initial=np.inf)
        about = np.where(form.active, least / np.where(form.slope > 0, form.slope, 1.0), 1.0)
    best: tuple[float, FloatArray, Multipliers] | None = None
    rounds = 0
    for _ in range(ROUNDS):
        rounds += 1
        x, price, worth = convex.solve_power(space, form, solver, problem.seconds_left, about)
        x = tidy(space, x)
        rate = space.rate(x)
        found = _proof(space, form, price, worth, rate)
        gap = form.reported(upper_bound(space, form, found)) - form.reported(form.value(rate))
        if best is None or gap < best[0]:
            best = (gap, x, found)
        if gap <= 0.1 * problem.tolerance * abs(form.reported(form.value(rate))) or problem.seconds_left == 0.0:
            break
        about = np.where(form.active & (rate > 0), rate, about)
    assert best is not None
    return best[1], best[2], f"{solver}, {rounds} round(s)"


def _proof(
    space: AllocationSpace, form: Utility, price: FloatArray, worth: FloatArray, rate: FloatArray
) -> Multipliers:
    """Prices of the separable form as multipliers of U, with the tangent at what the jobs would buy at those prices."""
    at = response(space, price, worth, form.p) if space.plain is not None else rate
    on = form.active & (at > 0)
    if not on.any():
        return Multipliers(np.zeros(len(space.capacity)))
    first = int(np.argmax(on))
    tangent = majorant(form, Multipliers(at=at), space.ceiling)
    if tangent is None:
        return Multipliers(np.zeros(len(space.capacity)))
    return Multipliers(price * tangent[1][first] / (worth[first] * at[first] ** (form.p - 1.0)), None, at)


def _runnable(space: AllocationSpace, form: Utility) -> Utility:
    """The utility over the jobs that can run at all; the others fix U at its floor and are left out of the program."""
    on = form.active & (space.ceiling > 0)
    return Utility(
        form.p, form.slope, form.offset, np.where(on, form.weight, 0.0), form.report, form.saturation, form.cap
    )


def literal(problem: Problem, solver: str = "clarabel") -> Answer:
    """The declaration exactly as written, through cvxpy. No normal form: the bound is only the solver's claim."""
    import cvxpy as cp

    view = convex.SymbolicView(problem.instance, problem.space)
    objective = problem.policy.objective(view)
    sense = cp.Maximize if problem.policy.sense == "max" else cp.Minimize
    limits = list(view.limits)
    limits += [view.rate.expression >= floor.floor for floor in problem.floors]
    program = cp.Problem(sense(objective), limits)
    convex.run(program, solver, problem.seconds_left)
    x = np.zeros(problem.space.size) if view.x.value is None else np.asarray(view.x.value)
    claim = None if program.value is None else float(program.value)
    return Answer(
        tidy(problem.space, x), claimed_bound=claim, notes=(f"literal reading, cvxpy with {solver}: {program.status}",)
    )
