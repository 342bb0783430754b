"""One normal form on one explicit space, given to the solver that suits it.

p = 1, -inf          a linear program: HiGHS directly, or GLOP, PDLP, Clarabel, SCS through cvxpy
p = -inf, saturated  a few linear programs (finish-time fairness)
p < 1                Clarabel through cvxpy, about rates ever closer to the optimum
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from gavelopt.engine.backends import clarabel, convex, highs
from gavelopt.engine.levels import Reached, highest_level, levels_rise
from gavelopt.engine.linear import LinearProgram, linear_program
from gavelopt.engine.problem import Infeasible
from gavelopt.engine.response import response
from gavelopt.errors import SolverError
from gavelopt.judge.certify import Multipliers, majorant, upper_bound
from gavelopt.judge.check import tidy
from gavelopt.model.arrays import FloatArray
from gavelopt.model.constraints import RateFloor
from gavelopt.model.space import AllocationSpace
from gavelopt.model.utility import Utility

SIMPLEX_ROWS = 300  # up to this many rows simplex is the fastest
CONIC_ROUNDS = 5


@dataclass(frozen=True, eq=False)
class Task:
    """What to solve: a concave utility over the columns listed in ``space``, with rate floors at ``measured`` rates."""

    space: AllocationSpace
    form: Utility
    floors: Sequence[RateFloor] = ()
    measured: AllocationSpace | None = None
    tolerance: float = 1e-6
    deadline: float = float("inf")

    @property
    def seconds_left(self) -> float:
        return max(0.0, self.deadline - time.perf_counter())


@dataclass(frozen=True, eq=False)
class Found:
    """x (K,), multipliers in units of U, and which solver it was."""

    x: FloatArray
    multipliers: Multipliers
    how: str


def solve_form(task: Task, solver: str = "auto") -> Found:
    """Solve the task; ``solver`` is "auto", "highs-simplex", "highs-ipm", "clarabel", "glop", "pdlp" or "scs"."""
    form = task.form
    if form.p == -np.inf and form.saturation is not None:
        found = _levels(task, solver)
    elif form.p in (1.0, -np.inf):
        found = _linear(task, solver)
    else:
        found = _conic(task, "clarabel" if solver == "auto" else solver)
    return replace(found, x=tidy(task.space, found.x))


def _linear(task: Task, solver: str) -> Found:
    program = linear_program(task.space, task.form, task.floors, task.measured)
    if not len(program.columns):
        return _nothing(task)
    if solver != "auto":
        return _solve_linear(task, program, solver)
    chosen = _solver_for(program)
    try:
        found = _solve_linear(task, program, chosen)
    except SolverError:  # numbers too far apart for this one: another may cope, and its answer is judged as any
        other = "highs-ipm" if chosen == "clarabel" else "clarabel"
        found = _solve_linear(task, program, other)
        return replace(found, how=f"{found.how} after {chosen} gave up")
    if chosen == "clarabel" and not _proved(task, found):
        found = _solve_linear(task, program, "highs-ipm")
    return found


def _solver_for(program: LinearProgram) -> str:
    """Simplex for small programs; for large ones interior point: HiGHS for sums, Clarabel for minima (lp_overhead.py)."""
    if program.matrix.shape[0] <= SIMPLEX_ROWS:
        return "highs-simplex"
    return "clarabel" if "epigraph" in program.blocks else "highs-ipm"


def _solve_linear(task: Task, program: LinearProgram, solver: str) -> Found:
    if solver == "clarabel":
        v, dual = clarabel.solve_lp(program, task.seconds_left)
    elif solver.startswith("highs-"):
        v, dual = highs.solve_lp(program, solver.removeprefix("highs-"), task.seconds_left)
    else:
        v, dual = convex.solve_lp(program, solver, task.seconds_left)
    x = program.decision(v)
    return Found(x, program.multipliers(dual, len(task.space.jobs), task.space.rate(x)), solver)


def _proved(task: Task, found: Found) -> bool:
    """Whether the multipliers close the gap with a margin; a loose interior solution is then done again."""
    value = task.form.value(task.space.rate(tidy(task.space, found.x)))
    bound = upper_bound(task.space, task.form, found.multipliers, task.floors, task.measured)
    return bool(bound - value <= 0.1 * task.tolerance * abs(bound))


def _nothing(task: Task) -> Found:
    space = task.space
    if any((floor.floor > 0).any() for floor in task.floors):
        raise Infeasible("a rate floor is set and nobody can run")
    return Found(np.zeros(space.size), Multipliers(np.zeros(len(space.capacity))), "no program: nobody can run")


def _levels(task: Task, solver: str) -> Found:
    """A minimum of saturated utilities: levels.py over the linear programs of this file."""

    def solve(flat: Utility) -> Reached[Found]:
        found = _linear(replace(task, form=flat), solver)
        found = replace(found, x=tidy(task.space, found.x))
        return Reached(task.space.rate(found.x), found.multipliers, found)

    if not levels_rise(task.space, task.form):
        return solve(replace(task.form, saturation=None)).answer
    reached, proof, rounds = highest_level(task, solve)
    return Found(reached.answer.x, proof, f"{reached.answer.how}, {rounds} level(s)")


def _conic(task: Task, solver: str) -> Found:
    """A power mean with p < 1, solved about rates ever closer to the optimum until our own bound closes the gap.

    The first round measures rates in the job's ceiling (for p < 0: in a max-min answer, where no power overflows).
    """
    if task.floors:
        raise SolverError("rate floors are supported for linear objectives")
    space, form = task.space, _runnable(task.space, task.form)
    if not form.active.any():
        return _nothing(task)
    plenty = _plenty(space)
    if plenty is not None:
        return plenty
    about = np.where(space.ceiling > 0, space.ceiling, 1.0)
    if form.p < 0:
        fair = Utility(-np.inf, form.slope, form.offset, form.weight)
        least = np.min(
            (form.slope * space.rate(_linear(replace(task, form=fair), "auto").x))[form.active], initial=np.inf
        )
        about = np.where(form.active, least / np.where(form.slope > 0, form.slope, 1.0), 1.0)
    best: tuple[float, Found] | None = None
    for rounds in range(1, CONIC_ROUNDS + 1):
        x, price, hours, worth, at = convex.solve_power(space, form, solver, task.seconds_left, about)
        x = tidy(space, x)
        rate = space.rate(x)
        proof = price_proof(space, form, price, hours, worth, at)
        value = form.reported(form.value(rate))
        gap = form.reported(upper_bound(space, form, proof)) - value
        if best is None or gap < best[0]:
            best = (gap, Found(x, proof, f"{solver}, {rounds} round(s)"))
        if gap <= 0.1 * task.tolerance * abs(value) or task.seconds_left == 0.0:
            break
        about = np.where(form.active & (rate > 0), rate, about)
    assert best is not None
    return best[1]


def _plenty(space: AllocationSpace) -> Found | None:
    """Everybody all the time on the fastest type, where there is room for that: the optimum of whatever rises with rates."""
    grid = space.plain
    if grid is None:
        return None
    best = np.where(grid.usable, grid.table, 0.0)
    x = np.zeros_like(best)
    x[np.arange(len(x)), best.argmax(axis=1)] = np.where(best.max(axis=1) > 0, space.time, 0.0)
    if (space.usage(x.ravel()) > space.capacity).any():
        return None
    return Found(x.ravel(), Multipliers(np.zeros(len(space.capacity)), None, space.ceiling), "no program: room for all")


def price_proof(
    space: AllocationSpace, form: Utility, price: FloatArray, hours: FloatArray, worth: FloatArray, rate: FloatArray
) -> Multipliers:
    """Prices of the separable form as multipliers of U, with the tangent at what the jobs would buy at those prices."""
    at = response(space, price, worth, form.p) if space.plain is not None else rate
    on = form.active & (at > 0)
    tangent = majorant(form, Multipliers(at=at), space.ceiling) if on.any() else None
    if tangent is None:
        return Multipliers(np.zeros(len(space.capacity)))
    first = int(np.argmax(on))
    scale = tangent[1][first] / (worth[first] * at[first] ** (form.p - 1.0))
    return Multipliers(price * scale, None, at, hours * scale)


def _runnable(space: AllocationSpace, form: Utility) -> Utility:
    """The utility over the jobs that can run at all; the others fix U at its floor and are left out of the program."""
    return replace(form, weight=np.where(form.active & (space.ceiling > 0), form.weight, 0.0))
