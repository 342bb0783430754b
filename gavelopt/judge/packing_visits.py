"""A bound on split packings: rates and visits.

Wherever a session may run, it must run somewhere, and each visit costs at least the time of a batch. Give every session a
price A_k >= 0 for its whole rate and B_k >= 0 for each visit to a GPU. If no duty cycle of a GPU of type t earns more than c_t,

    sum over its sessions of  A_k min(1, b_k / (d R_k)) + B_k  <=  c_t,      then every packing costs at least
    sum_k A_k + B_k ceil(R_k / T_k),                                         T_k the peak rate on any type

(every session is served its rate and makes at least that many visits). With B = 0 this is the utilisation bound.

Duty cycles are not finitely many here, because b_k / d falls smoothly in d. They are covered by intervals d_i < d <= d_(i+1)
that end wherever an objective binds, L - l(b), and at most 0.4 % further on: within one, time is counted against its end and
what a batch earns, and which batches may run, against its beginning. That can only earn more, so the bound holds. The
dearest duty cycle of an interval is a knapsack with one choice of batch for each session, solved over undominated states
(time, price). Prices that are too high are scaled down.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from gavelopt.judge.certify import Multipliers
from gavelopt.model.arrays import FloatArray, IntArray
from gavelopt.model.packing import MICRO, PackingInstance

FINENESS = 1.004
FINE = 1000  # prices of a proof are whole thousandths of a price unit


@dataclass(frozen=True, eq=False)
class VisitPrices(Multipliers):
    """Proof for split packings, in whole billionths of a GPU: rates (K,) prices A, visits (K,) prices B."""

    rates: IntArray | None = None
    visits: IntArray | None = None


def visits_needed(instance: PackingInstance) -> IntArray:
    """(K,) the least number of GPUs that a session's rate needs: ceil(R / max T); 0 without a rate."""
    rate, needed = instance.sessions.rate_urps, np.zeros(len(instance.sessions), dtype=np.int64)
    for k in np.flatnonzero(rate > 0):
        peaks = [
            Fraction(int(batch) * MICRO * MICRO, int(time))
            for batch, time in zip(instance.best_batch[k], instance.best_latency_us[k], strict=True)
            if batch > 0
        ]
        needed[k] = -(-int(rate[k]) // max(peaks)) if peaks else 0
    return needed


def visit_bound(instance: PackingInstance, price: IntArray, proof: VisitPrices) -> Fraction:
    """The bound that the prices prove, in millionths; see the head of this file."""
    if proof.rates is None or proof.visits is None:
        return Fraction(0)
    pays, calls = np.maximum(proof.rates, 0), np.maximum(proof.visits, 0)
    theta = Fraction(1)
    for t in range(len(price)):
        allowed = int(price[t]) * FINE
        dearest = max([allowed, *(_dearest(row, allowed) for row in choices(instance, t, pays, calls))])
        theta = min(theta, Fraction(allowed, dearest)) if dearest > 0 else theta
    return theta * (int(pays.sum()) + int(calls @ visits_needed(instance))) / FINE


@dataclass(frozen=True, eq=False)
class Choices:
    """One interval: its length counts as ``room``; for each session the (time, price) of each batch worth having."""

    room: int
    options: list[tuple[IntArray, IntArray]]


def duty_intervals(
    instance: PackingInstance, accelerator: int, fineness: float = FINENESS
) -> tuple[IntArray, IntArray]:
    """(first, last) whole microseconds of each interval of duty cycles on one type."""
    ends, shortest, longest = set[int](), 1 << 60, 0
    for k in np.flatnonzero(instance.sessions.rate_urps > 0):
        curve, budget = instance.curve(int(k), accelerator), int(instance.budget_us[k, accelerator])
        within = 0 if curve is None or budget < 0 else int(curve.largest_within(budget // 2))
        if curve is not None and within:
            ends.update((budget - curve.latency_us[:within]).tolist())
            shortest, longest = min(shortest, curve.latency(1)), max(longest, budget - curve.latency(1))
    now = float(shortest)
    while now < longest:
        ends.add(int(now))
        now = max(now * fineness, now + 1)
    last = np.array(sorted(end for end in ends if shortest <= end <= longest), dtype=np.int64)
    return np.concatenate([[shortest], last[:-1] + 1])[: len(last)], last


def interval_batches(
    instance: PackingInstance, session: int, accelerator: int, first: int, last: int
) -> tuple[IntArray, FloatArray]:
    """(time, part of the session's rate) of its batches in duty cycles from first to last; longer ones if they serve more."""
    curve, budget = instance.curve(session, accelerator), int(instance.budget_us[session, accelerator])
    within = 0 if curve is None else int(curve.largest_within(min(budget - first, last)))
    if curve is None or within == 0:
        return np.zeros(0, dtype=np.int64), np.zeros(0)
    time = curve.latency_us[:within]
    part = np.arange(1, within + 1) * 1e12 / (float(instance.sessions.rate_urps[session]) * first)
    enough = min(int(np.searchsorted(part, 1.0)) + 1, within)
    time, part = time[:enough], np.minimum(part[:enough], 1.0)
    kept = np.append(np.diff(time) > 0, True)
    return time[kept], part[kept]


def choices(instance: PackingInstance, accelerator: int, pays: IntArray, calls: IntArray) -> list[Choices]:
    """Every interval with what each batch earns in it, rounded up."""
    found = []
    members = np.flatnonzero((instance.sessions.rate_urps > 0) & ((pays > 0) | (calls > 0)))
    for first, last in zip(*duty_intervals(instance, accelerator), strict=True):
        options = []
        for k in members:
            time, part = interval_batches(instance, int(k), accelerator, int(first), int(last))
            if len(time):
                options.append((time, np.floor(part * float(pays[k])).astype(np.int64) + 1 + calls[k]))
        found.append(Choices(int(last), options))
    return found


def _dearest(row: Choices, allowed: int) -> int:
    """The most that one duty cycle of this interval can earn where that exceeds ``allowed``, else ``allowed``."""
    options = sorted(row.options, key=lambda pair: -float((pair[1] / pair[0]).max()))
    ratio = np.array([float((earned / time).max()) for time, earned in options] + [0.0])
    rest = np.append(np.cumsum([int(earned.max()) for _, earned in options][::-1])[::-1], 0)
    used, paid = np.zeros(1, dtype=np.int64), np.zeros(1, dtype=np.int64)
    best = allowed
    for item, (time, earned) in enumerate(options):
        if not len(used):
            break
        wider, richer = used[:, None] + time[None, :], paid[:, None] + earned[None, :]
        fits = wider <= row.room
        used, paid = np.concatenate([used, wider[fits]]), np.concatenate([paid, richer[fits]])
        best = max(best, int(paid.max()))
        # what is left earns no more than its best price per time, and no more than all of it
        reach = np.minimum((row.room - used) * ratio[item + 1] * (1 + 1e-12) + 1, rest[item + 1])
        keep = paid + reach > best
        used, paid = used[keep], paid[keep]
        order = np.lexsort((-paid, used))
        level = paid[order]
        order = order[level > np.append(-1, np.maximum.accumulate(level)[:-1])[: len(level)]]
        used, paid = used[order], paid[order]
    return best
