"""What is left after the first phase, in the arrays that the compiled parts work on.

For session k on type t and batch b (only those with 2 l(b) <= L, and of equal latencies and memories only the largest):

    lasts    floor(b / r_k)    the longest cycle in which b requests are enough
    latency  l_kt(b)
    memory   bytes at b

Row q = k R + t of the ragged tables holds session k on type t; ``start[q] : start[q + 1]`` are its batches.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

import gavelopt as go

UNLIMITED = 1 << 60
EXACT = 10**12  # b / r in microseconds is b x 10^12 / (microrequests per second)

Bin = tuple[
    int, int, tuple[int, ...]
]  # one GPU: (type, duty cycle in microseconds, sessions by position in ``members``)


@dataclass(frozen=True, eq=False)
class Residuals:
    """The second phase: n sessions with rates below one GPU, R types.

    members: (n,) positions in the instance; rate: (n,) microrequests per second; price: (R,) millionths;
    room: (R,) GPUs left of each type.
    """

    instance: go.PackingInstance
    members: go.IntArray
    rate: go.IntArray
    price: go.IntArray
    room: go.IntArray

    def __len__(self) -> int:
        return len(self.members)

    @property
    def types(self) -> int:
        return len(self.price)

    @cached_property
    def tables(self) -> tuple[go.IntArray, go.IntArray, go.IntArray, go.IntArray, go.IntArray]:
        """(start, lasts, latency, memory, budget); see the head of this file."""
        start, budget = [0], []
        parts: tuple[list[go.IntArray], list[go.IntArray], list[go.IntArray]] = ([], [], [])
        for k, rate in zip(self.members, self.rate, strict=True):
            for t in range(self.types):
                limit = int(self.instance.budget_us[k, t])
                budget.append(limit)
                rows = _useful(self.instance.curve(int(k), t), limit, int(rate))
                for part, values in zip(parts, rows, strict=True):
                    part.append(values)
                start.append(start[-1] + len(rows[0]))
        flat = [np.concatenate(part) if part else np.zeros(0, dtype=np.int64) for part in parts]
        return np.array(start), flat[0], flat[1], flat[2], np.array(budget, dtype=np.int64)

    @cached_property
    def memory_limit(self) -> go.IntArray:
        """(R,) bytes, UNLIMITED where unknown."""
        return np.minimum(self.instance.memory_bytes, UNLIMITED)

    def batch(self, k: int, duty_us: int) -> int:
        """The smallest batch that serves the rate of member k in a cycle of d: ceil(r d)."""
        return -(-int(self.rate[k]) * duty_us // EXACT)

    def fits(self, t: int, duty_us: int, sessions: Iterable[int]) -> bool:
        """Whether these members fit one GPU of type t with this duty cycle."""
        total = held = 0
        for k in sessions:
            curve, batch = self.instance.curve(int(self.members[k]), t), self.batch(k, duty_us)
            if curve is None or batch > len(curve):
                return False
            latency = curve.latency(batch)
            total, held = total + latency, held + int(curve.memory_bytes[batch - 1])
            if duty_us + latency > self.instance.budget_us[self.members[k], t]:
                return False
        return total <= duty_us and held <= self.memory_limit[t]

    def candidate_cycles(self, t: int, sessions: Iterable[int]) -> go.IntArray:
        """Duty cycles that suffice for these members on type t: { b / r_k } and { L_k - l_k(b) }, rising."""
        start, lasts, latency, _, budget = self.tables
        found = [np.zeros(0, dtype=np.int64)]
        for k in sessions:
            q = k * self.types + t
            rows = slice(start[q], start[q + 1])
            found += [lasts[rows], budget[q] - latency[rows]]
        return np.unique(np.concatenate(found))

    def some_cycle(self, t: int, sessions: Sequence[int]) -> int | None:
        """The longest duty cycle with which these members fit one GPU of type t, None where there is none."""
        fitting = (int(d) for d in self.candidate_cycles(t, sessions)[::-1] if d > 0 and self.fits(t, int(d), sessions))
        return next(fitting, None)

    def cycle(self, gpu: Bin) -> go.packing.DutyCycle:
        """A GPU as the plan has it."""
        t, duty, sessions = gpu
        members = tuple(int(self.members[k]) for k in sessions)
        return go.packing.DutyCycle(t, int(duty), members, tuple(self.batch(k, int(duty)) for k in sessions))


def _useful(
    curve: go.packing.LatencyCurve | None, budget: int, rate: int
) -> tuple[go.IntArray, go.IntArray, go.IntArray]:
    """(lasts, latency, memory) of the batches worth having."""
    within = 0 if curve is None or budget < 0 else int(curve.largest_within(budget // 2))
    if curve is None or within == 0:
        return (np.zeros(0, dtype=np.int64),) * 3
    latency, memory = curve.latency_us[:within], curve.memory_bytes[:within]
    last = np.append((np.diff(latency) != 0) | (np.diff(memory) != 0), True)
    batch = np.arange(1, within + 1)[last]
    return batch * EXACT // rate, latency[last], memory[last]


def residuals_of(problem: go.Problem) -> tuple[go.packing.Saturation, Residuals]:
    """Both phases of the unsplit problem.

    Raises:
        Infeasible: a session that no type can serve within its objective (with the smallest objective that works);
            whole GPUs beyond the count of every type.
    """
    instance = problem.instance
    assert isinstance(instance, go.PackingInstance)
    if len(instance.unservable):
        raise go.Infeasible(instance.why_unservable())
    price = instance.price(getattr(problem.policy, "minimise", "gpus"))
    phase = go.packing.saturate(instance, price)
    left = np.flatnonzero(phase.residual_urps > 0)
    peak = instance.peak_rps.max(axis=1, initial=0.0) * 1e6
    stuck = left[phase.residual_urps[left] > np.ceil(peak[left])]
    if len(stuck):
        raise go.Infeasible(
            f"the GPUs run out in the first phase: the rate of session {instance.sessions.names[int(stuck[0])]!r} alone "
            "needs more whole GPUs than there are"
        )
    count = np.minimum(instance.count, UNLIMITED).astype(np.int64)
    return phase, Residuals(instance, left, phase.residual_urps[left], price, count - phase.whole.sum(axis=0))


def plan_of(phase: go.packing.Saturation, residuals: Residuals, bins: Iterable[Bin]) -> go.PackingPlan:
    """The whole GPUs of the first phase and the shared ones of the second."""
    instance = residuals.instance
    return go.PackingPlan(instance, [*phase.cycles(instance), *(residuals.cycle(gpu) for gpu in bins)])


def cost_of(residuals: Residuals, bins: Iterable[Bin]) -> int:
    """What the shared GPUs cost, in millionths."""
    return sum(int(residuals.price[t]) for t, _, _ in bins)
