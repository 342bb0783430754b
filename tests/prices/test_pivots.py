"""The small simplex method against HiGHS: the same optimum, proved by its own duals."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import linprog

from gavelopt.engine.prices.pivots import climb


def program(seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """(matrix, room, gain, top, relief) in the form of a finish: capacities with relief columns, then shared rows."""
    random = np.random.default_rng(seed)
    types, moves, shared = random.integers(1, 9), random.integers(1, 60), random.integers(0, 8)
    jumps = random.normal(size=(types, moves)) * random.integers(1, 9, moves) * (random.random((types, moves)) < 0.5)
    rows = (random.random((shared, moves)) < 0.1).astype(float)
    left, gain = random.normal(size=types) * 5, random.normal(size=moves)
    if seed % 3 == 0:  # ties of every kind
        jumps, left, gain = np.rint(jumps), np.rint(left), np.rint(2 * gain)
    matrix = np.vstack([np.hstack([jumps, -np.eye(types)]), np.hstack([rows, np.zeros((shared, types))])])
    room = np.append(left, np.where(random.random(shared) < 0.3, 0.0, random.random(shared)))
    top = np.append(np.ones(moves), np.full(types, np.inf))
    relief = np.append(moves + np.arange(types), np.full(shared, -1))
    return matrix, room, np.append(gain, np.full(types, -5.0)), top, relief


@pytest.mark.parametrize("seed", range(150))
def test_the_optimum_is_that_of_highs_and_the_duals_prove_it(seed: int) -> None:
    matrix, room, gain, top, relief = program(seed)
    found = climb(matrix, room, gain, top, relief)
    assert found is not None
    value, dual = found
    best = linprog(-gain, matrix, room, bounds=[(0.0, None if np.isinf(t) else t) for t in top], method="highs")
    assert best.status == 0
    assert (value >= 0).all()
    assert (value <= top).all()
    assert (matrix @ value <= room + 1e-8).all()
    assert gain @ value == pytest.approx(-best.fun, rel=1e-9, abs=1e-9)
    assert (dual >= -1e-9).all()
    reduced = np.maximum(gain - dual @ matrix, 0.0)
    assert (reduced[np.isinf(top)] <= 1e-9).all()
    assert dual @ room + reduced[np.isfinite(top)].sum() == pytest.approx(-best.fun, rel=1e-9, abs=1e-9)


def test_it_gives_up_where_it_has_no_place_to_start_or_no_end() -> None:
    no_relief = climb(np.ones((1, 1)), np.array([-1.0]), np.ones(1), np.ones(1), np.array([-1]))
    assert no_relief is None
    unbounded = climb(np.array([[-1.0]]), np.ones(1), np.ones(1), np.array([np.inf]), np.array([-1]))
    assert unbounded is None


def test_no_columns_but_relief() -> None:
    value, dual = climb(-np.eye(2), np.array([-3.0, 1.0]), np.full(2, -2.0), np.full(2, np.inf), np.arange(2)) or (
        [],
        [],
    )
    assert list(value) == [3.0, 0.0]
    assert list(dual) == [2.0, 0.0]
