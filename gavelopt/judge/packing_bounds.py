"""Lower bounds on the GPUs (or their cost) of a packing, recomputed from the instance and at most a few prices.

With c_t the price of a GPU of type t, T_kt = max b / l_kt(b) its peak rate for session k, r_k a rate still to be served:

    utilisation   sum_k r_k min_t c_t / T_kt
    occupancy     sum_k phi_k(r_k),   phi_k(r) = min over t, b of  c_t max( l(b) / (L_k - l(b)),  r l(b) / b )
                  (a batch b needs a cycle of at most L - l(b), so it takes that share of the GPU however low the rate;
                  phi(r) / r never rises, so splitting a rate cannot beat it)
    pattern       any prices pi_k >= 0 of serving r_k on one GPU and nu_t >= 0 of a GPU of a type in short supply, with
                  sum_{k in S} pi_k <= c_t + nu_t  for every set S that fits a GPU of type t:   sum_k pi_k - sum_t nu_t N_t
                  (prices that are too high are scaled down until they satisfy this, as Farley does)
    visits        (split) prices of rates and of visits to GPUs (packing_visits.py)
    search        with the same prices: no choice of sets is cheaper than the plan (packing_search.py)

``unsplit`` adds the whole GPUs of the first phase and takes r_k to be the residuals. Whatever the bound, a value is a sum
of prices c_t, so it may be rounded up to their greatest common divisor: to whole GPUs.

Nobody's prices are trusted: the dearest set is found here in whole numbers, for every cycle length that can matter
(packing_knapsacks.py).
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from gavelopt.judge.certify import Multipliers
from gavelopt.judge.packing_knapsacks import knapsacks_of
from gavelopt.judge.packing_search import SoundPrices, nothing_cheaper
from gavelopt.judge.packing_visits import VisitPrices, visit_bound
from gavelopt.model.arrays import FloatArray, IntArray
from gavelopt.model.packing import MICRO, PackingInstance
from gavelopt.model.packing_plan import saturate

FINE = 1000  # prices of a proof are whole thousandths of a price unit


@dataclass(frozen=True, eq=False)
class PatternPrices(Multipliers):
    """What a packing method offers as proof, in whole billionths of a GPU (or of its cost per hour).

    sessions: (K,) price pi of serving a session's residual; types: (R,) price nu of a GPU of a limited type;
    search: whether the method holds its packing for the best, so that a search for a cheaper one is worth its time.
    """

    sessions: IntArray | None = None
    types: IntArray | None = None
    search: bool = False


def packing_bounds(
    instance: PackingInstance,
    minimise: str = "gpus",
    variant: str = "unsplit",
    proof: Multipliers | None = None,
    cost: float | None = None,
) -> dict[str, float]:
    """Every bound that can be recomputed, by name, rounded up to what a plan can cost.

    Args:
        minimise: ``gpus`` or ``cost`` (price per hour). variant: ``unsplit``, or ``split`` (``online`` counts as split).
        proof: PatternPrices (``unsplit``) or VisitPrices (of any variant).
        cost: of a plan that might be optimal; where the others leave a gap and the proof asks for it, the search is tried.
    """
    price = instance.price(minimise)
    rate, base = instance.sessions.rate_urps, 0
    step = max(int(np.gcd.reduce(price)), 1)
    if variant == "unsplit":
        phase = saturate(instance, price)
        rate, base = phase.residual_urps, int((phase.whole @ price).sum())
    found: dict[str, float | Fraction] = {
        "utilisation": base + _guarded(_utilisation(instance, price, rate)),
        "occupancy": base + _guarded(float(occupancy(instance, price, rate).sum())),
    }
    if isinstance(proof, VisitPrices):
        found["visits"] = visit_bound(instance, price, proof)
    if variant == "unsplit" and isinstance(proof, PatternPrices) and proof.sessions is not None:
        left = np.maximum(instance.count - phase.whole.sum(axis=0), 0.0)
        prices = sound(instance, price, rate, proof)
        scarce = sum(int(nu) * int(n) for nu, n in zip(prices.scarce, left, strict=True) if nu > 0)
        dual = int(prices.pays.sum()) - scarce
        found["pattern"] = base + Fraction(dual, FINE)
        reached = max(_round_up(value, step) for value in found.values())
        target = None if cost is None else round(cost * MICRO)
        if target is not None and proof.search and reached < target:
            budget = (target - step - base) * FINE - dual
            if nothing_cheaper(instance, rate, prices, price * FINE, left, budget):
                found["search"] = target
    return {name: float(Fraction(_round_up(value, step), MICRO)) for name, value in found.items()}


def _guarded(value: float) -> float:
    """A sum in floating point, lowered by more than its rounding error."""
    return value * (1.0 - 1e-9) - 1e-6


def _round_up(value: float | Fraction, step: int) -> int:
    return int(-((-Fraction(value)) // step)) * step


def _utilisation(instance: PackingInstance, price: IntArray, rate: IntArray) -> float:
    with np.errstate(divide="ignore", invalid="ignore"):
        each = np.where(instance.best_batch > 0, price * instance.best_latency_us / instance.best_batch, np.inf)
    served = (rate > 0) & np.isfinite(each).any(axis=1)
    return float(rate[served] @ each[served].min(axis=1, initial=np.inf)) / MICRO / MICRO


def occupancy(instance: PackingInstance, price: IntArray, rate: IntArray) -> FloatArray:
    """(K,) phi_k(rate_k) in millionths; 0 for a session without requests or that cannot be served."""
    found = np.full(len(rate), np.inf)
    for k in np.flatnonzero(rate > 0):
        for t in range(len(price)):
            curve, budget = instance.curve(int(k), t), int(instance.budget_us[k, t])
            within = int(curve.largest_within(budget // 2)) if curve is not None else 0
            if curve is None or within == 0:
                continue
            latency = curve.latency_us[:within]
            share = np.maximum(latency / (budget - latency), rate[k] * 1e-12 * latency / np.arange(1, within + 1))
            found[k] = min(found[k], float(price[t]) * float(share.min()))
    return np.where(np.isfinite(found), found, 0.0)


def sound(instance: PackingInstance, price: IntArray, rate: IntArray, proof: PatternPrices) -> SoundPrices:
    """The proof's prices, scaled down until no set that fits a GPU is worth more than that GPU."""
    assert proof.sessions is not None
    pays = np.where(rate > 0, np.maximum(proof.sessions, 0), 0).astype(np.int64)
    scarce = np.zeros(len(price), dtype=np.int64) if proof.types is None else np.maximum(proof.types, 0)
    scarce = np.where(np.isfinite(instance.count), scarce, 0).astype(np.int64)
    theta = Fraction(1)
    for t in range(len(price)):
        own, rent = int(price[t]) * FINE, int(scarce[t])
        dearest = knapsacks_of(instance, rate, pays, t).beyond(own + rent)
        if dearest > own + rent:
            theta = min(theta, Fraction(own, dearest - rent))
    if theta == 1:
        return SoundPrices(pays, scarce)
    return SoundPrices(
        np.array([int(theta * int(pay)) for pay in pays], dtype=np.int64),
        np.array([int(-(-theta * int(nu) // 1)) for nu in scarce], dtype=np.int64),
    )
