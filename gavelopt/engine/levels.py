"""max min_i u_i with u_i = r_i / (b_i + a_i r_i), finish-time fairness: Newton's method on the level t.

u_i(r) >= t needs r >= q_i(t) = t b_i / (1 - a_i t), so t is reachable where the linear program  max theta, r_i >= theta q_i(t)
has theta >= 1. Its duals mu give  sum mu_i q_i(t') / q_i(t) <= theta  for every reachable t'; the root of that convex
increasing function is the next t. The iterates fall to the optimum from above, faster than linearly.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, TypeVar

import numpy as np

from gavelopt.judge.certify import Multipliers, upper_bound
from gavelopt.model.arrays import BoolArray, FloatArray
from gavelopt.model.space import AllocationSpace
from gavelopt.model.utility import Utility

if TYPE_CHECKING:
    from gavelopt.engine.forms import Task

ROUNDS = 60
T = TypeVar("T")


@dataclass(frozen=True, eq=False)
class Reached(Generic[T]):
    """An answer to one linear program: (J,) its rates, its multipliers, and the answer itself."""

    rate: FloatArray
    multipliers: Multipliers
    answer: T


def levels_rise(space: AllocationSpace, form: Utility) -> bool:
    """Whether every job that counts can run, so that the smallest level is above 0."""
    on = form.active & (space.ceiling > 0)
    return bool(on.any() and not (form.active & ~on).any())


def highest_level(task: Task, solve: Callable[[Utility], Reached[T]]) -> tuple[Reached[T], Multipliers, int]:
    """The answer with the highest smallest level, its proof and the rounds; ``solve`` maximises a minimum of slopes."""
    space, form = task.space, task.form
    assert form.saturation is not None
    on = form.active
    work, bend = 1.0 / form.slope[on], form.saturation[on] / form.slope[on]
    level = min(float(form.per_job(space.ceiling)[on].min()), form.cap)
    best: tuple[float, Reached[T], Multipliers] | None = None
    rounds, closed = 0, False
    while rounds < ROUNDS and not closed:
        rounds += 1
        need = _needed(level, work, bend)
        slope = np.zeros(len(on))
        slope[on] = 1.0 / need
        flat = Utility(-np.inf, slope, np.zeros(len(on)), on.astype(np.float64))
        reached = solve(flat)
        value = form.value(reached.rate)
        proof = _proof(form, reached.multipliers, need, on)
        bound = upper_bound(space, form, proof, task.floors, task.measured)
        closed = bound - value <= 0.01 * task.tolerance * bound or task.seconds_left == 0.0
        if best is None or value > best[0] or closed:
            best = (value, reached, proof)
        level = _next_level(level, need, work, bend, reached.multipliers, on, flat.value(reached.rate), value)
    assert best is not None
    return best[1], best[2], rounds


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


def _proof(form: Utility, found: Multipliers, need: FloatArray, on: BoolArray) -> Multipliers:
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
