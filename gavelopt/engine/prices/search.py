"""From a market to an allocation with a proof: sample, set aside, Newton, exact finish, one verifying pass.

1. A sample gives prices and a box around them, one step on all jobs a narrower one (``start``).
2. One pass over all jobs at those prices sets aside every job that keeps its choice within the box; those left are a market
   of their own, a few per cent of the size, with the others as a linear background (``crowd``).
3. Newton on that small crowd, which shrinks the same way; the jobs still near a tie go to the exact finish (``endings``).
4. One pass at the resulting prices proves the bound; the plan has the value. Where the gap is still open the box was too
   narrow, or (where utilities bend) the background too far from linear: again from step 2, nearer by then.
Where Newton's method does not clear the market, very many jobs move together at one price: that is left to ``blended``.
"""

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np

from gavelopt.engine.prices.crowd import set_aside
from gavelopt.engine.prices.endings import Round, end, end_blended, end_within, near_box
from gavelopt.engine.prices.market import Crowd, Market
from gavelopt.engine.prices.newton import Point, scale_of, solve_prices
from gavelopt.engine.prices.outcome import Outcome
from gavelopt.engine.prices.start import FIRST_SAMPLE, LOWEST, Start, first_prices, locate, sampled
from gavelopt.model.arrays import FloatArray

ROUNDS = 20
TIED = 0.05  # of capacity: excess that Newton's method leaves only where very many jobs stand at one tie
LINEAR = 1e-3  # relative change of prices over which bent utilities count as linear
CURVED = 0.1  # of such a change: the error it leaves, at most
EDGE, WIDER, ELSEWHERE = 0.999, 4.0, 2.0  # prices at the edge of their box: the next one is wider, there and elsewhere
AGAIN = 0.3  # of the move of prices in a round that did not close the gap: the next box, at least
SMALL = 2_000  # jobs: fewer are not worth setting aside
SHRINKS = 0.7
CLEARED = 1e-9  # of capacity, at which demand counts as cleared
FINEST = 1e-5  # bandwidth to which the prices of a power mean are cleared before the finish
FEW_LOOKS, MANY_LOOKS = 4, 40
PLACEMENTS = 300  # of a blend of all jobs


class Tied(Exception):
    """Newton's method could not clear the market: very many jobs move together at one price."""


def search(
    market: Market, goal: float, *, seed: int = 0, deadline: float = np.inf, start: Start | None = None
) -> tuple[Outcome | None, Start]:
    """Solve the market to a certified relative gap of ``goal``, or as near as ROUNDS rounds and the deadline allow.

    start: where to begin, instead of at a sample. Returns the outcome (None where no round came to an end) and the last place.
    """
    at = start or locate(market, seed)
    crowd = Crowd(market, market.capacity)
    best: Outcome | None = None
    for rounds in range(1, ROUNDS + 1):
        try:
            found, at = _round(crowd, at, goal, deadline, last=rounds == ROUNDS)
        except Tied:
            break
        best = best if found is None else replace(found.better(best), rounds=rounds)
        if (best is not None and best.gap(market) <= goal) or time.perf_counter() > deadline:
            break
    return best, at


def nearby(market: Market, at: Start, goal: float, deadline: float) -> Outcome | None:
    """The exact finish at prices that are thought to be very near, and for a power mean, whose finish is linear in the prices,
    once more at those that it found. None where too many jobs are open. Raises as ``end``."""
    crowd, best = Crowd(market, market.capacity), None
    for _ in range(1 if market.power in (1.0, -np.inf) else 2):
        look, few, mark = set_aside(crowd, at.price, at.level, at.box)
        if few.size > SMALL:
            return best
        this = Round(crowd, few, look, at.box, mark, at.floor, goal, deadline)
        found = end_within(this, at.price, at.level, at.box)
        best = best if found is None else found.better(best)
        if found is None or found.gap(market) <= goal:
            return best
        at = replace(at, price=found.proof.price, level=found.proof.level)
    return best


def _round(crowd: Crowd, at: Start, goal: float, deadline: float, last: bool) -> tuple[Outcome | None, Start]:
    """One round: what it found (None where it only came nearer), and where the next one begins."""
    market = crowd.market
    look, few, mark = set_aside(crowd, at.price, at.level, at.box)
    point = _descend(few, at)
    scale = scale_of(market, point.price, at.floor)
    moved = np.abs(point.price - at.price)
    escaped = moved >= EDGE * at.box
    if not point.residual <= TIED and (last or not escaped.any()):
        raise Tied
    relative = float((moved / scale).max())
    near = near_box(market, point, at.floor)
    if not last and (escaped.any() or (market.power != 1.0 and relative > LINEAR)):
        box = np.where(escaped, WIDER, ELSEWHERE) * at.box if escaped.any() else CURVED * relative * scale
        return None, Start(point.price, point.level, np.maximum(box, near), at.floor)
    found = end(Round(crowd, few, look, at.box, mark, at.floor, goal, deadline), point)
    box = 2.0 * np.maximum(np.maximum(moved, near), AGAIN * relative * scale)
    return found, Start(point.price, point.level, box, at.floor)


def _descend(few: Crowd, at: Start) -> Point:
    """Newton on a crowd that shrinks: after a few looks those that are decided by now are set aside as well."""
    market = few.market
    bandwidth = float(np.clip((at.box / scale_of(market, at.price, at.floor)).max(), CLEARED, 0.3))
    finest = 1.0 if market.power in (1.0, -np.inf) else max(FINEST, 0.01 * bandwidth)
    price, level, looks = at.price, at.level, FEW_LOOKS
    low, high = np.maximum(at.price - at.box, 0.0), at.price + at.box
    while True:
        looks = MANY_LOOKS if few.size <= SMALL else looks
        point = solve_prices(
            few, price, level, at.floor,
            bandwidth=bandwidth, enough=CLEARED, fewest=4 * market.types, finest=finest, looks=looks, low=low, high=high,
        )  # fmt: skip
        if point.looks < looks or looks == MANY_LOOKS:
            return point
        price, level, bandwidth = point.price, point.level, point.bandwidth
        _, fewer, _ = set_aside(few, price, level, near_box(market, point, at.floor))
        if fewer.size > SHRINKS * few.size:
            looks = MANY_LOOKS
        else:
            few = fewer


def blended(market: Market, goal: float, *, seed: int = 0, deadline: float = np.inf) -> Outcome:
    """Solve the market by a blend of placements at any prices, from those of a small sample on. Raises as HiGHS does."""
    crowd = Crowd(market, market.capacity)
    price, level = first_prices(sampled(market, FIRST_SAMPLE, np.random.default_rng(seed)))
    mark = np.zeros(market.jobs, dtype=np.uint8)
    look = crowd.look(price, level, np.zeros_like(price), mark)
    anywhere = np.full(market.types, np.inf)
    return end_blended(
        Round(crowd, crowd, look, anywhere, mark, LOWEST * price, goal, deadline), price, level, PLACEMENTS
    )


def box_around(market: Market, price: FloatArray, level: float, relative: float) -> Start:
    """A start at known prices with a box of the given relative half-width."""
    floor = np.full(len(price), CLEARED * float(price.max(initial=0.0)) + 1e-300)
    return Start(price, level, relative * scale_of(market, price, floor), floor)
