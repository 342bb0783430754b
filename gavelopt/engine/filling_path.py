"""How levels rise with the water while nobody runs into a bottleneck of capacity: no program, only sorting.

With c the height of the water, a group of weight W gains  sum_i s_i rise_i = W c  in weighted level. In a fair group all rise
by the same v = s_i rise_i / w_i until they stop, each at its own top; between two stops  dc = dv (sum of w still rising) / W.
A queue serves one job after the other. So every job has a stretch [start, stop] of c at the end of which it stops.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy import optimize

from gavelopt.judge.levels import WaterGroups
from gavelopt.model.arrays import BoolArray, FloatArray, IntArray

Rates = Callable[[float], FloatArray]  # (K,) rates of classes at a height of the water

CLOSE = 4 * float(np.finfo(np.float64).eps)


class Path:
    """Levels of classes of jobs as a function of the water.

    count (K,) jobs of each class; scale, level, top (K,): scale factor, level now and where it stops; rising (K,).
    ``groups`` is by class; the share of a group is that of all its jobs.
    """

    def __init__(
        self,
        groups: WaterGroups,
        count: FloatArray,
        scale: FloatArray,
        level: FloatArray,
        top: FloatArray,
        rising: BoolArray,
    ) -> None:
        self.level, self.top = level, np.maximum(top, level)
        queued, room = groups.queued, (self.top - level) * scale
        with np.errstate(divide="ignore", invalid="ignore"):
            height = np.where(queued, groups.place, room / groups.weight)
        rows = np.flatnonzero(rising)
        self.rows = rows[np.lexsort((height[rows], groups.member[rows]))]
        self.member, self.size = groups.member[self.rows], len(groups.share)
        self.queued, self.room, self.scale = queued[self.rows], room[self.rows], scale[self.rows]
        self.weight = np.where(self.queued, 1.0, groups.weight[self.rows])
        self.height = height[self.rows]
        number = count[self.rows]
        self.start, length, self.pace = _stretches(
            self.member, self.queued, self.height, self.room, number, number * self.weight, groups.share
        )
        self.stop = self.start + length

    @property
    def end(self) -> float:
        """The water at which everybody has stopped."""
        return float(self.stop.max(initial=0.0))

    def at(self, water: float) -> FloatArray:
        """(K,) levels when the water has risen by ``water``."""
        part = np.clip(water - self.start, 0.0, self.stop - self.start) * self.pace
        risen = np.bincount(self.member, np.where(self.queued, 0.0, part), minlength=self.size)
        each = np.where(self.queued, part, np.minimum(risen[self.member], self.height) * self.weight)
        levels = self.level.copy()
        stopped = water >= self.stop
        levels[self.rows] += np.where(stopped, 0.0, np.minimum(each, self.room) / self.scale)
        levels[self.rows[stopped]] = self.top[self.rows[stopped]]
        return levels


def _stretches(
    member: IntArray,
    queued: BoolArray,
    height: FloatArray,
    room: FloatArray,
    number: FloatArray,
    weight: FloatArray,
    share: FloatArray,
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """(start, length, pace) of each job's stretch, all sorted by group; pace is dv/dc of its group in it, in a queue W."""
    paid = share[member]
    alone = np.where(queued, room, weight * height)  # what a group of this one job spends until it stops
    start, length, pace = np.zeros(len(member)), alone / paid, np.where(queued, paid, paid / weight)
    first = np.flatnonzero(np.append(True, member[1:] != member[:-1])) if len(member) else np.zeros(0, dtype=np.int64)
    last = np.append(first[1:], len(member))
    for a, b in zip(first[last > first + 1].tolist(), last[last > first + 1].tolist(), strict=True):
        if not queued[a]:
            still = np.cumsum(weight[a:b][::-1])[::-1]
            length[a:b] = np.diff(height[a:b], prepend=0.0) * still / paid[a:b]
            pace[a:b] = paid[a:b] / still
        start[a + 1 : b] = np.cumsum(length[a : b - 1])
    return start, length, pace


@dataclass(frozen=True, eq=False)
class Cut:
    """worth.rate <= bound for every allocation, by prices (C,) that make all capacity worth 1 and, where columns are shared,
    a price of time (K,); settled (K,) who is to stay where it is, None where the judge is to say whom it saturates."""

    prices: FloatArray
    worth: FloatArray
    time: FloatArray | None
    bound: float
    settled: BoolArray | None = None

    def excess(self, rate: FloatArray) -> float:
        """How much of all capacity is lacking for rates (K,), at least."""
        return float(self.worth @ rate) - self.bound

    def highest(self, rates: Rates, below: float) -> float:
        """The water up to ``below`` at which rising rates reach the bound."""
        if self.excess(rates(below)) <= 0.0:
            return below
        if self.excess(rates(0.0)) >= 0.0:
            return 0.0
        return rising_root(lambda water: self.excess(rates(water)), below)


def rising_root(excess: Callable[[float], float], above: float) -> float:
    """Where a function that rises from below 0 at 0 to above 0 at ``above`` is 0, to the last bit but two."""
    return float(optimize.brentq(excess, 0.0, above, xtol=1e-300, rtol=CLOSE, maxiter=300))


@dataclass(frozen=True, eq=False)
class Bottleneck:
    """The height of the water, the cut that proves it (None: everybody stops before), x (columns,) there, and how many
    linear programs it took."""

    water: float
    cut: Cut | None
    x: FloatArray
    programs: int
