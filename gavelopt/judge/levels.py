"""Whether water-filling levels are lexicographically max-min: no job can rise unless one at or below it falls.

Jobs share in groups (an entity; in the flat case every job is one). While the water rises by c, the weighted levels of the
jobs of a group e rise by  sum_i s_i rise_i = W_e c  altogether: in a fair group by the same s_i rise_i / w_i each, in a queue
by the first job that is not final yet. A job that cannot rise is final, and the others of its group have its part.

A method offers rounds: levels L (J,) after it, and prices p with the worth g of rates that prove a bottleneck. They bound

    F(x) = g.r(x)  <=  B = C.p + time.w,     g_i R_ic <= p.U_c + w_i  for every column c

over all allocations. If every job keeps its level, F is at least F(L): job i alone can rise by at most (B - F(L)) / g_i.
Levels are reached up to rounding only: F(L) a little above B proves as little as F(L) a little below B, or every job with
the least trace of a worth would count as saturated.

Where B = F(L), all that keep these levels from now on share what complementary slackness says of them: a column is used
only if its inequality is tight, time is left only where w_i = 0, capacity only where p_c = 0, and r_i = L_i where g_i > 0.
Later proofs need to hold for those only, so there p_c, w_i and g_i may have any sign. And whoever still rises can do so up
to its fastest column left; at first that is its own ceiling. Jobs that stop there between two bottlenecks need no proof of
their own: the judge follows the water by the first paragraph and finds each of them at that rate. (Where columns serve
several jobs every proof holds for all allocations, and the fastest column is that of the start.)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from gavelopt.judge.certify import Multipliers, time_prices
from gavelopt.model.arrays import BoolArray, FloatArray, IntArray
from gavelopt.model.constraints import Check
from gavelopt.model.space import AllocationSpace

SATURATED = 1e-7  # a job that provably cannot rise by more than this part of its level is final
ROUNDING = 1e-15  # of the terms of B
TIGHT = 1e-12  # of these: F(L) so near to B is equal to it
SLACK = 1e-9  # relative: an inequality is tight unless its sides differ by more
LEAST = 1e-2  # the part of its fastest rate that a job with less counts by
LIMIT = 1e-6


@dataclass(frozen=True, eq=False)
class WaterGroups:
    """Who shares with whom. member (J,) group of each job; weight (J,) inside it; place (J,) order in a queue;
    share (G,) weight of each group; queue (G,) whether it serves one job after the other."""

    member: IntArray
    weight: FloatArray
    place: FloatArray
    share: FloatArray
    queue: BoolArray

    @classmethod
    def flat(cls, weight: FloatArray) -> WaterGroups:
        """Every job is a group of its own."""
        jobs = len(weight)
        return cls(np.arange(jobs), weight, np.zeros(jobs), weight, np.zeros(jobs, dtype=bool))

    @property
    def queued(self) -> BoolArray:
        """(J,) jobs whose group is a queue."""
        return np.asarray(self.queue[self.member])

    @property
    def counted(self) -> BoolArray:
        """(J,) jobs that may ever rise."""
        return np.asarray((self.share[self.member] > 0) & (self.queued | (self.weight > 0)))


@dataclass(frozen=True, eq=False)
class Round:
    """(J,) levels after it; the bottleneck that ends it: prices (C,), worth (J,) of a unit of rate, price (J,) of time;
    all None where everybody stopped at ceilings."""

    after: FloatArray
    prices: FloatArray | None = None
    worth: FloatArray | None = None
    time: FloatArray | None = None

    def multipliers(self, slope: FloatArray) -> Multipliers | None:
        """The proof in units of  min slope_i r_i."""
        if self.prices is None or self.worth is None:
            return None
        emphasis = np.where(slope > 0, self.worth / np.where(slope > 0, slope, 1.0), 0.0)
        total = float(emphasis.sum())
        if not total > 0:
            return None
        return Multipliers(
            self.prices / total, emphasis / total, None, None if self.time is None else self.time / total
        )


class Referee:
    """Follows the rounds: who is final, what all allocations with these levels share, how far from proved a claim was."""

    def __init__(self, space: AllocationSpace, reference: FloatArray, scale: FloatArray, groups: WaterGroups) -> None:
        self.space, self.reference, self.scale, self.groups = space, reference, scale, groups
        self.level = np.zeros(len(scale))
        self.final = ~(groups.counted & (space.ceiling > 0))
        self.face = None if space.plain is None else Face(space)
        self.unproved = 0.0

    @property
    def top(self) -> FloatArray:
        """(J,) the rate at which each job stops."""
        return self.space.ceiling if self.face is None else self.face.top

    def take(self, record: Round) -> None:
        """Check one round and make final whom it proves saturated."""
        after = np.where(np.isfinite(record.after), record.after, 0.0)
        rise, self.level = after - self.level, after
        self.unproved = max(self.unproved, 0.0 if np.isfinite(record.after).all() else np.inf)
        rate = after * self.reference
        least = np.maximum(rate, LEAST * self.space.ceiling)
        stopped = ~self.final & (self.top - rate <= SATURATED * least)
        off = off_path(self.groups, self.scale, rise, self.final, stopped) * self.reference
        part = np.divide(off, least, out=np.where(off > 0, np.inf, 0.0), where=least > 0)
        self.unproved = max(self.unproved, float(part.max(initial=0.0)))
        self.final = self.final | stopped
        if record.prices is None or record.worth is None:
            return
        if self.face is None:
            worth, spare = self._anywhere(record.prices, record.worth, record.time, rate)
        else:
            worth, spare = self.face.bounded(record.prices, record.worth, rate)
        self._saturate(worth * least, spare)

    def _saturate(self, weighed: FloatArray, spare: float) -> None:
        able = ~self.final & (weighed > 0)
        rise = np.divide(spare, weighed, out=np.full(len(weighed), np.inf), where=able)
        now = able & (rise <= max(SATURATED, float(rise.min(initial=np.inf))))
        self.unproved = max(self.unproved, float(rise[now].max(initial=0.0)))
        self.final = self.final | now

    def _anywhere(
        self, prices: FloatArray, worth: FloatArray, hours: FloatArray | None, rate: FloatArray
    ) -> tuple[FloatArray, float]:
        """(worth, B - F) for all allocations, columns of several jobs included."""
        price, gradient = np.maximum(np.nan_to_num(prices), 0.0), np.maximum(np.nan_to_num(worth), 0.0)
        time = time_prices([(self.space, gradient)], price, hours)
        bound = float(self.space.capacity @ price + self.space.time @ time)
        return gradient, max(ROUNDING * bound, abs(bound - float(gradient @ rate)))

    @property
    def left(self) -> float:
        """The residual of the check "every job saturated"."""
        return max(self.unproved, float((~self.final).sum()))


class Face:
    """The allocations of a plain space that keep the levels so far: may (J, C) columns in use, idle (J,) who may have time
    left, scarce (C,) what must be used up, fixed (J,) who must have exactly its level."""

    def __init__(self, space: AllocationSpace) -> None:
        grid = space.plain
        assert grid is not None
        self.space, self.table, self.use = space, grid.table, grid.use[:, None]
        self.may = np.asarray(grid.usable & (grid.table > 0) & (space.capacity > 0))
        self.idle = np.ones(len(self.table), dtype=bool)
        self.fixed, self.scarce = ~self.idle, np.zeros(len(space.capacity), dtype=bool)

    @property
    def top(self) -> FloatArray:
        """(J,) the highest rate of each job."""
        return np.asarray(np.where(self.may, self.table, 0.0).max(axis=1, initial=0.0) * self.space.time)

    def bounded(self, prices: FloatArray, worth: FloatArray, rate: FloatArray) -> tuple[FloatArray, float]:
        """(worth, B - F(L)) on this face; afterwards it is the smaller one on which F = B."""
        price, gradient = np.nan_to_num(prices), np.nan_to_num(worth)
        price = np.where(self.scarce, price, np.maximum(price, 0.0))
        gradient = np.where(self.fixed, gradient, np.maximum(gradient, 0.0))
        gain, toll = gradient[:, None] * self.table, self.use * price
        time = np.where(self.may, gain - toll, -np.inf).max(axis=1, initial=-np.inf)
        time = np.where(self.idle | np.isinf(time), np.maximum(time, 0.0), time)
        terms = np.concatenate([self.space.capacity * price, self.space.time * time])
        bound, size = float(terms.sum()), float(np.abs(terms).sum())
        spare = max(ROUNDING * size, abs(bound - float(gradient @ rate)))
        if spare <= TIGHT * size:
            near = SLACK * (np.abs(gain) + np.abs(toll) + np.abs(time)[:, None])
            self.may = self.may & (time[:, None] - (gain - toll) <= near)
            self.idle = self.idle & (time <= SLACK * np.abs(gain).max(axis=1, initial=0.0))
            self.fixed, self.scarce = self.fixed | (gradient > 0), self.scarce | (price > 0)
        return np.maximum(gradient, 0.0), spare


def off_path(
    groups: WaterGroups, scale: FloatArray, rise: FloatArray, final: BoolArray, stopped: BoolArray
) -> FloatArray:
    """(J,) how far each level lies from where the water would have carried it, given who was final and who stopped."""
    going, going_on = ~final, ~final & ~stopped
    weighted, size = scale * rise, len(groups.share)
    share = np.where(groups.share > 0, groups.share, 1.0)
    water = np.bincount(groups.member, np.where(going, weighted, 0.0), minlength=size) / share
    height = float(water.max(initial=0.0))
    unfinished = np.bincount(groups.member, going_on, minlength=size) > 0
    lack = np.where(unfinished, height - water, 0.0) * share  # weighted level that a group should have had besides
    fair = going & ~groups.queued
    even = np.where(fair, weighted / np.where(groups.weight > 0, groups.weight, 1.0), 0.0)
    top = np.zeros(size)
    np.maximum.at(top, groups.member[fair], even[fair])
    apart = np.where(fair & ~stopped, (top[groups.member] - even) * groups.weight, 0.0)
    off = np.where(going, 0.0, np.abs(weighted)) + np.maximum(-weighted, 0.0) + apart
    off += np.where(going & groups.queued & _behind(groups, going_on), np.abs(weighted), 0.0)
    first = going_on & ~_behind(groups, going_on) if groups.queue.any() else going_on
    return np.asarray((off + np.where(first, lack[groups.member], 0.0)) / scale)


def _behind(groups: WaterGroups, going_on: BoolArray) -> BoolArray:
    """(J,) jobs of a queue that stand behind one that is still rising."""
    head = np.full(len(groups.share), np.inf)
    line = going_on & groups.queued
    np.minimum.at(head, groups.member[line], groups.place[line])
    return np.asarray(groups.queued & (groups.place > head[groups.member]))


def check_levels(
    space: AllocationSpace,
    x: FloatArray,
    reference: FloatArray,
    scale: FloatArray,
    groups: WaterGroups,
    rounds: Sequence[Round],
) -> tuple[Check, Check]:
    """Whether ``x`` reaches the levels of the last round, and whether the rounds prove that no level could be higher."""
    referee = Referee(space, reference, scale, groups)
    for record in rounds:
        referee.take(record)
    short = (referee.level - space.rate(x) / reference) / np.maximum(1.0, referee.level)
    return (
        Check("levels reached", float(short.max(initial=0.0)), LIMIT),
        Check("every job saturated", referee.left, LIMIT),
    )
