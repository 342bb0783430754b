"""Both sides of every price of very many jobs: the least and the greatest among all price vectors that prove the optimum.

Prices y prove the optimum V of a market (see ``market``) up to a slack where

    a sum      C.y + sum_i w_i <= V + slack,            w_i >= A_ij - s_i y_j,  w >= 0
    a minimum  C.y - sum_i (lam_i q_i - w_i) <= slack,  lam_i A_ij - w_i <= s_i y_j,  w, lam >= 0,  sum_i lam_i q'_i = 1

with q_i the throughput that the optimal level needs and q'_i its rise with the level. Near the known prices nearly every job
keeps its types, and then its term is linear in y: only the few that may change within a box have variables of their own.

    1. solve the small program for an end of the face of one price
    2. prices at an edge of the box: the box was too small; again with a wider one
    3. one pass over all jobs at the prices found: who stands better on other types than presumed joins the few; again from 1

Presuming too little only widens the face, and the pass of step 3 proves that its end is on it, so the end is exact.

A power mean with p < 1 has one price vector wherever jobs between two types bend its dual function in every direction.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
from scipy import optimize, sparse

from gavelopt.engine.prices.assemble import TYPE_BITS, points_of
from gavelopt.engine.prices.crowd import set_aside
from gavelopt.engine.prices.market import Crowd, Market, look_at, place
from gavelopt.engine.prices.newton import scale_of
from gavelopt.model.arrays import BoolArray, FloatArray, IntArray

SLACK = 1e-9  # of what all capacity is worth
WIDEST_FIRST, NEAR_JOBS = 1e-3, 3.0  # relative half-width of the first box: at most, and times the number of jobs
WIDER, WIDEST = 8.0, 1e8
EDGE = 1e-6  # of the box
AT_ONCE = 300  # jobs that join the few in one round, the worst ones first
MOST_ROUNDS, MOST_FEW = 60, 2_000  # beyond, very many jobs stand at one tie, and the program is not small
FLAT = 1e-6  # of the largest curvature: what counts as none
MOST_STEPS, CLOSED = 20, 1e-10  # towards the optimal level; relative


@dataclass(frozen=True, eq=False)
class Face:
    """The face around prices (R,) at a level: who stands where there, a box (R,), and the few (n,) rows that may change."""

    market: Market
    price: FloatArray
    level: float
    standing: IntArray  # (K,) code of the types of each job at ``price``
    box: FloatArray
    few: IntArray = field(default_factory=lambda: np.zeros(0, dtype=np.int64))

    @property
    def minimum(self) -> bool:
        return self.market.power == -np.inf


def price_ends(market: Market, price: FloatArray, level: float) -> FloatArray | None:
    """(R, 2) least and greatest of each price at the optimum, in the market's units (of a level for a minimum).

    price, level: nearly an optimum of a sum or a minimum. None where the small program would not be small, or fails.
    """
    if market.power == -np.inf:
        slope = look_at(market, None, price, level, np.zeros_like(price)).slope
        if slope <= 0.0:
            return None
        price = price / slope
    face = _optimal(_face(market, price, level, _first_box(market)))
    ends = np.zeros((market.types, 2))
    for kind in range(market.types):
        for side, sign in enumerate((1.0, -1.0)):
            cost = np.zeros(market.types)
            cost[kind] = sign
            found, face = (None, face) if face is None else _end(face, cost)
            if found is None:
                return None
            ends[kind, side] = found[kind]
    return ends


def strictly_convex(market: Market, price: FloatArray, scarce: BoolArray) -> bool:
    """Whether the dual function of a power mean bends upwards in every direction of the ``scarce`` (R,) types at prices, so
    that no others are optimal."""
    still = np.zeros_like(price)
    scale = scale_of(market, price, np.full(market.types, 1e-300))
    bent = look_at(market, None, price, 0.0, still).jacobian * np.outer(scale, scale)
    ends = np.linalg.eigvalsh(bent[np.ix_(scarce, scarce)])
    return len(ends) == 0 or bool(ends[0] > FLAT * ends[-1])


def _optimal(face: Face) -> Face | None:
    """The face around exactly optimal prices, of a minimum at exactly the optimal level."""
    for _ in range(MOST_STEPS):
        found, learnt = _end(face, None)
        if found is None or learnt is None:
            return None
        level, look = face.level, look_at(face.market, None, found, face.level, np.zeros_like(found))
        if face.minimum:
            if look.slope <= 0.0:
                return None
            level += (float(face.market.capacity @ found) - look.total) / look.slope
            found = found / look.slope
        closed = abs(level - face.level) <= CLOSED * level
        face = replace(_face(face.market, found, level, _first_box(face.market)), few=learnt.few)
        if closed:
            return face
    return None


def _first_box(market: Market) -> float:
    return min(WIDEST_FIRST, NEAR_JOBS / max(market.jobs, 1))


def _face(market: Market, price: FloatArray, level: float, relative: float) -> Face:
    floor = np.full(market.types, 1e-300)
    box = relative * scale_of(market, price, floor)
    _, crowd, _ = set_aside(Crowd(market, market.capacity), price, level, box)
    few = crowd.listed()
    return Face(market, price, level, _standing(market, price, level), box, few[:: -(-len(few) // AT_ONCE) or 1])


def _standing(market: Market, price: FloatArray, level: float) -> IntArray:
    """(K,) a code of the types that each job uses at prices."""
    if market.power == 1.0:
        mark = np.zeros(market.jobs, dtype=np.uint8)
        look_at(market, None, price, level, np.zeros_like(price), mark)
        return (mark & TYPE_BITS).astype(np.int64)
    at = place(market, None, price, level)
    return at.a.astype(np.int64) * (market.types + 1) + at.b


def _end(face: Face, cost: FloatArray | None) -> tuple[FloatArray | None, Face]:
    """(prices (R,) at the end of the face where cost.y is least, or the best prices where cost is None; None where there is
    none; the face with what was learnt)."""
    relative = float((face.box / scale_of(face.market, face.price, np.full(len(face.price), 1e-300))).max())
    for _ in range(MOST_ROUNDS):
        found = _solved(face, cost)
        if found is None:
            break
        off = np.abs(found - face.price) >= (1.0 - EDGE) * face.box
        if bool((off & (found > 0.0)).any()):
            relative *= WIDER
            face = _face(face.market, face.price, face.level, relative)
            if relative > WIDEST:
                break
            continue
        more = _better_elsewhere(face, found)
        if not len(more):
            return found, face
        face = replace(face, few=np.union1d(face.few, more))
        if len(face.few) > MOST_FEW:
            break
    return None, face


def _better_elsewhere(face: Face, price: FloatArray) -> IntArray:
    """(n,) jobs apart from the few that stand better at prices on other types than those presumed, by more than rounding."""
    market = face.market
    apart = _standing(market, price, face.level) != face.standing
    apart[face.few] = False
    rows = np.flatnonzero(apart)
    constant, demand, _ = _presumed(face, rows)
    there = demand @ price - constant
    if face.minimum:
        at = place(market, rows, price, face.level)
        paid = np.append(price, 0.0)
        here = market.use[rows] * ((1.0 - at.share) * paid[at.a] + at.share * paid[at.b])
    else:
        here = -np.maximum((points_of(market, rows) - market.use[rows, None] * price).max(axis=1, initial=0.0), 0.0)
    worse = there - here
    worst = np.argsort(-worse)[:AT_ONCE]
    return np.asarray(rows[worst[worse[worst] > SLACK * float(market.capacity @ face.price) / market.jobs]])


def _presumed(face: Face, rows: IntArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """((n,) profit without prices, (n, R) demand, (n, R) its rise with the level) of jobs on the types presumed."""
    market, types = face.market, face.market.types
    demand, drift = np.zeros((len(rows), types + 1)), np.zeros((len(rows), types + 1))
    point = np.append(points_of(market, rows), np.zeros((len(rows), 1)), axis=1)
    each, use, code = np.arange(len(rows)), market.use[rows], face.standing[rows]
    if not face.minimum:
        demand[each, code] = use
        return point[each, code], demand[:, :-1], drift[:, :-1]
    a, b = code // (types + 1), code % (types + 1)
    need, rise = _needs(face, rows)
    run = point[each, b] - point[each, a]
    safe = np.where(run > 0, run, 1.0)
    share = np.where(run > 0, (need - point[each, a]) / safe, 0.0)
    demand[each, a] += use * (1.0 - share)
    demand[each, b] += use * share
    turn = np.where(run > 0, use * rise / safe, 0.0)
    drift[each, a] -= turn
    drift[each, b] += turn
    return np.zeros(len(rows)), demand[:, :-1], drift[:, :-1]


def _needs(face: Face, rows: IntArray) -> tuple[FloatArray, FloatArray]:
    """((n,) throughput that the level needs, (n,) its rise with the level)."""
    market = face.market
    offset = market.offset[rows] if len(market.offset) else np.zeros(len(rows))
    bend = market.bend[rows] if len(market.bend) else np.zeros(len(rows))
    rest, on = 1.0 - bend * face.level, face.level > offset
    return np.where(on, (face.level - offset) / rest, 0.0), np.where(on, (1.0 - bend * offset) / rest**2, 0.0)


def _solved(face: Face, cost: FloatArray | None) -> FloatArray | None:
    """(R,) prices of the small program; None where the solver fails. cost None: the least left side of the first line above."""
    matrix, upper = _inequalities(face)
    row, most, equal = _first_line(face)
    more = len(row) - face.market.types
    goal = row
    if cost is not None:
        matrix, upper = sparse.vstack([matrix, row[None, :]]), np.append(upper, most)
        goal = np.append(cost, np.zeros(more))
    low, high = np.maximum(face.price - face.box, 0.0), face.price + face.box
    done = optimize.linprog(
        goal,
        sparse.csr_array(matrix),
        upper,
        None if equal is None else equal[None, :],
        None if equal is None else np.ones(1),
        [*zip(low, high, strict=True), *[(0.0, None)] * more],
        method="highs",
        options={"primal_feasibility_tolerance": 1e-10, "dual_feasibility_tolerance": 1e-10},
    )
    return np.asarray(done.x[: face.market.types]) if done.status == 0 else None


def _inequalities(face: Face) -> tuple[sparse.csr_array, FloatArray]:
    """(matrix, right sides) over (y, w) or (y, w, lam): what covers every type of each of the few."""
    market, few = face.market, face.few
    point = points_of(market, few)
    row, column = np.nonzero(point > 0)
    cells, size = np.arange(len(row)), len(few)
    toll = sparse.csr_array((-market.use[few][row], (cells, column)), shape=(len(row), market.types))
    own = sparse.csr_array((-np.ones(len(row)), (cells, row)), shape=(len(row), size))
    if not face.minimum:
        return sparse.csr_array(sparse.hstack([toll, own])), -point[row, column]
    worth = sparse.csr_array((point[row, column], (cells, row)), shape=(len(row), size))
    return sparse.csr_array(sparse.hstack([toll, own, worth])), np.zeros(len(row))


def _first_line(face: Face) -> tuple[FloatArray, float, FloatArray | None]:
    """(left side, most) of the first line above, everybody else's terms as they stand; for a minimum also what sums to 1."""
    market, few = face.market, face.few
    everyone = look_at(market, None, face.price, face.level, np.zeros_like(face.price))
    constant, demand, drift = _presumed(face, few)
    left = market.capacity - (everyone.demand - demand.sum(axis=0))
    worth = float(market.capacity @ face.price)
    if not face.minimum:
        paid = float(face.price @ everyone.demand) - float(constant.sum())
        return np.append(left, np.ones(len(few))), worth - paid + SLACK * worth, None
    need, rise = _needs(face, few)
    whole = np.concatenate([everyone.drift - drift.sum(axis=0), np.zeros(len(few)), rise])
    return np.concatenate([left, np.ones(len(few)), -need]), SLACK * worth, whole
