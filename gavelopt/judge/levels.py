"""Whether water-filling levels are lexicographically max-min: no job can rise unless one at or below it falls.

Each round of the method offers multipliers. For a round with rising jobs A, W their weights and L the levels after it, let

    F(x) = sum_A lambda_i s_i level_i(x) / W_i + sum_others v_k r_k(x),      lambda, v >= 0

The multipliers bound F over all allocations by B (``certify``). If every job keeps level L, F is at least F(L); so job i
alone can rise by at most (B - F(L)) / (its coefficient), relative to its rate. Nothing else is trusted. Levels are reached
up to rounding only: F(L) a little above B proves as little as F(L) a little below B, or every job with the least trace of a
multiplier would count as saturated.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gavelopt.judge.certify import Multipliers, time_prices
from gavelopt.model.arrays import FloatArray
from gavelopt.model.space import AllocationSpace
from gavelopt.model.utility import Utility

SATURATED = 1e-7  # a job that provably cannot rise by more than this part of its level is final
ROUNDING = 1e-15  # of B
LEAST = 1e-2  # the part of its fastest rate that a job with less counts by


@dataclass(frozen=True, eq=False)
class Round:
    """One round: its multipliers (per job), and (J,) levels before and after it."""

    multipliers: Multipliers
    before: FloatArray
    after: FloatArray


def could_rise(space: AllocationSpace, form: Utility, record: Round, per_rate: FloatArray) -> FloatArray:
    """(J,) how much each rising job could still rise, relative to its level, if no other job falls; inf where not proved.

    ``form`` is the round's minimum over the rising jobs; ``per_rate`` (J,) turns a rate into a level.
    """
    given = record.multipliers
    assert given.emphasis is not None
    assert given.prices is not None
    lift = np.maximum(np.nan_to_num(given.emphasis), 0.0) * form.slope * form.active
    held = np.zeros_like(lift) if given.floors is None else np.maximum(np.nan_to_num(given.floors), 0.0)
    gradient = lift + held
    price = np.maximum(np.nan_to_num(given.prices), 0.0)
    time = time_prices([(space, gradient)], price, given.time)
    most = float(space.capacity @ price + space.time @ time)
    rate = record.after / per_rate
    spare = max(ROUNDING * most, abs(most - float(gradient @ rate)))
    worth = lift * np.maximum(rate, LEAST * space.ceiling)
    return np.asarray(np.divide(spare, worth, out=np.full(len(rate), np.inf), where=worth > 0))
