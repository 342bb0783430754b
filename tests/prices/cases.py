"""Policies that prices solve, and instances of every shape that has ever been hard for them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import gavelopt as go

POLICIES: dict[str, tuple[str, dict[str, Any]]] = {
    "max_sum": ("max_sum", {}),
    "max_sum weighted": ("max_sum", {"normalize": "best", "weighted": True}),
    "max_sum per cost": ("max_sum", {"per_cost": True}),
    "max_min": ("max_min", {}),
    "max_min of rates": ("max_min", {"normalize": None}),
    "makespan": ("makespan", {}),
    "ftf": ("ftf", {}),
    "proportional_fairness": ("proportional_fairness", {}),
    "p = 0.5": ("power_mean", {"p": 0.5}),
    "p = -1": ("power_mean", {"p": -1.0}),
    "p = -3": ("power_mean", {"p": -3.0}),
}


def plain(jobs: int, types: int, seed: int, **changes: Any) -> go.Instance:
    """Random rates, gangs of 1 to 4, weights, steps and costs; ``changes`` replace columns."""
    random = np.random.default_rng(seed)
    columns: dict[str, Any] = {
        "rates": random.lognormal(0.0, 1.0, (jobs, types)),
        "capacity": np.full(types, max(4.0, np.rint(jobs / types / 2.0))),
        "scale": random.choice([1, 1, 1, 2, 4], jobs),
        "weight": random.choice([1.0, 2.0, 4.0], jobs),
        "steps": 10.0 ** random.uniform(2.0, 3.0, jobs),
        "elapsed_s": random.choice([0.0, 10.0], jobs),
        "cost_per_hour": random.uniform(0.1, 3.0, types),
    }
    return go.Instance.from_arrays(**{**columns, **changes})


def one_type() -> go.Instance:
    return plain(350, 1, 1)


def sixteen_types() -> go.Instance:
    return plain(320, 16, 2)


def two_kinds() -> go.Instance:
    """Ties of hundreds of jobs that no price can tell apart, each with a weight of its own."""
    random = np.random.default_rng(3)
    return plain(400, 3, 3, rates=np.array([[4.0, 2.0, 1.0], [1.0, 1.0, 1.0]])[random.integers(2, size=400)])


def proportional_rows() -> go.Instance:
    """Rows equal up to a factor: every job of a kind reaches its ties at the same prices."""
    random = np.random.default_rng(4)
    rows = np.array([[4.0, 2.0, 1.0], [3.0, 2.5, 1.0]])[random.integers(2, size=400)]
    return plain(400, 3, 4, rates=rows * random.lognormal(0.0, 1.0, (400, 1)))


def equal_types() -> go.Instance:
    """The same accelerator under four names."""
    return plain(350, 4, 5, rates=np.repeat(np.random.default_rng(5).lognormal(0.0, 1.0, (350, 1)), 4, axis=1))


def zero_cells() -> go.Instance:
    """Two cells in five cannot run, but every job can somewhere."""
    random = np.random.default_rng(6)
    rates = np.where(random.random((360, 4)) < 0.4, 0.0, random.lognormal(0.0, 1.0, (360, 4)))
    rates[~rates.any(axis=1), 0] = 1.0
    return plain(360, 4, 6, rates=rates)


def gangs_that_do_not_fit() -> go.Instance:
    """Capacity 4, 2 and 40: gangs of 4 run on two types only."""
    return plain(330, 3, 7, capacity=[4.0, 2.0, 40.0])


def no_such_type() -> go.Instance:
    """A type of which there is none."""
    return plain(330, 3, 8, capacity=[0.0, 20.0, 40.0])


def plenty() -> go.Instance:
    """Capacity above demand: all prices are zero."""
    return plain(330, 3, 9, capacity=[2000.0, 2000.0, 2000.0])


def one_plentiful() -> go.Instance:
    """One type is free, the others are not."""
    return plain(340, 3, 10, capacity=[5.0, 2000.0, 9.0])


def bottleneck() -> go.Instance:
    """One job is a million times slower than all others, and alone decides a minimum."""
    rates = np.random.default_rng(11).lognormal(0.0, 1.0, (330, 3))
    rates[17] = 1e-6
    return plain(330, 3, 11, rates=rates)


def twelve_decades() -> go.Instance:
    return plain(340, 3, 12, rates=10.0 ** np.random.default_rng(12).uniform(-6.0, 6.0, (340, 3)))


def scarce() -> go.Instance:
    """A hundred jobs for one accelerator of each type."""
    return plain(310, 3, 13, capacity=[1.0, 1.0, 1.0], scale=1)


SHAPES: dict[str, Callable[[], go.Instance]] = {
    shape.__name__: shape
    for shape in (
        one_type, sixteen_types, two_kinds, proportional_rows, equal_types, zero_cells, gangs_that_do_not_fit,
        no_such_type, plenty, one_plentiful, bottleneck, twelve_decades, scarce,
    )
}  # fmt: skip
