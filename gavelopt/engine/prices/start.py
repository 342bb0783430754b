"""Where the search starts: a sample of the jobs, a first guess of its prices, and how far the whole crowd's prices may lie.

A small sample is solved by Newton's method; a larger one, and then all jobs, take one more step each (``stride``). A sample
takes one job at random out of each of n equal stretches of the list. Its clearing price p_n has the covariance
H^-1 V H^-1 of a root of  C - D(p) = 0  (H the Jacobian of demand, V the covariance of the sampled demand), which gives the
box in which the prices of the whole crowd lie but for rare luck.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gavelopt.engine.prices.market import Crowd, Look, Market
from gavelopt.engine.prices.newton import excess, newton_step, scale_of, solve_prices
from gavelopt.model.arrays import FloatArray

FIRST_SAMPLE = 4_000  # jobs
SECOND_SAMPLE = 32_000  # taken where the crowd is at least SMALL_PART times as large
SMALL_PART = 3
SIGMAS = 4.0
NARROWEST_BOX, WIDEST_BOX = 1e-7, 0.5  # relative to the price
LOWEST = 1e-9  # of the first price: what counts as no price at all
SMOOTHED = 0.15  # of the box: the bandwidth of that step's look; wider costs time, narrower leaves few moves to count
LEFT = 0.1  # what one Newton step is taken to leave of the error before it
RESUMED_BOX = 4e-3  # relative: how far a few jobs that come or go move the prices, at most
RESUMED_RATIO = 1e-3  # the same for a minimum, whose level takes up what moves all prices alike
RESUMED_BENT = 3e-4  # for a power mean, whose finish is linear in the prices
FINE = 1e-4  # relative error of the scale of such prices
FREE = 1e-30  # of a price: nothing costs anything
FIRST_EXCESS = 0.01  # of capacity, at which the first sample counts as solved


@dataclass(frozen=True, eq=False)
class Start:
    """Prices and level, the box half-width (R,) in which the answer should lie, the floor (R,) of prices."""

    price: FloatArray
    level: float
    box: FloatArray
    floor: FloatArray


def locate(market: Market, seed: int) -> Start:
    """Prices of growing samples, down to a box for the prices of all jobs."""
    draws = np.random.default_rng(seed)
    crowd = sampled(market, FIRST_SAMPLE, draws)
    price, level = first_prices(crowd)
    floor = LOWEST * price
    point = solve_prices(crowd, price, level, floor, enough=FIRST_EXCESS, fewest=2 * market.types)
    box = likely_box(crowd, point.look, floor, max(4.0 * point.step, point.bandwidth**2))
    at = Start(point.price, point.level, box, floor)
    if crowd.rows is None:
        return at
    if market.jobs >= SMALL_PART * SECOND_SAMPLE:
        at = stride(sampled(market, SECOND_SAMPLE, draws), at)
    return stride(Crowd(market, market.capacity), at)


def resumed(market: Market, price: FloatArray, level: float) -> Start:
    """A start at the prices and the level that cleared a market much like this one."""
    floor = np.full(market.types, LOWEST * float(price.max(initial=0.0)) + 1e-300)
    near = {1.0: RESUMED_BOX, -np.inf: RESUMED_RATIO}.get(market.power, RESUMED_BENT)
    return Start(price, min(level, market.ceiling), near * scale_of(market, price, floor), floor)


def rescaled(market: Market, at: Start) -> Start:
    """The same prices at the scale (a sum: as they are) and the level that suit this market."""
    crowd, price, level = Crowd(market, market.capacity), at.price, 0.0
    if market.power == -np.inf:
        price, level = _first_level(crowd, price, FINE)
    elif market.power != 1.0:
        price = _balanced(crowd, price, FINE)
    return Start(price, level, RESUMED_RATIO * scale_of(market, price, at.floor), at.floor)


def stride(crowd: Crowd, at: Start) -> Start:
    """One look at the crowd, one Newton step, and the box after it."""
    look = crowd.look(at.price, at.level, SMOOTHED * at.box)
    grad, up = excess(crowd, look)
    scale = scale_of(crowd.market, at.price, at.floor)
    step = newton_step(crowd, look, grad, at.price, scale, 1.0)
    before = max(float(np.abs(step / scale).max()), 0.5 * float((at.box / scale).max()))
    price = np.maximum(at.price + step, 0.0)
    return Start(price, at.level + up, likely_box(crowd, look, at.floor, LEFT * before, price), at.floor)


def sampled(market: Market, size: int, draws: np.random.Generator) -> Crowd:
    """``size`` jobs, one from each of as many equal stretches, with their part of the capacity; or all where fewer."""
    if size >= market.jobs:
        return Crowd(market, market.capacity)
    stretch = market.jobs / size
    rows = np.minimum((np.arange(size) + draws.random(size)) * stretch, market.jobs - 1).astype(np.int64)
    return Crowd(market, market.capacity * (size / market.jobs), rows)


def likely_box(
    crowd: Crowd, look: Look, floor: FloatArray, error: float, price: FloatArray | None = None
) -> FloatArray:
    """(R,) half-width around ``price``: the relative error of the root, and for a sample SIGMAS standard deviations."""
    scale = scale_of(crowd.market, look.price if price is None else price, floor)
    box = error * scale
    if crowd.rows is not None:
        jacobian = look.jacobian * np.outer(scale, scale)
        jacobian += np.diag(1e-3 * np.diag(jacobian) + 1e-3 * crowd.capacity * scale)  # a type nobody is near
        if crowd.market.power == -np.inf:
            normal = crowd.capacity * scale
            jacobian += np.outer(normal, normal) * (np.trace(jacobian) / float(normal @ normal))
        noise = np.diag(look.spread) - np.outer(look.demand, look.demand) / crowd.size
        half = np.linalg.solve(jacobian, scale[:, None] * noise * scale[None, :])
        variance = np.diag(np.linalg.solve(jacobian, half.T))
        box = np.maximum(box, SIGMAS * np.sqrt(np.maximum(variance, 0.0)) * scale)
    return np.asarray(np.clip(box, NARROWEST_BOX * scale, WIDEST_BOX * scale))


def first_prices(crowd: Crowd) -> tuple[FloatArray, float]:
    """Prices in proportion to the speed of the types, at the scale at which demand is about the capacity."""
    market = crowd.market
    rows = np.arange(market.jobs) if crowd.rows is None else crowd.rows
    points = market.table[rows] * market.gain[rows, None]
    live = points.max(axis=1) > 0
    points, rows = points[live], rows[live]
    if not len(rows):
        return np.ones(market.types), 0.0
    speed = np.maximum((points / points.max(axis=1, keepdims=True)).mean(axis=0), 1e-6)
    if market.power == 1.0:
        return speed * _marginal(points, market.use[rows], speed, float(crowd.capacity.sum())), 0.0
    if market.power == -np.inf:
        return _first_level(crowd, speed / float(market.capacity @ speed))
    return _balanced(crowd, speed), 0.0


def _marginal(points: FloatArray, use: FloatArray, speed: FloatArray, capacity: float) -> float:
    """Profit per accelerator, at prices ``speed``, of the last job for which there is room."""
    worth = (points / (use[:, None] * speed[None, :])).max(axis=1)
    order = np.argsort(-worth)
    last = min(int(np.searchsorted(np.cumsum(use[order]), capacity)), len(order) - 1)
    return float(worth[order[last]])


def _first_level(crowd: Crowd, price: FloatArray, enough: float = 0.01) -> tuple[FloatArray, float]:
    """The level that the capacity is worth at these prices: Newton on K(t, p) = C.p from a low level."""
    level, none = 0.01 * crowd.market.ceiling, np.zeros_like(price)
    for _ in range(10):
        look = crowd.look(price, level, none)
        up = excess(crowd, look)[1]
        level = min(max(level + up, 0.1 * level), crowd.market.ceiling)
        if abs(up) <= enough * level:
            break
    return price, level


def _balanced(crowd: Crowd, price: FloatArray, enough: float = 0.1) -> FloatArray:
    """The prices scaled until what the jobs spend, p.D, is what the capacity is worth, C.p. Where that is more than they can
    use at any price, until demand for the scarcest type is what there is of it."""
    none = np.zeros_like(price)

    def used(at: FloatArray) -> FloatArray:
        return np.asarray(crowd.look(at, 0.0, none).demand / crowd.capacity)

    worth = price * crowd.capacity / float(price @ crowd.capacity)
    spare = float(worth @ used(FREE * price)) < 1.0
    for _ in range(20):
        part = used(price)
        ratio = float(part.max() if spare else worth @ part)
        price = price * float(np.clip(ratio ** (1.0 - crowd.market.power), 1e-6, 1e6))
        if abs(ratio - 1.0) <= enough:
            break
    return price
