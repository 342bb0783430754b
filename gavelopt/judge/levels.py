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
Later proofs need to hold for those only, so there p_c, w_i and g_i may have any sign. Numbers that equal each other up to
rounding leave a little of all that, more of it the smaller a price is; ``Face`` counts what that makes of a later proof, or
a price of nothing would rule out anything. And whoever still rises can do so up
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
EXACTLY = 2e-16  # the same in extended precision
TIGHT = 1e-12  # of these: F(L) so near to B is equal to it
SLACK = 1e-9  # relative: an inequality is tight unless its sides differ by more
LEAST = 1e-2  # the part of its fastest rate that a job with less counts by
ROUNDED = 1e-4  # relative: what the rounding of earlier proofs may leave open of a level (rates over many decades)
LARGEST = 1e100  # a level above it is none
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
        self.unproved, self.rounded = 0.0, 0.0

    @property
    def top(self) -> FloatArray:
        """(J,) the rate at which each job stops."""
        return self.space.ceiling if self.face is None else self.face.top

    def take(self, record: Round) -> None:
        """Check one round and make final whom it proves saturated."""
        sound = bool((np.abs(record.after) <= LARGEST).all())  # not so where a level is no number
        self.unproved = max(self.unproved, 0.0 if sound else np.inf)
        if not sound:
            return
        rise = record.after - self.level
        self.level = after = np.where(self.final, self.level, record.after)
        rate = after * self.reference
        least = np.maximum(rate, LEAST * self.space.ceiling)
        stopped = ~self.final & (self.top - rate <= SATURATED * least)
        off = off_path(self.groups, self.scale, rise, self.final, stopped) * self.reference
        part = np.divide(off, least, out=np.where(off > 0, np.inf, 0.0), where=least > 0)
        if self.face is not None:
            self.rounded = max(self.rounded, float((self.face.above[stopped] / least[stopped]).max(initial=0.0)))
        self.unproved = max(self.unproved, float(part.max(initial=0.0)))
        self.final = self.final | stopped
        if record.prices is None or record.worth is None:
            return
        if self.face is None:
            worth, spare = self._anywhere(record.prices, record.worth, record.time, rate)
            more = 0.0
        else:
            worth, spare, more = self.face.bounded(record.prices, record.worth, rate)
        self._saturate(worth * least, spare, more)

    def _saturate(self, weighed: FloatArray, spare: float, more: float) -> None:
        able = ~self.final & (weighed > 0)
        rise = np.divide(spare, weighed, out=np.full(len(weighed), np.inf), where=able)
        now = able & (rise <= max(SATURATED, float(rise.min(initial=np.inf))))
        self.unproved = max(self.unproved, float(rise[now].max(initial=0.0)))
        self.rounded = max(self.rounded, float((more / weighed[now]).max(initial=0.0)))
        self.final = self.final | now

    def _anywhere(
        self, prices: FloatArray, worth: FloatArray, hours: FloatArray | None, rate: FloatArray
    ) -> tuple[FloatArray, float]:
        """(worth, B - F) for all allocations, columns of several jobs included."""
        price, gradient = np.maximum(np.nan_to_num(prices), 0.0), np.maximum(np.nan_to_num(worth), 0.0)
        time = time_prices([(self.space, gradient)], price, hours)
        bound = float(self.space.capacity @ price + self.space.time @ time)
        return gradient, max(ROUNDING * bound, abs(bound - float(gradient @ rate)))

    def short(self, rate: FloatArray) -> float:
        """What rates (J,) lack of the levels, at most."""
        wanted = self.level * self.reference
        least = np.maximum(wanted, LEAST * self.space.ceiling)
        return float(((wanted - rate) / np.where(least > 0, least, 1.0)).max(initial=0.0))

    @property
    def left(self) -> float:
        """The residual of the check "every job saturated"."""
        return max(self.unproved, self.rounded * (LIMIT / ROUNDED), float((~self.final).sum()))


@dataclass(frozen=True, eq=False)
class Limits:
    """What earlier proofs have left next to nothing of: ``by`` the number of the proof, 0 for none, ``room`` what a unit of it
    costs there. Of all of them together, a proof with B - F = d leaves at most  d / room."""

    by: IntArray
    room: FloatArray

    @classmethod
    def none(cls, shape: tuple[int, ...]) -> Limits:
        """Nothing is limited yet."""
        return cls(np.zeros(shape, dtype=np.int8), np.ones(shape))

    def add(self, now: BoolArray, room: FloatArray, number: int) -> None:
        """Limit what is limited by no proof so far."""
        now = now & (self.by == 0)
        self.by[now], self.room[now] = number, room[now]

    def multiples(self, excess: FloatArray, proofs: int) -> FloatArray:
        """(proofs + 1,) how often each proof must be added so that nothing is in excess any more."""
        over = (self.by > 0) & (excess > 0)
        times = np.zeros(proofs + 1)
        np.maximum.at(times, self.by[over], excess[over] / self.room[over])
        return times


class Face:
    """The allocations of a plain space that keep the levels so far: may (J, C + 1) columns in use, idling the last of them.

    Up to rounding, that is: a proof with B - F(L) = d leaves a column of slack s not more than d / s time. So a later proof
    that needs it away is one for all allocations only with the earlier one added  excess / s  times, and B - F grows by d
    as often. ``left`` (K + 1,) has d of each proof so far; what that took from earlier ones is small of the second order and
    not counted again. ROUNDED is what all of this may leave open of a level: where rates and weights span many decades and
    bottlenecks are many, levels are proved to that only; the smallest one, the value, has its own bound.
    """

    def __init__(self, space: AllocationSpace) -> None:
        grid = space.plain
        assert grid is not None
        jobs, types = grid.table.shape
        self.space, self.use = space, np.append(np.ones(types), 0.0) * grid.use[:, None]
        self.table = np.hstack([grid.table, np.zeros((jobs, 1))])
        able = grid.usable & (grid.table > 0) & (space.capacity > 0)
        self.may = np.hstack([able, np.ones((jobs, 1), dtype=bool)])
        self.columns, self.scarce, self.fixed = Limits.none(self.may.shape), Limits.none((types,)), Limits.none((jobs,))
        self.left = np.zeros(1)

    @property
    def fastest(self) -> FloatArray:
        """(J,) the highest rate of each job in a unit of time."""
        return np.asarray(np.where(self.may, self.table, 0.0).max(axis=1, initial=0.0))

    @property
    def top(self) -> FloatArray:
        """(J,) the highest rate of each job."""
        return np.asarray(self.fastest * self.space.time)

    @property
    def above(self) -> FloatArray:
        """(J,) by how much a job may beat its highest rate, as what earlier proofs ruled out is left up to rounding."""
        excess = np.where(self.columns.by > 0, self.table - self.fastest[:, None], 0.0)
        return np.asarray((np.maximum(excess, 0.0) / self.columns.room * self.left[self.columns.by]).sum(axis=1))

    def bounded(self, prices: FloatArray, worth: FloatArray, rate: FloatArray) -> tuple[FloatArray, float, float]:
        """(worth, B - F(L)) on this face, and what earlier proofs add to it; afterwards it is the smaller one on which
        F = B."""
        price, gradient = np.nan_to_num(prices), np.nan_to_num(worth)
        price = np.where(self.scarce.by > 0, price, np.maximum(price, 0.0))
        gradient = np.where(self.fixed.by > 0, gradient, np.maximum(gradient, 0.0))
        gain, toll = gradient[:, None] * self.table, self.use * np.append(price, 0.0)
        time = np.where(self.may, gain - toll, -np.inf).max(axis=1, initial=-np.inf)
        time = np.where(np.isinf(time), 0.0, time)
        slack = time[:, None] - (gain - toll)
        factors = np.concatenate([self.space.capacity, self.space.time, -rate]), np.concatenate([price, time, gradient])
        terms = np.multiply(*factors, dtype=np.longdouble)  # what cancels here is multiplied in later proofs
        size = float(np.abs(terms[: len(price) + len(time)]).sum())
        own = max(EXACTLY * size, abs(float(terms.sum())))
        number = len(self.left)
        parts = (self.columns, -slack), (self.scarce, -price), (self.fixed, -gradient)
        times = np.max([limits.multiples(excess, number - 1) for limits, excess in parts], axis=0)
        more = float(times @ self.left)
        if not np.isfinite(own + more):
            return np.zeros(len(gradient)), np.inf, np.inf
        if own <= TIGHT * size:
            near = SLACK * (np.abs(gain) + np.abs(toll) + np.abs(time)[:, None])
            near[:, -1] = SLACK * np.abs(gain).max(axis=1, initial=0.0)
            self.columns.add(self.may & (slack > near), slack, number)
            self.may &= self.columns.by == 0
            self.scarce.add(price > 0, price, number)
            self.fixed.add(gradient > 0, gradient, number)
            self.left = np.append(self.left, own)
        return np.maximum(gradient, 0.0), own, more


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
    return (
        Check("levels reached", referee.short(space.rate(x)), LIMIT),
        Check("every job saturated", referee.left, LIMIT),
    )
