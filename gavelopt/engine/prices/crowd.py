"""Setting aside the jobs whose choice cannot change in a box of prices: what is left to decide is a small crowd."""

from __future__ import annotations

import numpy as np

from gavelopt.engine.prices.assemble import TYPE_BITS
from gavelopt.engine.prices.choices import UNDECIDED
from gavelopt.engine.prices.market import Background, Crowd, Look, MarkArray, look_at
from gavelopt.model.arrays import FloatArray


def set_aside(crowd: Crowd, price: FloatArray, level: float, box: FloatArray) -> tuple[Look, Crowd, MarkArray]:
    """(look, smaller crowd, marks): one pass; jobs that keep their choice within ``box`` become background.

    marks (jobs of the crowd,): for a sum the type taken, with the bit UNDECIDED; else 1 where the basis may change.
    """
    market = crowd.market
    mark = np.zeros(crowd.size, dtype=np.uint8)
    look = crowd.look(price, level, box, mark)
    if market.power == 1.0:
        open_ones = np.flatnonzero(mark & UNDECIDED)
        rows = open_ones if crowd.rows is None else crowd.rows[open_ones]
        taken = (mark[open_ones] & TYPE_BITS).astype(np.int64)
        load = np.bincount(taken, weights=market.use[rows], minlength=market.types + 1)[:-1]
        rest = Background(price, level, look.demand - load, np.zeros_like(load), np.zeros((market.types, market.types)))
    else:
        open_ones = np.flatnonzero(mark)
        rows = open_ones if crowd.rows is None else crowd.rows[open_ones]
        mine = look_at(market, rows, price, level, box)
        rest = Background(
            price, level, look.demand - mine.demand, look.drift - mine.drift, look.jacobian - mine.jacobian
        )
    return look, Crowd(market, crowd.capacity, rows, rest), mark
