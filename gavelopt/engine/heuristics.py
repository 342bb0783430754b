"""Cheap methods that work for every normal form; each is graded by the same judge and bound as the exact one.

equal_share   every job starts with a 1/J slice; what slower or oversized jobs cannot use is handed round again.
greedy        raise prices until demand fits: each job takes the type with the largest worth minus price; capacity goes to
              the jobs that lose most by going elsewhere, and what is left is filled by rate per accelerator.
"""

from __future__ import annotations

import numpy as np

from gavelopt.engine.problem import Answer, Problem
from gavelopt.judge.certify import Multipliers
from gavelopt.model.arrays import FloatArray
from gavelopt.model.references import isolated_share
from gavelopt.model.space import AllocationSpace

ROUNDS = 50


def equal_share(problem: Problem) -> Answer:
    """Equal shares of every type, with redistribution of what is left."""
    space = problem.space
    x = np.where(_worthwhile(problem), isolated_share(problem.instance), 0.0)
    x = fill(space, x, _worthwhile(problem))
    return Answer(x.ravel(), Multipliers(None, None, space.rate(x.ravel())))


def _worthwhile(problem: Problem) -> FloatArray:
    grid = problem.space.grid
    assert grid is not None
    return np.asarray(grid.usable & (grid.table > 0))


def fill(space: AllocationSpace, x: FloatArray, useful: FloatArray, rounds: int = ROUNDS) -> FloatArray:
    """Hand free capacity to jobs with free time, equally per accelerator, until one of the two is used up.

    x, useful: (J, C). Each round gives every open (job, type) the same number of accelerators, cut by its free time.
    """
    grid = space.grid
    assert grid is not None
    for _ in range(rounds):
        time = np.maximum(space.time - x.sum(axis=1), 0.0)
        free = np.maximum(space.capacity - grid.use @ x, 0.0)
        open_ = useful & (time > 1e-12)[:, None] & (free > 1e-9 * np.maximum(1.0, space.capacity))[None, :]
        if not open_.any():
            break
        offer = np.where(open_, (free / np.maximum(open_.sum(axis=0), 1))[None, :] / grid.use[:, None], 0.0)
        asked = offer.sum(axis=1)
        x = x + offer * np.minimum(1.0, time / np.where(asked > 0, asked, 1.0))[:, None]
    return x
