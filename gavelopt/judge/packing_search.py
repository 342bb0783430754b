"""Is there a cheaper packing? A search that the judge makes by itself, guided by prices that it has found sound.

Let pi_k be sound prices (no set that fits a GPU of type t is worth more than c_t + nu_t) and z = sum pi - sum nu N their
bound. For any packing by maximal sets S_p that covers every session, each session k covered n_k >= 1 times,

    cost - z  =  sum_p ( c_p + nu_p - sum_{k in S_p} pi_k )  +  sum_k (n_k - 1) pi_k  +  sum_t nu_t (N_t - GPUs of type t)

and every term is >= 0. A packing cheaper than the plan therefore uses only sets whose own term is within the budget
cost - step - z, and all its terms together stay within it. Those sets are listed, and a depth-first search over the
session with the fewest sets left shows that no choice of them covers everybody within the budget and the GPUs there are
of each type. Sessions without a price need not be covered, which only makes packings cheaper: what is proved holds.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gavelopt.judge.packing_knapsacks import knapsacks_of
from gavelopt.model.arrays import BoolArray, FloatArray, IntArray
from gavelopt.model.packing import PackingInstance

MOST_SETS = 20_000
MOST_STEPS = 100_000


@dataclass(frozen=True, eq=False)
class SoundPrices:
    """Prices that no GPU exceeds: pays (K,) per session, scarce (R,) per GPU of a limited type; whole billionths."""

    pays: IntArray
    scarce: IntArray


def nothing_cheaper(
    instance: PackingInstance, rate: IntArray, prices: SoundPrices, cost: IntArray, room: FloatArray, budget: int
) -> bool:
    """True where the search proves that no packing stays within ``budget``; False where it finds one or gives up.

    cost: (R,) c_t of a GPU; room: (R,) GPUs left of each type. Costs and budget in whole billionths.
    """
    if budget < 0:
        return True
    pays, allowed = prices.pays, cost + prices.scarce
    masks: list[IntArray] = []
    slack: list[IntArray] = []
    kinds: list[IntArray] = []
    for t in np.flatnonzero(room > 0).tolist():
        found = knapsacks_of(instance, rate, pays, t)
        sets = found.sets_worth(int(allowed[t]) - budget)
        if sets is None or sum(len(m) for m in masks) + len(sets[0]) > MOST_SETS:
            return False
        masks.append(sets[0])
        slack.append(int(allowed[t]) - sets[1])
        kinds.append(np.full(len(sets[0]), t))
    if not masks:
        return False
    members = np.flatnonzero((pays > 0) & (rate > 0))
    inside = (np.concatenate(masks)[:, None] >> np.arange(len(members))[None, :]) & 1 == 1
    cover = _Cover(inside, np.concatenate(slack), np.concatenate(kinds), pays[members], prices.scarce)
    return cover.impossible(budget, room)


class _Cover:
    """Depth-first search for sets that cover every member with a total slack within a budget.

    Prices are below 2^53 in all, so floating point adds them exactly.
    """

    def __init__(self, inside: BoolArray, slack: IntArray, kind: IntArray, pays: IntArray, scarce: IntArray) -> None:
        self.kind, self.scarce = kind, scarce
        self.inside, self.slack, self.pays = (
            inside.astype(np.float64),
            slack.astype(np.float64),
            pays.astype(np.float64),
        )
        self.steps = 0

    def impossible(self, budget: int, room: FloatArray) -> bool:
        everything = np.arange(len(self.slack))
        return self._no_cover(np.ones(len(self.pays), dtype=np.bool_), everything, self.slack, float(budget), room)

    def _no_cover(self, missing: BoolArray, sets: IntArray, total: FloatArray, budget: float, room: FloatArray) -> bool:
        """No choice among ``sets`` covers the ``missing`` members; total is what each set takes off the budget now."""
        self.steps += 1
        if self.steps > MOST_STEPS:
            return False
        if not missing.any():
            return sum(int(nu) * int(n) for nu, n in zip(self.scarce, room, strict=True) if nu > 0) > budget
        possible = (total <= budget) & (room[self.kind[sets]] > 0)
        sets, total = sets[possible], total[possible]
        inside = self.inside[sets]
        rarest = int(np.argmin(np.where(missing, inside.sum(axis=0), np.inf)))
        holding = np.flatnonzero(inside[:, rarest])
        for at in holding[np.argsort(total[holding], kind="stable")]:
            chosen = inside[at] > 0
            again = inside @ np.where(chosen & missing, self.pays, 0.0)
            left = room - (np.arange(len(room)) == self.kind[sets[at]])
            if not self._no_cover(missing & ~chosen, sets, total + again, budget - float(total[at]), left):
                return False
            total[at] = np.inf  # every cover with this set has been ruled out
        return True
