"""The last step of a round: who is left open goes to the exact finish, or, where a tie has very many jobs, to a blend."""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np

from gavelopt.engine.prices.assemble import TYPE_BITS, Choices, graded_hulls, points_of
from gavelopt.engine.prices.blend import blend
from gavelopt.engine.prices.choices import UNDECIDED, total_profit
from gavelopt.engine.prices.crowd import set_aside
from gavelopt.engine.prices.finish import Finished, Smooth, finish
from gavelopt.engine.prices.market import Crowd, Look, MarkArray, Market, place
from gavelopt.engine.prices.newton import Point, bound_of, excess, newton_step, scale_of
from gavelopt.engine.prices.openings import OpenJobs, open_bases, open_choices
from gavelopt.engine.prices.outcome import Outcome
from gavelopt.model.arrays import FloatArray

NEAR_MOVES = 20  # moves per type that the finish gets, at least
WIDER = 8.0  # times the box, where the finish could not keep the capacities
FULL = 1e-9  # of a capacity: what may be missing without widening
NEIGHBOURHOOD = 0.1  # of the box: how far from the Newton step the finish may take the prices of a power mean
LEVEL_ROOM = 0.01  # relative change of the level that the finish may make
MOST_MOVES = 3_000  # more are a tie of very many jobs, and are blended
BLENDED, PLACEMENTS = 0.2, 60  # of the goal; placements


@dataclass(frozen=True, eq=False)
class Round:
    """What a round has set aside: all jobs, the few that were left, the look at its centre, its box and marks; the goal."""

    crowd: Crowd
    few: Crowd
    look: Look
    box: FloatArray
    mark: MarkArray
    floor: FloatArray
    goal: float
    deadline: float

    @property
    def seconds_left(self) -> float:
        return self.deadline - time.perf_counter()

    def left_open(self, price: FloatArray, level: float, box: FloatArray) -> tuple[Look, Crowd, MarkArray]:
        """(look, crowd, marks) of whom a box leaves open among the few: all of them in the round's own box and centre."""
        if box is self.box and price is self.look.price and level == self.look.level:
            return self.look, self.few, self.mark[self.few.listed()]
        return set_aside(self.few, price, level, box)


def near_box(market: Market, point: Point, floor: FloatArray) -> FloatArray:
    """(R,) box around a point in which some NEAR_MOVES moves a type are near."""
    events = max(point.look.events, 1)
    width = max(4.0 * point.step, point.bandwidth * max(1.0, NEAR_MOVES * market.types / events))
    return np.asarray(min(width, 1.0) * scale_of(market, point.price, floor))


def end(this: Round, point: Point) -> Outcome:
    """The outcome of a round whose prices are ``point``. Raises OutOfTime, or SolverError with HiGHS's words."""
    market = this.crowd.market
    if market.power in (1.0, -np.inf):
        box = near_box(market, point, this.floor)
    else:
        box = max(4.0 * point.step, point.bandwidth) * scale_of(market, point.price, this.floor)
    return end_within(this, point.price, point.level, box) or end_blended(this, point.price, point.level, PLACEMENTS)


def end_within(this: Round, price: FloatArray, level: float, box: FloatArray) -> Outcome | None:
    """The exact finish of the jobs that a box around the prices leaves open; None where too many. Raises as ``end``."""
    return (_end_choices if this.crowd.market.power == 1.0 else _end_hulls)(this, price, level, box)


def end_blended(this: Round, price: FloatArray, level: float, most: int) -> Outcome:
    """A blend of at most ``most`` placements of the few at prices within the round's box. Raises as ``end`` does."""
    market, rows = this.crowd.market, this.few.listed()
    mixed = blend(this.few, price, level, this.box, BLENDED * this.goal, this.deadline, most)
    if market.power == 1.0:
        return Choices.at(market, this.look, this.mark).graded(
            rows, mixed.own, mixed.price, bound_of_sum(this, mixed.price)
        )
    return graded_hulls(market, rows, mixed.own, mixed.price, mixed.level)


def _end_choices(this: Round, price: FloatArray, level: float, box: FloatArray) -> Outcome | None:
    """The finish of a sum."""
    market, few = this.crowd.market, this.few
    while True:
        look, last, near = this.left_open(price, level, box)
        now = (near & TYPE_BITS).astype(np.int64)
        jobs = open_choices(market, last.listed(), now[(near & UNDECIDED) > 0], price, box)
        if len(jobs.job) > MOST_MOVES:
            return None
        done = finish(jobs, this.crowd.capacity - look.demand, price, box, None, this.seconds_left)
        if last.size == few.size or not _short(done, market):
            break
        box = WIDER * box
    choices = Choices.at(market, this.look, this.mark).changed(few.listed(), now)
    return choices.graded(jobs.rows, jobs.moved(done.amount), done.price, bound_of_sum(this, done.price))


def bound_of_sum(this: Round, price: FloatArray) -> float:
    """The bound that prices prove for a sum. Within the box of the round the profits of all who were set aside are linear in
    the prices, so that only the few are looked at again."""
    market = this.crowd.market
    if this.few.background is None or (np.abs(price - this.look.price) > this.box).any():
        return bound_of(this.crowd, this.crowd.look(price, 0.0, np.zeros_like(price)))
    few = market.table, market.gain, market.use, this.few.listed()
    before, now = total_profit(*few, this.look.price), total_profit(*few, price)
    paid = float(this.few.background.demand @ (price - this.look.price))
    return float(market.capacity @ price + (this.look.total - before) - paid + now)


def _end_hulls(this: Round, price: FloatArray, level: float, box: FloatArray) -> Outcome | None:
    """The finish of a minimum or a power mean."""
    market, few = this.crowd.market, this.few
    minimum = market.power == -np.inf
    while True:
        look, last, _ = this.left_open(price, level, box)
        rows = last.listed()
        jobs = open_bases(market, rows, place(market, rows, price, level), price, box)
        if len(jobs.job) > MOST_MOVES:
            return None
        unit = 1.0 / look.slope if minimum and look.slope > 0 else 1.0
        smooth = _level_term(market, look) if minimum else _price_terms(last, look, box, this.floor)
        left = this.crowd.capacity - look.demand
        done = finish(jobs, left, price * unit, box * unit, smooth, this.seconds_left)
        if last.size == few.size or not _short(done, market):
            break
        box = WIDER * box
    level = level + (float(done.along[0]) if minimum else 0.0)
    price = price if minimum else np.maximum(price + done.along, 0.0)
    need = place(market, rows, price, level).reach if minimum else None
    return graded_hulls(market, rows, _shares(market, jobs, done.amount, need), price, level)


def _level_term(market: Market, look: Look) -> Smooth:
    """A change of the level: it is what is maximised, and costs the drift of demand."""
    room = LEVEL_ROOM * look.level
    up = max(min(market.ceiling - look.level, room), 0.0)
    return Smooth(look.drift[:, None], np.ones(1), np.array([-room]), np.array([up]))


def _price_terms(last: Crowd, look: Look, box: FloatArray, floor: FloatArray) -> Smooth:
    """A change of the prices: the smooth part of demand follows, and its use of capacity is maximised.

    A linear program ends in a corner, so it gets only the neighbourhood of the Newton step for demand smoothed over the box:
    what bends between there and the corner is an error of the second order.
    """
    assert last.background is not None
    follow, scale = -last.background.jacobian, scale_of(last.market, look.price, floor)
    low, high = np.maximum(-box, -look.price), box
    left, _ = excess(last, look)
    step = newton_step(last, look, left, look.price, scale, 1.0, look.price + low, look.price + high)
    near = NEIGHBOURHOOD * box
    return Smooth(follow, follow @ look.price, np.maximum(step - near, low), np.minimum(step + near, high))


def _shares(market: Market, jobs: OpenJobs, amount: FloatArray, need: FloatArray | None) -> FloatArray:
    """(n, R) shares of the open jobs after their moves; first raised along their pieces to ``need`` (n,), where given."""
    shares = jobs.base.copy()
    if need is not None and len(need):
        points = np.append(points_of(market, jobs.rows), np.zeros((len(need), 1)), axis=1)
        each = np.arange(len(need))
        high = np.where(shares > 0, points, -1.0).argmax(axis=1)
        low = np.where(shares > 0, points, np.inf).argmin(axis=1)
        run = points[each, high] - points[each, low]
        by = np.where(run > 0, (need - (shares * points).sum(axis=1)) / np.where(run > 0, run, 1.0), 0.0)
        shares[each, high] += by
        shares[each, low] -= by
    np.add.at(shares, jobs.job, jobs.way * amount[:, None])
    own = np.clip(shares[:, :-1], 0.0, 1.0)
    return np.asarray(own / np.maximum(own.sum(axis=1, keepdims=True), 1.0))


def _short(done: Finished, market: Market) -> bool:
    return bool((done.over > FULL * market.capacity).any())
