"""What a search has found: a plan with its value, and a proof with its bound, each the best so far."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gavelopt.engine.prices.hulls import total_satisfied
from gavelopt.engine.prices.market import Market, Placement, place
from gavelopt.engine.prices.plan import Plan
from gavelopt.model.arrays import FloatArray, IntArray


@dataclass(frozen=True, eq=False)
class Proof:
    """bound >= optimum, in units of the market, by prices (R,) and a level; reach, worth (K,): see Placement (a sum: empty)."""

    bound: float
    price: FloatArray
    level: float
    reach: FloatArray
    worth: FloatArray


@dataclass(frozen=True, eq=False)
class Outcome:
    """value of ``plan`` <= optimum <= bound of ``proof``. rounds taken; jobs that the last exact finish had open."""

    plan: Plan
    value: float
    proof: Proof
    rounds: int = 0
    open_jobs: int = 0

    def gap(self, market: Market) -> float:
        """Relative gap in the units of the policy's utility U (of the geometric mean for a sum of logarithms)."""
        return relative_gap(market, self.value, self.proof.bound)

    def better(self, other: Outcome | None) -> Outcome:
        """The better plan and the better proof of the two."""
        if other is None:
            return self
        plan, value = (other.plan, other.value) if other.value > self.value else (self.plan, self.value)
        proof = other.proof if other.proof.bound < self.proof.bound else self.proof
        return Outcome(plan, value, proof, self.rounds, self.open_jobs)


def relative_gap(market: Market, value: float, bound: float) -> float:
    """How far ``value`` may lie below the optimum, which lies below ``bound``; both are sums of the market's utilities."""
    if market.power == 0.0:
        total = total_weight(market)
        return float(np.expm1(max(bound - value, 0.0) / total)) if total > 0 else 0.0
    if market.power in (1.0, -np.inf):
        return max(bound - value, 0.0) / abs(bound) if bound else 0.0
    if bound * market.power <= 0 or value * market.power <= 0:  # U = (power x sum)^(1 / power)
        return np.inf
    return float(max((bound / value) ** (1.0 / market.power) - 1.0, 0.0))


def total_weight(market: Market) -> float:
    """Sum of the weights."""
    return float(market.weight.sum()) if len(market.weight) else float(market.jobs)


def proof_at(market: Market, price: FloatArray, level: float) -> tuple[Proof, Placement]:
    """The bound that prices and a level prove for a market with hulls, by one pass that also places every job."""
    everyone = place(market, None, price, level)
    worth = float(market.capacity @ price) - float(price @ everyone.demand)
    if market.power != -np.inf:
        bound = worth + everyone.utility
    elif everyone.slope > 0:
        bound = min(level + worth / everyone.slope, market.ceiling)
    else:
        bound = market.ceiling
    return Proof(bound, price, level, everyone.reach, everyone.worth), everyone


def sum_of_utilities(market: Market, rows: IntArray, reach: FloatArray) -> float:
    """sum w phi(y + o) over the jobs ``rows`` at throughputs ``reach``."""
    weight = market.weight[rows] if len(market.weight) else np.ones(len(rows))
    offset = market.offset[rows] if len(market.offset) else np.zeros(len(rows))
    return float(total_satisfied(reach, weight, offset, market.power))


def after_cut(market: Market, utility: float, cut: float) -> float:
    """At least the sum of utilities once every throughput is divided by ``cut`` >= 1 (exactly that without offsets)."""
    return utility - total_weight(market) * float(np.log(cut)) if market.power == 0.0 else utility * cut**-market.power


def least_utility(market: Market, level: float, rows: IntArray, reach: FloatArray, cut: float) -> float:
    """The smallest utility where everyone has what ``level`` needs but ``rows``, which have ``reach``, all divided by cut."""
    if not len(market.offset) and not len(market.bend):
        return min(level, float(reach.min(initial=np.inf))) / cut
    on = market.gain > 0
    offset = market.offset[on] if len(market.offset) else np.zeros(1)
    bend = market.bend[on] if len(market.bend) else np.zeros(1)
    y = np.zeros(market.jobs)
    y[on] = np.maximum(level - offset, 0.0) / (1.0 - bend * level)
    y[rows] = reach
    y = y[on] / cut
    return float(np.min((y + offset) / (1.0 + bend * y), initial=market.ceiling))
