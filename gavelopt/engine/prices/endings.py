"""The last step of a round: the exact finish, made into a plan of all jobs, with its value and a proof."""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np

from gavelopt.engine.prices.blend import blend
from gavelopt.engine.prices.choices import UNDECIDED
from gavelopt.engine.prices.crowd import TYPE_BITS, set_aside
from gavelopt.engine.prices.finish import Finished, OpenJobs, Smooth, finish, open_bases, open_choices
from gavelopt.engine.prices.market import Crowd, Look, MarkArray, Market, Placement, place
from gavelopt.engine.prices.newton import Point, bound_of, scale_of
from gavelopt.engine.prices.outcome import (
    Outcome,
    Proof,
    after_cut,
    least_utility,
    proof_at,
    sum_of_utilities,
)
from gavelopt.engine.prices.plan import Plan
from gavelopt.model.arrays import FloatArray, IntArray

NEAR_MOVES = 20  # moves per type that the finish gets, at least
WIDER = 8.0  # times the box, where the finish could not keep the capacities
FULL = 1e-9  # of a capacity: what may be missing without widening
LEVEL_ROOM = 0.01  # relative change of the level that the finish may make
MOST_MOVES = 3_000  # more are a tie of many jobs of one kind, and are blended
BLENDED, PLACEMENTS = 0.2, 60  # of the goal; placements
NOTHING = np.zeros(0)


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


def near_box(market: Market, point: Point, floor: FloatArray) -> FloatArray:
    """(R,) box around a point in which some NEAR_MOVES moves a type are near."""
    events = max(point.look.events, 1)
    width = max(4.0 * point.step, point.bandwidth * max(1.0, NEAR_MOVES * market.types / events))
    return np.asarray(min(width, 1.0) * scale_of(market, point.price, floor))


def end(this: Round, point: Point) -> Outcome:
    """The outcome of a round whose prices are ``point``. Raises OutOfTime, or SolverError with HiGHS's words."""
    return _end_choices(this, point) if this.crowd.market.power == 1.0 else _end_hulls(this, point)


def _end_choices(this: Round, point: Point) -> Outcome:
    market, few = this.crowd.market, this.few
    box = near_box(market, point, this.floor)
    while True:
        look, last, near = set_aside(few, point.price, point.level, box)
        now = (near & TYPE_BITS).astype(np.int64)
        jobs = open_choices(market, last.listed(), now[(near & UNDECIDED) > 0], point.price, box)
        done = finish(jobs, this.crowd.capacity - look.demand, point.price, box, None, _left(this))
        if last.size == few.size or not _short(done, market):
            break
        box = WIDER * box
    rows = few.listed()
    before = (this.mark[rows] & TYPE_BITS).astype(np.int64)
    own, points = jobs.moved(done.amount), market.table[jobs.rows] * market.gain[jobs.rows, None]
    value = this.look.total + float(this.look.price @ this.look.demand)
    value += _taken(market, rows, now) - _taken(market, rows, before)
    value += float(((own - jobs.base[:, :-1]) * points).sum())
    demand = look.demand + jobs.use @ (own - jobs.base[:, :-1])
    cut = np.maximum(demand / market.capacity, 1.0)
    taken = (this.mark & TYPE_BITS).astype(np.int8)
    taken[rows] = now
    plan = Plan(taken, rows=jobs.rows, own=own, cut=cut)
    check = this.crowd.look(done.price, 0.0, np.zeros_like(done.price))
    proof = Proof(bound_of(this.crowd, check), done.price, 0.0, NOTHING, NOTHING)
    return Outcome(plan, value / float(cut.max()), proof, open_jobs=len(jobs.rows))


def _taken(market: Market, rows: IntArray, types: IntArray) -> float:
    """sum A_ia over the jobs ``rows`` on the given types (R: idle)."""
    busy = types < market.types
    at = rows[busy]
    return float(market.table[at, types[busy]] @ market.gain[at])


def _end_hulls(this: Round, point: Point) -> Outcome:
    market, few = this.crowd.market, this.few
    minimum = market.power == -np.inf
    if minimum:
        box = near_box(market, point, this.floor)
    else:
        box = max(4.0 * point.step, point.bandwidth) * scale_of(market, point.price, this.floor)
    while True:
        look, last, _ = set_aside(few, point.price, point.level, box)
        rows = last.listed()
        jobs = open_bases(market, rows, place(market, rows, point.price, point.level), point.price, box)
        if len(jobs.job) > MOST_MOVES:
            mixed = blend(few, point.price, point.level, this.box, BLENDED * this.goal, this.deadline, PLACEMENTS)
            return graded(market, few.listed(), mixed.own, mixed.price, mixed.level)
        unit = 1.0 / look.slope if minimum and look.slope > 0 else 1.0
        smooth = _level_term(market, look, point) if minimum else _price_terms(last, point, box)
        done = finish(jobs, this.crowd.capacity - look.demand, point.price * unit, box * unit, smooth, _left(this))
        if last.size == few.size or not _short(done, market):
            break
        box = WIDER * box
    level = point.level + (float(done.along[0]) if minimum else 0.0)
    price = point.price if minimum else np.maximum(point.price + done.along, 0.0)
    need = place(market, rows, price, level).reach if minimum else None
    return graded(market, rows, _shares(market, jobs, done.amount, need), price, level)


def graded(market: Market, rows: IntArray, own: FloatArray, price: FloatArray, level: float) -> Outcome:
    """Everybody placed at prices and a level, but the jobs ``rows`` with shares (n, R) of their own; feasible, with a proof."""
    proof, everyone = proof_at(market, price, level)
    reach = (own * (market.table[rows] * market.gain[rows, None])).sum(axis=1)
    demand = everyone.demand + market.use[rows] @ (own - _standing(market, rows, everyone))
    cut = float(np.max(demand / market.capacity, initial=1.0))
    if market.power == -np.inf:
        value = least_utility(market, level, rows, reach, cut)
    else:
        moved = sum_of_utilities(market, rows, reach) - sum_of_utilities(market, rows, everyone.reach[rows])
        value = after_cut(market, everyone.utility + moved, cut)
    plan = Plan(everyone.a, everyone.b, everyone.share, rows, own, np.full(market.types, cut))
    return Outcome(plan, value, proof, open_jobs=len(rows))


def _level_term(market: Market, look: Look, point: Point) -> Smooth:
    """A change of the level: it is what is maximised, and costs the drift of demand."""
    room = LEVEL_ROOM * point.level
    up = max(min(market.ceiling - point.level, room), 0.0)
    return Smooth(look.drift[:, None], np.ones(1), np.array([-room]), np.array([up]))


def _price_terms(last: Crowd, point: Point, box: FloatArray) -> Smooth:
    """A change of the prices within the box: the smooth part of demand follows, and its use of capacity is maximised."""
    assert last.background is not None
    follow = -last.background.jacobian
    return Smooth(follow, follow @ point.price, np.maximum(-box, -point.price), box)


def _shares(market: Market, jobs: OpenJobs, amount: FloatArray, need: FloatArray | None) -> FloatArray:
    """(n, R) shares of the open jobs after their moves; first raised along their pieces to ``need`` (n,), where given."""
    shares = jobs.base.copy()
    if need is not None and len(need):
        points = np.append(market.table[jobs.rows] * market.gain[jobs.rows, None], np.zeros((len(need), 1)), axis=1)
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


def _standing(market: Market, rows: IntArray, everyone: Placement) -> FloatArray:
    """(n, R) shares of the jobs ``rows`` in the placement of everyone."""
    shares, each = np.zeros((len(rows), market.types + 1)), np.arange(len(rows))
    shares[each, everyone.a[rows]] += 1.0 - everyone.share[rows]
    shares[each, everyone.b[rows]] += everyone.share[rows]
    return shares[:, :-1]


def _short(done: Finished, market: Market) -> bool:
    return bool((done.over > FULL * market.capacity).any())


def _left(this: Round) -> float:
    return this.deadline - time.perf_counter()
