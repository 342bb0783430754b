"""Lower bounds on the GPUs (or their cost) of a packing, recomputed from the instance and at most a few prices.

With c_t the price of a GPU of type t, T_kt = max b / l_kt(b) its peak rate for session k, r_k a rate still to be served:

    utilisation   sum_k r_k min_t c_t / T_kt
    occupancy     sum_k phi_k(r_k),   phi_k(r) = min over t, b of  c_t max( l(b) / (L_k - l(b)),  r l(b) / b )
                  (a batch b needs a cycle of at most L - l(b), so it takes that share of the GPU however low the rate;
                  phi(r) / r never rises, so splitting a rate cannot beat it)
    pattern       any prices pi_k >= 0 of serving r_k on one GPU and nu_t >= 0 of a GPU of a type in short supply:
                  theta ( sum_k pi_k - sum_t nu_t N_t ),   theta = min(1, min_t c_t / (z_t - nu_t)),
                  z_t = the dearest set of sessions that fits one GPU of type t  (duality; Farley's scaling)

``unsplit`` adds the whole GPUs of the first phase and takes r_k to be the residuals. Whatever the bound, a value is a sum
of prices c_t, so it may be rounded up to their greatest common divisor: to whole GPUs.

Nobody's z_t is trusted: it is computed here in integers, for every cycle length that can matter, by a dynamic program
over non-dominated (time, price) states that drops what can no longer exceed c_t.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from gavelopt.judge.certify import Multipliers
from gavelopt.model.arrays import BoolArray, FloatArray, IntArray
from gavelopt.model.packing import MICRO, UNLIMITED, PackingInstance
from gavelopt.model.packing_plan import saturate

FINE = 1000  # prices of a proof are whole thousandths of a price unit
MOST_STATES = 2_000_000  # beyond this the fractional bound is taken instead: weaker, never false


@dataclass(frozen=True, eq=False)
class PatternPrices(Multipliers):
    """What a packing method offers as proof, in whole billionths of a GPU (or of its cost per hour).

    sessions: (K,) price pi of serving a session's residual; types: (R,) price nu of a GPU of a limited type.
    """

    sessions: IntArray | None = None
    types: IntArray | None = None


def packing_bounds(
    instance: PackingInstance, minimise: str = "gpus", variant: str = "unsplit", proof: Multipliers | None = None
) -> dict[str, float]:
    """Every bound that can be recomputed, by name, rounded up to what a plan can cost.

    Args:
        minimise: ``gpus`` or ``cost`` (price per hour). variant: ``unsplit``, or ``split`` (``online`` counts as split).
        proof: prices for the pattern bound (``unsplit`` only).
    """
    price = instance.price(minimise)
    rate, base = instance.sessions.rate_urps, 0
    if variant == "unsplit":
        phase = saturate(instance, price)
        rate, base = phase.residual_urps, int((phase.whole @ price).sum())
    found: dict[str, float | Fraction] = {
        "utilisation": base + _guarded(_utilisation(instance, price, rate)),
        "occupancy": base + _guarded(float(occupancy(instance, price, rate).sum())),
    }
    if variant == "unsplit" and isinstance(proof, PatternPrices) and proof.sessions is not None:
        found["pattern"] = base + pattern_bound(instance, price, rate, phase.whole.sum(axis=0), proof)
    step = int(np.gcd.reduce(price)) if len(price) else 1
    return {name: float(Fraction(_round_up(value, max(step, 1)), MICRO)) for name, value in found.items()}


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


def pattern_bound(
    instance: PackingInstance, price: IntArray, rate: IntArray, taken: IntArray, proof: PatternPrices
) -> Fraction:
    """The bound that the prices prove on the cost of the residuals, in millionths; see the head of this file."""
    assert proof.sessions is not None
    pays = np.where(rate > 0, np.maximum(proof.sessions, 0), 0).astype(np.int64)
    scarce = np.zeros(len(price), dtype=np.int64) if proof.types is None else np.maximum(proof.types, 0)
    total, theta = int(pays.sum()), Fraction(1)
    for t in range(len(price)):
        if np.isfinite(instance.count[t]):
            total -= int(scarce[t]) * max(int(instance.count[t] - taken[t]), 0)
        else:
            scarce = np.where(np.arange(len(price)) == t, 0, scarce)
        allowed = int(price[t]) * FINE + int(scarce[t])
        dearest = dearest_pattern(instance, rate, pays, t, allowed)
        if dearest > allowed:
            theta = min(theta, Fraction(int(price[t]) * FINE, dearest - int(scarce[t])))
    return max(theta * Fraction(total, FINE), Fraction(0))


def duty_rows(instance: PackingInstance, rate: IntArray, members: IntArray, accelerator: int) -> tuple[IntArray, ...]:
    """Cycle lengths d that suffice on one type, the time and the memory each member then takes.

    A longer cycle at the same batches only helps, so d matters only where a batch would grow, d = b / r, or where an
    objective binds, d = L - l(b). Returns d (m,), time (m, n) and memory (m, n); time is -1 where d + l > L.
    """
    longest, curves, lengths = [], [], []
    for k in members:
        curve, budget = instance.curve(int(k), accelerator), int(instance.budget_us[k, accelerator])
        within = int(curve.largest_within(budget // 2)) if curve is not None else 0
        batches = np.arange(1, within + 1)
        last = np.zeros(0, dtype=np.int64) if curve is None else batches * (MICRO * MICRO) // int(rate[k])
        longest.append(last)
        curves.append(curve)
        if curve is not None and within:
            latency = curve.latency_us[:within]
            lengths.extend([last[last + latency <= budget], budget - latency])
    d = np.unique(np.concatenate(lengths)) if lengths else np.zeros(0, dtype=np.int64)
    time, memory = np.full((len(d), len(members)), -1), np.zeros((len(d), len(members)), dtype=np.int64)
    for column, (k, last, curve) in enumerate(zip(members, longest, curves, strict=True)):
        batch = np.searchsorted(last, d)  # the smallest b with b / r >= d, less one
        some = np.flatnonzero(batch < len(last))
        if curve is None or not len(some):
            continue
        taken = curve.latency_us[batch[some]]
        fits = d[some] + taken <= instance.budget_us[k, accelerator]
        time[some[fits], column] = taken[fits]
        memory[some[fits], column] = curve.memory_bytes[batch[some[fits]]]
    return d, time, memory


def dearest_pattern(instance: PackingInstance, rate: IntArray, pays: IntArray, accelerator: int, allowed: int) -> int:
    """The largest total price of sessions that fit one GPU of this type, or ``allowed`` where none exceeds it."""
    members = np.flatnonzero((pays > 0) & (rate > 0))
    if not len(members):
        return allowed
    d, time, memory = duty_rows(instance, rate, members, accelerator)
    limit = int(instance.memory_bytes[accelerator])
    return _Knapsacks(d, time, memory if limit < UNLIMITED else None, limit, pays[members]).beyond(allowed)


class _Knapsacks:
    """One 0/1 knapsack for every cycle length, solved side by side in whole numbers."""

    def __init__(self, d: IntArray, time: IntArray, memory: IntArray | None, limit: int, pays: IntArray) -> None:
        value = np.where(time > 0, pays[None, :], 0)
        time = np.where(time > 0, time, 1)
        order = np.argsort(-(value / time), axis=1, kind="stable")
        self.d, self.limit = d, limit
        self.time, self.value = np.take_along_axis(time, order, axis=1), np.take_along_axis(value, order, axis=1)
        self.memory = None if memory is None else np.take_along_axis(memory, order, axis=1)
        start = np.zeros((len(d), 1), dtype=np.int64)
        self.time_before = np.hstack([start, np.cumsum(self.time, axis=1)])
        self.value_before = np.hstack([start, np.cumsum(self.value, axis=1)])
        self.stride = int(self.time_before[:, -1].max(initial=0) + d.max(initial=0) + 2)
        self.flat = (self.time_before + np.arange(len(d))[:, None] * self.stride).ravel()

    def fractional(self, row: IntArray, item: int, room: IntArray) -> IntArray:
        """The most that items from ``item`` on can pay in ``room``, one of them cut: an upper bound."""
        width = self.time.shape[1]
        target = self.time_before[row, item] + room
        last = np.searchsorted(self.flat, row * self.stride + target, side="right") - row * (width + 1) - 1
        whole = self.value_before[row, last] - self.value_before[row, item]
        cut = np.minimum(last, width - 1)
        part = (target - self.time_before[row, last]) * self.value[row, cut] // self.time[row, cut]
        return np.asarray(whole + np.where(last < width, part, 0))

    def beyond(self, allowed: int) -> int:
        """The optimum over all rows where it exceeds ``allowed``, else ``allowed``."""
        row = np.arange(len(self.d))
        row = row[self.fractional(row, 0, self.d) > allowed]
        used, paid, held = (np.zeros(len(row), dtype=np.int64) for _ in range(3))
        best = allowed
        for item in range(self.time.shape[1]):
            if not len(row):
                break
            takes = used + self.time[row, item] <= self.d[row]
            if self.memory is not None:
                takes &= held + self.memory[row, item] <= self.limit
            more = row[takes]
            row = np.concatenate([row, more])
            used, paid = (
                np.concatenate([a, a[takes] + b[more, item]]) for a, b in ((used, self.time), (paid, self.value))
            )
            extra = np.zeros(len(more), dtype=np.int64) if self.memory is None else self.memory[more, item]
            held = np.concatenate([held, held[takes] + extra])
            best = max(best, int(paid.max(initial=0)))
            reach = paid + self.fractional(row, item + 1, self.d[row] - used)
            if len(row) > MOST_STATES:
                return max(best, int(reach.max()))
            keep = reach > best
            row, used, paid, held = row[keep], used[keep], paid[keep], held[keep]
            if self.memory is None and len(row):
                kept = _undominated(row, used, paid)
                row, used, paid, held = row[kept], used[kept], paid[kept], held[kept]
        return best


def _undominated(row: IntArray, used: IntArray, paid: IntArray) -> IntArray:
    """States of which no other in the same row takes less time and pays as much."""
    order = np.lexsort((-paid, used, row))
    step = int(paid.max()) + 1
    level = row[order] * step + paid[order]
    before = np.append(-1, np.maximum.accumulate(level)[:-1])
    better: BoolArray = level > np.maximum(before, row[order] * step - 1)
    return np.asarray(order[better])
