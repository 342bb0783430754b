"""Whether water-filling levels are lexicographically max-min: no job can rise unless one at or below it falls.

Jobs share in groups (an entity; in the flat case every job is one). While the water rises by c, the weighted levels of the
jobs of a group e rise by  sum_i s_i rise_i = W_e c  altogether: in a fair group by the same s_i rise_i / w_i each, in a queue
by the first job that is not final yet. A job that cannot rise is final, and the others of its group have its part.

A method offers rounds: levels L (J,) after it, and prices p with the worth g of rates that prove a bottleneck. They bound

    F(x) = g.r(x)  <=  B = C.p + time.w,     g_i R_ic <= p.U_c + w_i  for every column c

over all allocations that keep what earlier rounds have settled (``faces``). If every job keeps its rate q, job i alone can
rise by at most (B - F(q)) / g_i. So each round says whom it makes final, and the judge how far that is from proved. The
rates q must be had by the allocation at hand: levels that nobody can have prove nothing about others.

Whoever still rises can do so up to its fastest column left; at first that is its own ceiling. Jobs that stop there between
two bottlenecks need no proof of their own: the judge follows the water by the first paragraph and finds each of them at that
rate. (Where columns serve several jobs every proof holds for all allocations, and the fastest column is that of the start.)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from gavelopt.judge.certify import ROUNDING, Multipliers, time_prices
from gavelopt.judge.check import tidy
from gavelopt.judge.faces import Face, Had
from gavelopt.model.arrays import BoolArray, FloatArray, IntArray
from gavelopt.model.constraints import Check
from gavelopt.model.space import AllocationSpace

LIMIT = 1e-6  # of a job's rate: what it may lack of its level, and what it may be able to rise
SATURATED = 1e-7  # of the same: a round that does not say whom it makes final makes those final who can rise by no more
LEAST = 1e-2  # of a job's fastest rate: with less, its rate counts as this
FITTING = 1e-9  # what an allocation may lie off the face that the proofs leave
LARGEST = 1e100  # a level above it is none


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
    """(J,) levels after it; the bottleneck that ends it: prices (C,), worth (J,) of a unit of rate, price (J,) of time, and
    final (J,) whom it saturates; all None where everybody stopped at ceilings."""

    after: FloatArray
    prices: FloatArray | None = None
    worth: FloatArray | None = None
    time: FloatArray | None = None
    final: BoolArray | None = None

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
    """Follows the rounds: who is final, what all allocations with these levels share, how far from proved a claim was.

    ``x`` (K,) is the allocation that is said to reach the levels; None while an answer is being made.
    """

    def __init__(
        self,
        space: AllocationSpace,
        reference: FloatArray,
        scale: FloatArray,
        groups: WaterGroups,
        x: FloatArray | None = None,
    ) -> None:
        self.space, self.reference, self.scale, self.groups = space, reference, scale, groups
        self.level = self.said = np.zeros(len(scale))
        self.final = ~(groups.counted & (space.ceiling > 0))
        plain = space.plain is not None
        self.had = None if plain or x is None else space.rate(tidy(space, x))
        self.face = Face(space, None if x is None else Had.of(space, x)) if plain else None
        self.off = np.zeros(len(scale))
        self.unproved = 0.0

    @property
    def top(self) -> FloatArray:
        """(J,) the rate at which each job stops."""
        return self.space.ceiling if self.face is None else self.face.top

    def take(self, record: Round) -> Round:
        """Check one round and make final whom it proves saturated. Returns it with these, if it does not name them."""
        self.said = record.after
        if not bool((np.abs(record.after) <= LARGEST).all()):  # not so where a level is no number
            self.unproved = np.inf
            return record
        rise = record.after - self.level
        self.level = np.where(self.final, self.level, np.maximum(record.after, self.level))
        rate, top = self.level * self.reference, self.top
        least = np.maximum(rate, LEAST * self.space.ceiling)
        stopped = ~self.final & (top - rate <= SATURATED * least)
        off = off_path(self.groups, self.scale, rise, self.final, stopped) * self.reference
        self.off += np.divide(off, least, out=np.where(off > 0, np.inf, 0.0), where=least > 0)
        self._prove(stopped, np.maximum(top - rate, 0.0), least)
        if record.prices is None or record.worth is None:
            return record
        if self.face is None:
            worth, spare = self._anywhere(record.prices, record.worth, record.time, rate)
        else:
            worth, spare = self.face.bounded(record.prices, record.worth, rate)
        able = ~self.final & (worth > 0)
        above = np.divide(spare, worth, out=np.full(len(worth), np.inf), where=able)
        now = record.final
        if now is None:
            part = np.divide(above, least, out=np.full(len(worth), np.inf), where=able)
            now = able & (part <= max(SATURATED, float(part.min(initial=np.inf))))
        self._prove(now & ~self.final, above, least)
        return replace(record, final=now)

    def _prove(self, now: BoolArray, above: FloatArray, least: FloatArray) -> None:
        """Jobs are final that can rise by ``above`` (J,) at most."""
        self.unproved = max(self.unproved, float((above[now] / least[now]).max(initial=0.0)))
        self.final = self.final | now

    def _anywhere(
        self, prices: FloatArray, worth: FloatArray, hours: FloatArray | None, rate: FloatArray
    ) -> tuple[FloatArray, float]:
        """(worth, B - F) for all allocations, columns of several jobs included."""
        price, gradient = np.maximum(np.nan_to_num(prices), 0.0), np.maximum(np.nan_to_num(worth), 0.0)
        time = time_prices([(self.space, gradient)], price, hours)
        bound = float(self.space.capacity @ price + self.space.time @ time)
        kept = rate if self.had is None else np.minimum(rate, self.had)
        return gradient, ROUNDING * bound + abs(bound - float(gradient @ kept))

    def short(self, rate: FloatArray) -> float:
        """What rates (J,) lack of the levels, at most."""
        wanted = np.maximum(self.level, self.said) * self.reference
        least = np.maximum(wanted, LEAST * self.space.ceiling)
        return float(((wanted - rate) / np.where(least > 0, least, 1.0)).max(initial=0.0))

    @property
    def left(self) -> float:
        """How far from proved it is that every job is final where it should be; small drifts of many rounds add up."""
        return float(np.max([self.unproved, self.off.max(initial=0.0), (~self.final).sum()]))

    def checks(self, rate: FloatArray) -> tuple[Check, ...]:
        """The verdict on an answer with rates (J,)."""
        return (
            Check("levels reached", self.short(rate), LIMIT),
            Check("every job saturated", self.left, LIMIT, proof=True),
            Check("prices fit the allocation", 0.0 if self.face is None else self.face.missed, FITTING, proof=True),
        )


def off_path(
    groups: WaterGroups, scale: FloatArray, rise: FloatArray, final: BoolArray, stopped: BoolArray
) -> FloatArray:
    """(J,) how far each level lies from where the water would have carried it, given who was final and who stopped."""
    weighted, share = scale * rise, np.where(groups.share > 0, groups.share, 1.0)
    still = ~final & ~stopped
    behind = _behind(groups, still)
    had = np.bincount(groups.member, np.where(final, 0.0, weighted), minlength=len(share))
    water = float((had / share).max(initial=0.0))
    lack = water * share - had  # a group of which somebody rises on has had all the water
    late = np.where(still & ~behind, lack[groups.member], 0.0)
    early = np.where(~final & behind, np.abs(weighted), 0.0)  # nobody passes who is before it in a queue
    moved = np.where(final, np.abs(weighted), np.maximum(-weighted, 0.0))  # nobody falls, and who is final stays
    return np.asarray((late + early + moved + _uneven(groups, weighted, final, still)) / scale)


def _uneven(groups: WaterGroups, weighted: FloatArray, final: BoolArray, still: BoolArray) -> FloatArray:
    """(J,) what jobs of fair groups that still rise have less than the best off of their group, by weight."""
    fair = ~final & ~groups.queued
    even = np.where(fair, weighted / np.where(groups.weight > 0, groups.weight, 1.0), 0.0)
    best = np.zeros(len(groups.share))
    np.maximum.at(best, groups.member[fair], even[fair])
    return np.where(fair & still, (best[groups.member] - even) * groups.weight, 0.0)


def _behind(groups: WaterGroups, still: BoolArray) -> BoolArray:
    """(J,) jobs of a queue that stand behind one that is still rising."""
    head = np.full(len(groups.share), np.inf)
    line = still & groups.queued
    np.minimum.at(head, groups.member[line], groups.place[line])
    return np.asarray(groups.queued & (groups.place > head[groups.member]))


def check_levels(
    space: AllocationSpace,
    x: FloatArray,
    reference: FloatArray,
    scale: FloatArray,
    groups: WaterGroups,
    rounds: Sequence[Round],
) -> tuple[Check, ...]:
    """Whether ``x`` reaches the levels of the last round, whether the rounds prove that no level could be higher, and
    whether their prices are those of ``x``."""
    referee = Referee(space, reference, scale, groups, x)
    for record in rounds:
        referee.take(record)
    return referee.checks(space.rate(x))
