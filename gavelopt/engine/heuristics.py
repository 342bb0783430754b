"""Cheap methods that work for every normal form; each is graded by the same judge and bound as the exact one.

equal_share   every job starts with a 1/J slice; what slower or oversized jobs cannot use is handed round again.
greedy        capacity is handed out in a few parcels; each parcel goes, best first, to the (job, type) whose accelerators
              gain most utility at the rates reached so far. The gain of the last one served is the price of the type.
"""

from __future__ import annotations

import numpy as np

from gavelopt.engine.problem import Answer, Problem
from gavelopt.errors import SolverError
from gavelopt.judge.certify import Multipliers, majorant
from gavelopt.model.arrays import BoolArray, FloatArray
from gavelopt.model.references import isolated_share
from gavelopt.model.space import AllocationSpace, Grid
from gavelopt.model.utility import Utility

ROUNDS = 50
PARCELS = 20
REACH = 4.0
STEEPNESS = 12.0  # a minimum is climbed through the power mean with p = -STEEPNESS


def equal_share(problem: Problem) -> Answer:
    """Equal shares of every type, with redistribution of what is left."""
    grid = _grid(problem)
    useful = grid.usable & (grid.table > 0)
    x = fill(problem.space, grid, np.where(useful, isolated_share(problem.instance), 0.0), useful)
    return Answer(_whole(problem.space, x))


def greedy(problem: Problem, parcels: int = PARCELS) -> Answer:
    """Hand out capacity in ``parcels`` parts, each to the best gain per accelerator at the rates so far."""
    grid, utility, space = _grid(problem), problem.utility, problem.space
    if utility is None:
        raise SolverError("greedy needs a policy whose objective is a power mean of rates")
    useful = grid.usable & (grid.table > 0)
    parts = 1 if utility.p == 1.0 else max(1, parcels)
    equal = fill(space, grid, np.where(useful, isolated_share(problem.instance), 0.0), useful)
    # a job takes at most a few equal shares of a parcel, so that every parcel reaches many jobs
    reach = space.time if parts == 1 else np.minimum(space.time, REACH * equal.sum(axis=1))
    x = equal / parts
    price, gradient = np.zeros(len(space.capacity)), np.zeros(len(space.jobs))
    if parts == 1:
        x = np.zeros_like(x)
    for part in range(min(1, parts - 1), parts):  # the first of several parcels is the equal share: nobody stays at 0
        gradient = _gradient(utility, np.einsum("jc,jc->j", grid.table, x) * (parts / max(part, 1)), space)
        parcel, price = best_first(grid, gradient, reach, space.capacity)
        x = x + parcel / parts
    x = _better_mix(utility, grid, equal, fill(space, grid, x, useful))
    rate = np.einsum("jc,jc->j", grid.table, x)
    emphasis = np.where(utility.slope > 0, gradient / np.where(utility.slope > 0, utility.slope, 1.0), 0.0)
    scale = 1.0 / emphasis.sum() if utility.p == -np.inf and emphasis.sum() > 0 else 1.0
    return Answer(_whole(space, x), Multipliers(price * scale, emphasis, np.maximum(rate, 1e-12 * space.ceiling)))


def _better_mix(utility: Utility, grid: Grid, equal: FloatArray, x: FloatArray) -> FloatArray:
    """The best of a few mixtures of the equal share and ``x``: never worse than the equal share."""
    mixtures = [equal + part * (x - equal) for part in np.linspace(0.0, 1.0, 11)]
    return max(mixtures, key=lambda mixed: utility.value(np.einsum("jc,jc->j", grid.table, mixed)))


def _gradient(utility: Utility, rate: FloatArray, space: AllocationSpace) -> FloatArray:
    """(J,) marginal utility at ``rate``; a minimum and saturated utilities are smoothed by a steep power mean."""
    if utility.p > -np.inf and utility.saturation is None:
        at = np.maximum(rate, 1e-9 * np.where(space.ceiling > 0, space.ceiling, 1.0))
        found = majorant(utility, Multipliers(at=at), space.ceiling)
        return np.zeros(len(rate)) if found is None else found[1]
    u = np.where(utility.active & (space.ceiling > 0), utility.per_job(rate), np.inf)
    least = float(u.min(initial=np.inf))
    if not np.isfinite(least):
        return np.zeros(len(rate))
    floor = max(least, 1e-9 * float(np.where(np.isfinite(u), u, 0.0).max(initial=1e-300)))
    return np.asarray((np.maximum(u, floor) / floor) ** (-STEEPNESS - 1.0) * utility.slope)


def best_first(
    grid: Grid, gradient: FloatArray, time: FloatArray, capacity: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """(J, C) capacity handed out by falling gain per accelerator, and (C,) the gain at which each type ran out."""
    gain = np.where(grid.usable, grid.table * gradient[:, None], 0.0) / grid.use[:, None]
    order = np.argsort(-gain, axis=None, kind="stable")
    order = order[: int((gain > 0).sum())]
    x, price = np.zeros(gain.shape), np.zeros(len(capacity))
    left, free = time.copy(), capacity.copy()
    types = gain.shape[1]
    for cell in order.tolist():
        job, resource = divmod(cell, types)
        if left[job] <= 0.0 or free[resource] <= 0.0:
            continue
        amount = min(left[job], free[resource] / grid.use[job])
        x[job, resource] = amount
        left[job] -= amount
        free[resource] -= amount * grid.use[job]
        if free[resource] <= 1e-12 * capacity[resource]:
            free[resource] = 0.0
            price[resource] = gain[job, resource]
            if not free.any():
                break
    return x, price


def fill(space: AllocationSpace, grid: Grid, x: FloatArray, useful: BoolArray, rounds: int = ROUNDS) -> FloatArray:
    """Hand free capacity to jobs with free time, equally per accelerator, until one of the two is used up.

    x, useful: (J, C). Each round gives every open (job, type) the same number of accelerators, cut by its free time.
    """
    for _ in range(rounds):
        time = np.maximum(space.time - x.sum(axis=1), 0.0)
        free = np.maximum(space.capacity - grid.use @ x, 0.0)
        room = free > 1e-9 * np.maximum(1.0, space.capacity)
        taking = useful & (time > 1e-12)[:, None] & room[None, :]
        if not taking.any():
            break
        offer = np.where(taking, (free / np.maximum(taking.sum(axis=0), 1))[None, :] / grid.use[:, None], 0.0)
        asked = offer.sum(axis=1)
        x = x + offer * np.minimum(1.0, time / np.where(asked > 0, asked, 1.0))[:, None]
    return x


def _grid(problem: Problem) -> Grid:
    grid = problem.space.grid
    if grid is None:
        raise SolverError("this method needs columns of single jobs")
    return grid


def _whole(space: AllocationSpace, singles: FloatArray) -> FloatArray:
    """(K,) x whose single columns are ``singles`` and whose shared columns are empty."""
    x = np.zeros(space.size)
    x[: singles.size] = singles.ravel()
    return x
