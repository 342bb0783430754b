"""The sets of sessions that fit one GPU, for the judge: every cycle length that matters, in whole numbers.

With the cycle d fixed the batches are forced, b_k = ceil(r_k d), and a GPU is a 0/1 knapsack of capacity d with weights
l_k(b_k), where d + l_k(b_k) <= L_k. A longer cycle at the same batches only helps, so d matters only where a batch would
grow, d = b / r, or where an objective binds, d = L - l(b).

All these knapsacks are solved side by side: states (row, time, price) grow item by item, best price per time first, and a
state is dropped as soon as the fractional relaxation shows that it cannot reach the price asked for.
"""

from __future__ import annotations

import numpy as np

from gavelopt.model.arrays import BoolArray, IntArray
from gavelopt.model.packing import MICRO, UNLIMITED, PackingInstance

MOST_STATES = 2_000_000  # beyond this the fractional bound is taken instead: weaker, never false
MOST_WORK = 30_000_000  # states looked at in all, for the same reason
CHUNK = 32  # rows listed at once
MASK_BITS = 62


def knapsacks_of(instance: PackingInstance, rate: IntArray, pays: IntArray, accelerator: int) -> Knapsacks:
    """The knapsacks of the sessions that have a rate and a price, on one type."""
    members = np.flatnonzero((pays > 0) & (rate > 0))
    d, time, memory = _rows(instance, rate, members, accelerator)
    limit = int(instance.memory_bytes[accelerator])
    return Knapsacks(members, d, time, memory if limit < UNLIMITED else None, limit, pays[members])


def _rows(instance: PackingInstance, rate: IntArray, members: IntArray, accelerator: int) -> tuple[IntArray, ...]:
    """Cycle lengths d (m,), and the time and memory (m, n) that each member then takes; time is -1 where d + l > L."""
    longest, curves, lengths = [], [], [np.zeros(0, dtype=np.int64)]
    for k in members:
        curve, budget = instance.curve(int(k), accelerator), int(instance.budget_us[k, accelerator])
        within = int(curve.largest_within(budget // 2)) if curve is not None else 0
        last = np.arange(1, within + 1) * (MICRO * MICRO) // int(rate[k])
        longest.append(last)
        curves.append(curve)
        if curve is not None and within:
            latency = curve.latency_us[:within]
            lengths.extend([last[last + latency <= budget], budget - latency])
    d = np.unique(np.concatenate(lengths))
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


class Knapsacks:
    """m knapsacks over n members, each row's items in its own order of falling price per time."""

    def __init__(
        self, members: IntArray, d: IntArray, time: IntArray, memory: IntArray | None, limit: int, pays: IntArray
    ) -> None:
        value = np.where(time > 0, pays[None, :], 0)
        time = np.where(time > 0, time, 1)
        order = np.argsort(-(value / time), axis=1, kind="stable")
        self.members, self.order, self.d, self.limit = members, order, d, limit
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
        """The largest total price that fits one GPU where it exceeds ``allowed``, else ``allowed``."""
        states, best, work = States.start(self, allowed + 1), allowed, 0
        for item in range(self.time.shape[1]):
            if not len(states.row):
                break
            states = states.step(self, item)
            best = max(best, int(states.paid.max(initial=0)))
            reach = states.reach(self, item + 1)
            work += len(reach)
            if len(reach) > MOST_STATES or work > MOST_WORK:
                return max(best, int(reach.max()))
            states = states.take(reach > best)
            if self.memory is None and len(states.row):
                states = states.take(_undominated(states.row, states.used, states.paid))
        return best

    def sets_worth(self, least: int) -> tuple[IntArray, IntArray] | None:
        """All maximal sets with a total price of ``least`` or more, as (bit masks over members, price); None if too many."""
        if self.time.shape[1] > MASK_BITS:
            return None
        whole, listed, work = States.start(self, least), [], 0
        for part in np.array_split(np.arange(len(whole.row)), len(whole.row) // CHUNK + 1):
            states = whole.take(part)
            for item in range(self.time.shape[1]):
                states = states.step(self, item)
                work += len(states.row)
                if work > MOST_WORK:
                    return None
                states = states.take(states.reach(self, item + 1) >= least)
            listed.append(self._maximal(states))
        masks, first = np.unique(np.concatenate([m for m, _ in listed]), return_index=True)
        return masks, np.concatenate([paid for _, paid in listed])[first]

    def _maximal(self, states: States) -> tuple[IntArray, IntArray]:
        open_to = np.zeros(len(states.row), dtype=np.bool_)
        for item in range(self.time.shape[1]):
            outside = (states.mask >> self.order[states.row, item]) & 1 == 0
            fits = states.used + self.time[states.row, item] <= self.d[states.row]
            if self.memory is not None:
                fits &= states.held + self.memory[states.row, item] <= self.limit
            open_to |= outside & fits & (self.value[states.row, item] > 0)
        kept = states.take(~open_to)
        masks, first = np.unique(kept.mask, return_index=True)
        return masks, kept.paid[first]


class States:
    """Partial sets: the row they are in, time used, price, memory held, and a bit mask of their members."""

    def __init__(self, row: IntArray, used: IntArray, paid: IntArray, held: IntArray, mask: IntArray) -> None:
        self.row, self.used, self.paid, self.held, self.mask = row, used, paid, held, mask

    @classmethod
    def start(cls, sets: Knapsacks, least: int) -> States:
        """One empty set for every row that can reach ``least``."""
        row = np.arange(len(sets.d))
        if len(row):
            row = row[sets.fractional(row, 0, sets.d) >= least]
        return cls(row, *(np.zeros(len(row), dtype=np.int64) for _ in range(4)))

    def take(self, which: BoolArray | IntArray) -> States:
        return States(self.row[which], self.used[which], self.paid[which], self.held[which], self.mask[which])

    def reach(self, sets: Knapsacks, item: int) -> IntArray:
        """The most each can still be worth."""
        return self.paid + sets.fractional(self.row, item, sets.d[self.row] - self.used)

    def step(self, sets: Knapsacks, item: int) -> States:
        """All of them without the item, and with it where it fits."""
        fits = (self.used + sets.time[self.row, item] <= sets.d[self.row]) & (sets.value[self.row, item] > 0)
        if sets.memory is not None:
            fits &= self.held + sets.memory[self.row, item] <= sets.limit
        more = self.take(fits)
        at = more.row, np.full(len(more.row), item)
        bit = np.int64(1) << np.minimum(sets.order[at], MASK_BITS)
        extra = 0 if sets.memory is None else sets.memory[at]
        grown = (more.row, more.used + sets.time[at], more.paid + sets.value[at], more.held + extra, more.mask | bit)
        old = (self.row, self.used, self.paid, self.held, self.mask)
        return States(*(np.concatenate(pair) for pair in zip(old, grown, strict=True)))


def _undominated(row: IntArray, used: IntArray, paid: IntArray) -> IntArray:
    """States of which no other in the same row takes less time and pays as much."""
    order = np.lexsort((-paid, used, row))
    step = int(paid.max()) + 1
    level = row[order] * step + paid[order]
    before = np.append(-1, np.maximum.accumulate(level)[:-1])
    return np.asarray(order[level > np.maximum(before, row[order] * step - 1)])
