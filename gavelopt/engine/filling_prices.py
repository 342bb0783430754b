"""The bottlenecks of rising rates, by capacity prices.

Rates q can be had if and only if at all prices p >= 0 they cost no more than the capacity is worth (linear duality):

    K(q, p) = sum_i c_i(q_i; p)  <=  C.p,      c_i(q; p) the least cost of rate q within the job's time

With q = q(water), prices at which q is too dear so give a height that the water cannot pass, and the least such height is
the bottleneck. It is approached from above: lower the water to what the prices allow, raise K(q, .) there, and so on.
K(q, .) is raised step by step (``filling_box``) over prices of the types that seem scarce; once q is not too dear at any of
them, what these types leave over must be had on the others, in the time that is left: the same question again, about fewer
types. Its answer is either where everybody runs, or prices of further types.

Whoever pays at a bottleneck is settled there, place and all, and so are the types with a price, for they are full. The next
bottleneck is that of the others on the types that are left.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np

from gavelopt.engine.filling_box import step
from gavelopt.engine.filling_content import contented
from gavelopt.engine.filling_hulls import Crowd, cut_at, worth_at
from gavelopt.engine.filling_path import Bottleneck, Cut, Rates, rising_root
from gavelopt.engine.problem import OutOfTime
from gavelopt.errors import SolverError
from gavelopt.judge.faces import Face
from gavelopt.model.arrays import BoolArray, FloatArray, IntArray
from gavelopt.model.space import AllocationSpace

OPEN = 250  # jobs with a choice in one program, at first
MOST = 2000  # and at last
GROWN = 2.0  # times as many, after a step that ended at the edge of its box
LADDER = 8  # from sample to sample
STEPS = 100
FEASIBLE = 1e-12  # relative excess that is rounding
PLACE = 1e-11  # of a job's time: less on a type is rounding
LEFT = 1e-12  # of a capacity: what is left at least, so that a type that is full by chance can have a price
NOTHING = 1e-14  # time or rate that is rounding


class Prices:
    """The bottlenecks of a plain space, one after the other; jobs are its rows, at rates per unit of their time."""

    def __init__(self, space: AllocationSpace, deadline: float) -> None:
        grid = space.plain
        assert grid is not None
        self.face = Face(space)
        self.speed = np.where(grid.usable & (space.capacity > 0), grid.table, 0.0)
        self.use, self.time, self.deadline = grid.use * space.time, space.time, deadline
        self.capacity = np.maximum(space.capacity, 0.0)
        self.x = np.zeros(self.speed.shape)  # of the jobs that are settled
        self.settled = np.zeros(len(self.speed), dtype=bool)
        self.rate = np.zeros(len(self.speed))
        self.full = np.zeros(len(self.capacity), dtype=bool)

    def bottleneck(self, rates: Rates, end: float) -> Bottleneck:
        """Where rates meet the capacities, as the water rises up to ``end``. Raises OutOfTime, or SolverError."""
        rows, types = np.flatnonzero(~self.settled), np.flatnonzero(~self.full)
        crowd = Crowd(self.speed[np.ix_(rows, types)], self.use[rows], self.capacity[types], np.zeros(len(rows)))

        def mine(water: float) -> FloatArray:
            return (rates(water) / self.time)[rows]

        if not (crowd.capacity > 0).any() and not mine(end).any():  # nothing is left, and nobody left wants any
            return Bottleneck(end, None, (self.x * self.time[:, None]).ravel(), 0)
        search = Search(self.deadline)
        price = np.where(crowd.capacity > 0, crowd.average, 0.0)
        for some in _ladder(len(rows)):
            price = search.descend(crowd.sample(some, mine(end)), _of(mine, some), end, price)[0]
        _, water, cut, found = search.descend(crowd, mine, end, price)
        if found is None:
            raise SolverError("water filling: levels that had been reached seem out of reach")
        x = self.x.copy()
        x[np.ix_(rows, types)] = found
        cut = cut and self._settle(crowd, mine(water), cut, x, rows, types)
        return Bottleneck(water, cut, (x * self.time[:, None]).ravel(), search.programs)

    def _settle(self, crowd: Crowd, rate: FloatArray, cut: Cut, x: FloatArray, rows: IntArray, types: IntArray) -> Cut:
        """The cut for all jobs and types; whoever pays in it keeps its place from now on, and types with a price are full."""
        price, worth = np.zeros(len(self.full)), np.zeros(len(self.settled))
        self.rate[rows] = rate
        price[types] = cut.prices
        worth[rows] = worth_at(crowd, rate, cut.prices)
        paying = rows[worth[rows] > 0]
        if self.settled.any():
            price, worth[self.settled] = self._followed(price)
        self.x[paying] = np.where(x[paying] > PLACE, x[paying], 0.0)
        self.settled[paying] = True
        left = self.capacity - self.use[paying] @ self.x[paying]
        self.capacity = np.maximum(left, LEFT * self.capacity)
        self.full[types] = cut.prices > 0
        found = Cut(price, worth / self.time, None, cut.bound, worth > 0)
        self.face.bounded(price, found.worth, self.rate * self.time)
        return found

    def _followed(self, price: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Prices of full types, of any sign, at which all who are settled are content where they are, and what a unit of
        rate is worth to these."""
        rows = np.flatnonzero(self.settled)
        x, may = self.x[rows], self.face.may[rows]
        speed = np.hstack([self.speed[rows], np.zeros((len(rows), 1))])
        on = (np.hstack([x, 1.0 - x.sum(axis=1, keepdims=True)]) > PLACE) & may  # else a solver's tolerance
        return contented(price, self.full, speed, self.use[rows], on, may)


def _of(rates: Rates, rows: IntArray) -> Rates:
    return lambda water: rates(water)[rows]


def _lowered(crowd: Crowd, rates: Rates, water: float, price: FloatArray) -> tuple[float, Cut | None]:
    """The water up to which prices (R,) let rates rise, with the cut that says so; None where they do not say so."""

    def excess(height: float) -> float:
        rate = rates(height)
        return cut_at(crowd, rate, price).excess(rate)

    cut = cut_at(crowd, rates(water), price)
    nothing = FEASIBLE * max(1.0, cut.bound)
    if cut.excess(rates(water)) <= nothing:
        return water, None
    least = excess(0.0)
    if least > nothing:
        return water, None
    lower = rising_root(excess, water) if least < 0.0 else 0.0
    return lower, cut_at(crowd, rates(lower), price)


def _ladder(jobs: int) -> list[IntArray]:
    """Samples of growing size, each of one job out of every so many."""
    draws = np.random.default_rng(0)
    sizes: list[int] = []
    while jobs > 2 * OPEN * LADDER ** len(sizes):
        sizes.append(OPEN * LADDER ** len(sizes))
    return [((np.arange(size) + draws.random(size)) * (jobs / size)).astype(np.int64) for size in sizes]


@dataclass
class Search:
    """The search for one bottleneck: linear programs so far, jobs with a choice in the next one."""

    deadline: float
    programs: int = 0
    most: int = OPEN

    def descend(
        self, crowd: Crowd, rates: Rates, water: float, price: FloatArray
    ) -> tuple[FloatArray, float, Cut | None, FloatArray | None]:
        """The bottleneck from above; rates of one unit of time.

        Returns the last prices (R,), the water, the cut that it ran into, and x (K, R) there, None where the rates
        cannot be had without any water.
        """
        price = price / float(price @ crowd.capacity)
        water, cut = _lowered(crowd, rates, water, price)
        while True:
            price, x = self.fit(crowd, rates(water), price)
            if x is not None:
                return price, water, cut, x
            water, found = _lowered(crowd, rates, water, price)
            if found is None:  # a sample with less than its part of what everybody keeps
                return price, water, cut, None
            cut = found

    def fit(self, crowd: Crowd, rate: FloatArray, price: FloatArray) -> tuple[FloatArray, FloatArray | None]:
        """x (K, R) that gives rates (K,), or None where these are too dear at the prices (R,) returned with it."""
        content = True
        for _ in range(STEPS):
            if time.perf_counter() > self.deadline:
                raise OutOfTime("water filling reached its time limit")
            scarce = price > 0 if len(rate) > self.most else np.ones(len(price), dtype=bool)
            found = step(crowd.only(scarce), rate, price[scarce], self._seconds, self.most, content)
            self.programs += found.programs
            self.most = max(self.most // 2, OPEN) if found.inside else min(int(GROWN * self.most), MOST)
            before, price = price, np.zeros(len(scarce))
            price[scarce] = found.price
            if not found.inside and found.programs:
                price = _farther(crowd, rate, before, price)
            if _excess(crowd, rate, price) > FEASIBLE:
                return price, None
            settled = found.inside and bool((price[scarce] > 0).all())
            if not (settled or found.factor <= 1.0 + FEASIBLE):
                continue
            content = False
            further, x = self._with_rest(crowd, rate, found.x, scarce)
            if x is not None:
                return price, x
            if settled:
                price = _mixed(crowd, rate, price, further)
                if _excess(crowd, rate, price) > FEASIBLE:
                    return price, None
        raise SolverError("water filling: the prices of a bottleneck do not settle")

    @property
    def _seconds(self) -> float:
        return self.deadline - time.perf_counter()

    def _with_rest(
        self, crowd: Crowd, rate: FloatArray, taken: FloatArray, scarce: BoolArray
    ) -> tuple[FloatArray, FloatArray | None]:
        """As ``fit``: what the scarce types, of which ``taken`` (K, S) is used, leave over of ``rate`` on the others."""
        x, price = np.zeros(crowd.speed.shape), np.zeros(len(scarce))
        x[:, scarce] = taken
        hours = 1.0 - x.sum(axis=1)
        lack = rate - np.einsum("kr,kr->k", crowd.speed, x)
        speed = crowd.speed[:, ~scarce]
        rows = np.flatnonzero((hours > NOTHING) & (lack > NOTHING * rate) & (speed.max(axis=1, initial=0.0) > 0))
        if len(rows):
            need = np.minimum(lack[rows] / hours[rows], speed[rows].max(axis=1))
            part = Crowd(speed[rows], crowd.use[rows] * hours[rows], crowd.capacity[~scarce], np.zeros(len(rows)))
            price[~scarce], found = self.fit(part, need, self._first(part, need))
            if found is None:
                return price, None
            x[np.ix_(rows, ~scarce)] = found * hours[rows, None]
        return price, x

    def _first(self, crowd: Crowd, rate: FloatArray) -> FloatArray:
        """Prices (R,) that make rates (K,) of a sample dear."""
        even = np.where(crowd.capacity > 0, crowd.average, 0.0)
        if len(rate) <= OPEN:
            return even
        rows = np.linspace(0, len(rate) - 1, OPEN).astype(np.int64)
        price = self.fit(crowd.sample(rows, rate), rate[rows], even)[0]
        return price / float(price @ crowd.capacity)


def _excess(crowd: Crowd, rate: FloatArray, price: FloatArray) -> float:
    """What the rates cost beyond the worth of all capacity, relative to what is compared."""
    cut = cut_at(crowd, rate, price)
    return cut.excess(rate) / max(1.0, cut.bound)


def _farther(crowd: Crowd, rate: FloatArray, before: FloatArray, price: FloatArray) -> FloatArray:
    """Prices on the ray from ``before`` through ``price``, as far as the rates grow dearer."""
    way, far = price - before, 1.0
    falls = way < 0
    edge = float((before[falls] / -way[falls]).min()) if falls.any() else np.inf
    best = cut_at(crowd, rate, price).excess(rate)
    while 2.0 * far <= edge:
        farther = before + 2.0 * far * way
        new = cut_at(crowd, rate, farther).excess(rate)
        if new <= best:
            break
        price, best, far = farther, new, 2.0 * far
    return price


def _mixed(crowd: Crowd, rate: FloatArray, price: FloatArray, further: FloatArray) -> FloatArray:
    """Prices with a part of ``further`` in them, as much as makes the rates dearest."""
    parts = 4.0 ** -np.arange(16)
    tried = [(price + part * further) / (1.0 + part) for part in parts]
    return np.asarray(tried[int(np.argmax([_excess(crowd, rate, each) for each in tried]))])
