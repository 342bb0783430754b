"""The exact method: the policy's normal form, on merged jobs, with pair columns generated as they pay.

A declaration without a normal form is read literally (symbolically) instead; its bound is then the solver's claim.
A minimum with a job that can run nowhere is 0 whatever the rest gets; the rest then gets its own optimum.
"""

from __future__ import annotations

import numpy as np

from gavelopt.engine.aggregate import Merged, merge
from gavelopt.engine.backends import convex
from gavelopt.engine.forms import Found, Task, solve_form
from gavelopt.engine.needs import exact_shared
from gavelopt.engine.problem import Answer, Problem
from gavelopt.judge.check import tidy
from gavelopt.model.arrays import IntArray
from gavelopt.model.constraints import RateFloor
from gavelopt.model.utility import Utility

SOLVERS = ("auto", "highs-simplex", "highs-ipm", "clarabel", "glop", "pdlp", "scs")


def exact(problem: Problem, solver: str = "auto", aggregate: bool = True) -> Answer:
    """Solve the normal form. ``solver`` is one of SOLVERS; ``aggregate`` merges identical jobs first."""
    if problem.utility is None:
        return literal(problem, "clarabel" if solver == "auto" else solver)
    task = task_of(problem, problem.utility)
    if problem.space.family is not None:
        return exact_shared(task, solver)
    return by_program(task, _merged(task, problem.row) if aggregate else None, solver)


def task_of(problem: Problem, utility: Utility) -> Task:
    """The problem in its normal form."""
    return Task(problem.space, utility, problem.floors, problem.measured, problem.tolerance, problem.deadline)


def by_program(task: Task, merged: Merged | None, solver: str = "auto") -> Answer:
    """One program over the classes of ``merged``, or over all jobs of a space without shared columns."""
    found = solve_classes(task, merged, solver)
    notes = [f"solved by {found.how}"]
    if merged is None:
        return Answer(found.x, found.multipliers, notes=tuple(notes))
    notes.append(f"{len(task.space.jobs)} jobs merged into {len(merged.count)} kinds")
    return Answer(merged.expand(found.x), merged.expand_multipliers(found.multipliers), notes=tuple(notes))


def solve_classes(task: Task, merged: Merged | None, solver: str = "auto") -> Found:
    """The answer in its compact form: x and multipliers of the classes (of the jobs, where nothing is merged)."""
    return solve_form(task if merged is None else _smaller(task, merged), solver)


def _merged(task: Task, row: IntArray | None) -> Merged | None:
    """Jobs merged that are alike also in their floors and measured rates."""
    extra = [floor.floor for floor in task.floors]
    if task.floors and task.measured is not None and task.measured.grid is not None:
        extra.append(task.measured.grid.table)
    return merge(task.space, task.form, extra, row=row)


def _smaller(task: Task, merged: Merged) -> Task:
    measured = None
    if task.floors and task.measured is not None and task.measured.grid is not None:
        measured = merged.like(task.measured.grid.table[merged.first])
    floors = [RateFloor(floor.name, floor.floor[merged.first] * merged.count) for floor in task.floors]
    return Task(merged.space, merged.utility, floors, measured, task.tolerance, task.deadline)


def literal(problem: Problem, solver: str = "clarabel") -> Answer:
    """The declaration exactly as written, through cvxpy. No normal form: the bound is only the solver's claim."""
    import cvxpy as cp

    view = convex.SymbolicView(problem.instance, problem.space)
    objective = problem.policy.objective(view)
    sense = cp.Maximize if problem.policy.sense == "max" else cp.Minimize
    limits = [*view.limits, *(view.rate.expression >= floor.floor for floor in problem.floors)]
    program = cp.Problem(sense(objective), limits)
    convex.run(program, solver, problem.seconds_left)
    x = np.zeros(problem.space.size) if view.x.value is None else np.asarray(view.x.value)
    claim = None if program.value is None else float(program.value)
    words = f"literal reading, cvxpy with {solver}: {program.status}"
    return Answer(tidy(problem.space, x), claimed_bound=claim, notes=(words,))
