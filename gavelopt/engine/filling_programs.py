"""The next bottleneck of rising rates where columns serve several jobs, by linear programs.

Rates q = q(water) can be had if and only if  max theta, r_i >= theta q_i,  has theta >= 1. Its duals mu give
sum mu_i r_i / q_i <= theta for every allocation; the water at which the rates q reach that is the next height to try
(Newton's method from above, as in ``levels``).
"""

from __future__ import annotations

import numpy as np

from gavelopt.engine.filling_box import NO_PRICE
from gavelopt.engine.filling_path import Bottleneck, Cut, Rates
from gavelopt.engine.problem import OutOfTime
from gavelopt.engine.sharing import Classes
from gavelopt.errors import SolverError
from gavelopt.judge.certify import time_prices
from gavelopt.model.arrays import FloatArray
from gavelopt.model.utility import Utility

STEPS = 60
SIMPLEX_ROWS = 5000  # up to this many rows the simplex method is not too slow; above, interior point with crossover
REACHED = 1e-11  # relative: what theta may lack


class Programs:
    """The bottlenecks of classes of jobs whose columns may be shared, each for itself."""

    def __init__(self, classes: Classes) -> None:
        self.classes = classes

    def bottleneck(self, rates: Rates, end: float) -> Bottleneck:
        """Where rates meet the capacities, as the water rises up to ``end``. Raises as the solver does."""
        water, cut = end, None
        for programs in range(1, STEPS + 1):
            if self.classes.task.seconds_left == 0.0:
                raise OutOfTime("water filling reached its time limit")
            theta, x, new = _most(self.classes, rates(water))
            lower = water if new is None else new.highest(rates, water)
            if theta >= 1.0 - REACHED or not lower < water:
                return Bottleneck(water, cut, x, programs)
            water, cut = lower, new
        raise SolverError("water filling: the height of a bottleneck does not settle")


def _most(classes: Classes, rate: FloatArray) -> tuple[float, FloatArray, Cut | None]:
    """(theta, x, what the duals prove) for rates (K,); no cut where capacity is worth nothing."""
    wanted = rate > 0
    if not wanted.any():
        return 1.0, np.zeros(classes.space.size), None
    slope = np.where(wanted, 1.0 / np.where(wanted, rate, 1.0), 0.0)
    form = Utility(-np.inf, slope, np.zeros(len(rate)), wanted.astype(np.float64))
    # at a vertex, where the duals are exact
    found = classes.solve(form, (), "highs-simplex" if 3 * len(rate) <= SIMPLEX_ROWS else "highs-ipm")
    theta = form.value(classes.space.rate(found.x))
    given = found.multipliers
    assert given.prices is not None
    assert given.emphasis is not None
    worth = given.emphasis * slope
    capacity = classes.space.capacity
    paid = given.prices * capacity
    prices = np.where(paid > NO_PRICE * paid.sum(), given.prices, 0.0)
    total = float(capacity @ prices)
    if not total > 0.0:
        return theta, found.x, None
    time = time_prices([(classes.space, worth)], prices, given.time)
    bound = float(capacity @ prices + classes.space.time @ time)
    return theta, found.x, Cut(prices / total, worth / total, time / total, bound / total)
