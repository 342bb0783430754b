"""An allocation put together and graded: most jobs stand where the prices put them, some have shares of their own."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gavelopt.engine.prices.choices import UNDECIDED
from gavelopt.engine.prices.market import Look, MarkArray, Market, Placement, TypeArray
from gavelopt.engine.prices.outcome import (
    Outcome,
    Proof,
    after_cut,
    least_utility,
    proof_at,
    sum_of_utilities,
)
from gavelopt.engine.prices.plan import Plan
from gavelopt.model.arrays import FloatArray, IntArray

TYPE_BITS = UNDECIDED - 1  # of a mark: the type taken
NOTHING = np.zeros(0)


@dataclass(frozen=True, eq=False)
class Choices:
    """The types that all jobs of a sum take (K,), R for idle, with the value and the demand (R,) of that."""

    market: Market
    taken: TypeArray
    value: float
    demand: FloatArray

    @classmethod
    def at(cls, market: Market, look: Look, mark: MarkArray) -> Choices:
        """The choices that a look at all jobs has marked: their profits and what they pay."""
        taken = (mark & TYPE_BITS).astype(np.int8)
        return cls(market, taken, look.total + float(look.price @ look.demand), look.demand)

    def changed(self, rows: IntArray, types: IntArray) -> Choices:
        """With other choices (n,) of the jobs ``rows``."""
        before = self.taken[rows]
        if np.array_equal(before, types):
            return self
        taken = self.taken.copy()
        taken[rows] = types
        change = np.zeros((len(rows), self.market.types + 1))
        change[np.arange(len(rows)), types] += 1.0
        change[np.arange(len(rows)), before] -= 1.0
        value = self.value + float((change[:, :-1] * points_of(self.market, rows)).sum())
        return Choices(self.market, taken, value, self.demand + self.market.use[rows] @ change[:, :-1])

    def graded(self, rows: IntArray, own: FloatArray, price: FloatArray, bound: float) -> Outcome:
        """With shares (n, R) of their own for the jobs ``rows``: cut to the capacities; ``price`` proves ``bound``."""
        market = self.market
        change = own.copy()
        busy = np.flatnonzero(self.taken[rows] < market.types)
        change[busy, self.taken[rows[busy]]] -= 1.0
        value = self.value + float((change * points_of(market, rows)).sum())
        cut = np.maximum((self.demand + market.use[rows] @ change) / market.capacity, 1.0)
        plan = Plan(self.taken, rows=rows, own=own, cut=cut)
        proof = Proof(bound, price, 0.0, NOTHING, NOTHING)
        return Outcome(plan, value / float(cut.max()), proof, open_jobs=len(rows))


def points_of(market: Market, rows: IntArray) -> FloatArray:
    """(n, R) A_ij of the jobs ``rows``."""
    return np.asarray(market.table[rows] * market.gain[rows, None])


def graded_hulls(market: Market, rows: IntArray, own: FloatArray, price: FloatArray, level: float) -> Outcome:
    """Everybody placed at prices and a level, but the jobs ``rows`` with shares (n, R) of their own; feasible, with a proof."""
    proof, everyone = proof_at(market, price, level)
    reach = (own * points_of(market, rows)).sum(axis=1)
    demand = everyone.demand + market.use[rows] @ (own - _standing(market, rows, everyone))
    cut = float(np.max(demand / market.capacity, initial=1.0))
    if market.power == -np.inf:
        value = least_utility(market, level, rows, reach, cut)
    else:
        moved = sum_of_utilities(market, rows, reach) - sum_of_utilities(market, rows, everyone.reach[rows])
        value = after_cut(market, everyone.utility + moved, cut)
    plan = Plan(everyone.a, everyone.b, everyone.share, rows, own, np.full(market.types, cut))
    return Outcome(plan, value, proof, open_jobs=len(rows))


def _standing(market: Market, rows: IntArray, everyone: Placement) -> FloatArray:
    """(n, R) shares of the jobs ``rows`` in the placement of everyone."""
    shares, each = np.zeros((len(rows), market.types + 1)), np.arange(len(rows))
    shares[each, everyone.a[rows]] += 1.0 - everyone.share[rows]
    shares[each, everyone.b[rows]] += everyone.share[rows]
    return shares[:, :-1]
