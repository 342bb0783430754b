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
from gavelopt.engine.linear import LinearProgram, linear_program, tidy
from gavelopt.engine.problem import Infeasible
from gavelopt.engine.response import response
from gavelopt.errors import SolverError
from gavelopt.judge.certify import Multipliers, majorant, upper_bound
from gavelopt.model.arrays import BoolArray, FloatArray
from gavelopt.model.constraints import RateFloor
from gavelopt.model.space import AllocationSpace
from gavelopt.model.utility import Utility

SIMPLEX_ROWS = 300  # up to this many rows simplex is the fastest
CONIC_ROUNDS = 5
LEVEL_ROUNDS = 60


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
    chosen = _solver_for(program) if solver == "auto" else solver
    found = _solve_linear(task, program, chosen)
    if solver == "auto" and chosen == "clarabel" and not _proved(task, found):
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
    """max min_i u_i with u_i = r / (b_i + a_i r): Newton's method on the level t.

    u_i(r) >= t needs r >= q_i(t) = t b_i / (1 - a_i t), so t is reachable where the linear program  max theta, r_i >=
    theta q_i(t)  has theta >= 1. Its duals mu give  sum mu_i q_i(t') / q_i(t) <= theta  for every reachable t'; the root of
    that convex increasing function is the next t. The iterates fall to the optimum from above, faster than linearly.
    """
    space, form = task.space, task.form
    assert form.saturation is not None
    on = form.active & (space.ceiling > 0)
    if not on.any() or (form.active & ~on).any():
        return _linear(replace(task, form=replace(form, saturation=None)), solver)
    work, bend = 1.0 / form.slope[on], form.saturation[on] / form.slope[on]
    top = form.per_job(space.ceiling)
    level = min(float(top[on].min()), form.cap)
    best: tuple[float, Found] | None = None
    for rounds in range(1, LEVEL_ROUNDS + 1):
        need = _needed(level, work, bend)
        slope, weight = np.zeros(len(on)), np.zeros(len(on))
        slope[on], weight[on] = 1.0 / need, 1.0
        flat = Utility(-np.inf, slope, np.zeros(len(on)), weight)
        found = _linear(replace(task, form=flat), solver)
        x = tidy(space, found.x)
        value = form.value(space.rate(x))
        proof = _level_proof(form, found.multipliers, need, on)
        if best is None or value > best[0]:
            best = (value, Found(x, proof, f"{found.how}, {rounds} level(s)"))
        bound = upper_bound(space, form, proof, task.floors, task.measured)
        if bound - value <= 0.01 * task.tolerance * bound or task.seconds_left == 0.0:
            best = (value, Found(x, proof, f"{found.how}, {rounds} level(s)"))
            break
        level = _next_level(level, need, work, bend, found.multipliers, on, flat.value(space.rate(x)), value)
    assert best is not None
    return best[1]


def _needed(level: float, work: FloatArray, bend: FloatArray) -> FloatArray:
    """Rates at which every u_i reaches ``level``."""
    return np.asarray(level * work / np.maximum(1.0 - bend * level, 1e-300))


def _next_level(
    level: float,
    need: FloatArray,
    work: FloatArray,
    bend: FloatArray,
    multipliers: Multipliers,
    on: BoolArray,
    theta: float,
    low: float,
) -> float:
    """The root t' in [low, level] of  sum mu_i q_i(t') / q_i(t) = theta, by bisection."""
    assert multipliers.emphasis is not None
    mu = multipliers.emphasis[on]
    mu = mu / mu.sum()
    high = level
    for _ in range(200):
        middle = 0.5 * (low + high)
        if float(mu @ (_needed(middle, work, bend) / need)) <= theta:
            low = middle
        else:
            high = middle
        if high - low <= 1e-16 * high:
            break
    return high


def _level_proof(form: Utility, found: Multipliers, need: FloatArray, on: BoolArray) -> Multipliers:
    """Duals of r_i / q_i >= theta as multipliers of min u_i: the tangents at q, in the scale that sums them to 1."""
    assert found.emphasis is not None
    assert found.prices is not None
    assert form.saturation is not None
    at = np.zeros(len(on))
    at[on] = need
    slope = form.slope / (1.0 + form.saturation * at) ** 2
    emphasis = np.zeros(len(on))
    emphasis[on] = found.emphasis[on] / need / slope[on]
    total = emphasis.sum()
    time = None if found.time is None else found.time / total
    floors = None if found.floors is None else found.floors / total
    return Multipliers(found.prices / total, emphasis / total, at, time, floors)


def _conic(task: Task, solver: str) -> Found:
    """A power mean with p < 1, solved about rates ever closer to the optimum until our own bound closes the gap.

    The first round measures rates in the job's ceiling (for p < 0: in a max-min answer, where no power overflows).
    """
    if task.floors:
        raise SolverError("rate floors are supported for linear objectives")
    space, form = task.space, _runnable(task.space, task.form)
    if not form.active.any():
        return _nothing(task)
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
