"""Newton's method on the prices, on demand made continuous.

Demand D(p) is a step function job by job and smooth in the crowd. ``Look`` gives it smoothed over a bandwidth h_j = h p_j
together with its exact Jacobian, so that the excess  C - D_h(p) = 0 (>= 0 where p = 0)  is solved by Newton steps

    min over d >= -p    grad.d + d'H d / 2,      grad = C - D_h

while h shrinks with the step. A minimum (level t) is scale free in p: grad = theta C - (D + D_t dt), theta = K / C.p, and
the step keeps C.d = 0. Steps are limited relative to the price; a step past the minimum along its direction (the slope
grad.d has changed sign and grown) is cut back by the secant rule. At best a few tens of jobs remain near the kernel: which
of them move is left to the exact finish.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit

from gavelopt.engine.prices.market import Crowd, Look, Market
from gavelopt.model.arrays import FloatArray

LONGEST = 1.0  # of a step, relative to the price
NARROWEST = 1e-12
LOW = 0.01
STRANDED, WIDER = 0.02, 4.0
FINER = 0.125  # the next bandwidth once demand is cleared at this one
WIDEST = 0.3


@dataclass(frozen=True, eq=False)
class Point:
    """Where the search stands: prices and level, the look there, the relative bandwidth, the relative step that comes next."""

    price: FloatArray
    level: float
    look: Look
    bandwidth: float
    step: float
    residual: float
    looks: int


def scale_of(market: Market, price: FloatArray, floor: FloatArray) -> FloatArray:
    """(R,) what a relative change of a price is relative to: the price, or for cheap types LOW of the mean worth of a type."""
    mean = float(price @ market.capacity) / len(price)
    return np.asarray(np.maximum(np.maximum(price, LOW * mean / market.capacity), floor))


def bound_of(crowd: Crowd, look: Look) -> float:
    """The bound that a look at the whole crowd proves; for a power mean see ``place``, which sums the utilities as well."""
    worth = float(crowd.capacity @ look.price)
    if crowd.market.power == 1.0:
        return worth + look.total
    if crowd.market.power != -np.inf:
        return np.inf
    return look.level + (worth - look.total) / look.slope if look.slope > 0 else np.inf


def excess(crowd: Crowd, look: Look) -> tuple[FloatArray, float]:
    """(grad, dt): what is left over of each type after the smoothed demand, and the change of the level it implies."""
    if crowd.market.power != -np.inf:
        return crowd.capacity - look.demand - look.shift, 0.0
    worth = float(crowd.capacity @ look.price)
    if look.slope <= 0 or worth <= 0:
        return crowd.capacity - look.demand - look.shift, 0.0
    up = min((worth - look.total) / look.slope, crowd.market.ceiling - look.level)
    theta = (look.total + look.slope * up) / worth
    return theta * crowd.capacity - (look.demand + look.drift * up) - look.shift, up


def solve_prices(
    crowd: Crowd,
    price: FloatArray,
    level: float,
    floor: FloatArray,
    *,
    bandwidth: float = WIDEST,
    enough: float = 1e-3,
    fewest: int = 0,
    finest: float = 1.0,
    low: FloatArray | float = 0.0,
    high: FloatArray | float = np.inf,
    looks: int = 40,
) -> Point:
    """Newton from (price, level) until the excess is ``enough`` of capacity at a bandwidth of at most ``finest``, or ``looks``
    are used up. With finest 1 also where fewer than ``fewest`` moves are near. floor (R,): no price is taken for smaller.
    Prices stay between low and high."""
    reach, taken = LONGEST, 1
    look = crowd.look(price, level, bandwidth * scale_of(crowd.market, price, floor))
    while True:
        grad, up = excess(crowd, look)
        scale = scale_of(crowd.market, price, floor)
        step = newton_step(crowd, look, grad, price, scale, reach, low, high)
        far = float(np.abs(step / scale).max(initial=0.0))
        residual = _residual(crowd, price, grad)
        sparse = look.events < fewest and bandwidth < WIDEST
        if (
            sparse and residual > STRANDED and taken < looks
        ):  # nobody near, much to move: a tie of many jobs lies further off
            bandwidth = min(WIDER * bandwidth, WIDEST)
            look = crowd.look(price, level, bandwidth * scale_of(crowd.market, price, floor))
            taken, reach = taken + 1, LONGEST
            continue
        cleared = residual <= enough or far <= NARROWEST
        if (cleared and bandwidth <= finest) or (sparse and finest >= 1.0) or taken >= looks:
            return Point(price, level, look, bandwidth, far, residual, taken)
        if cleared:
            bandwidth = max(FINER * bandwidth, finest)
            look = crowd.look(price, level, bandwidth * scale_of(crowd.market, price, floor))
            taken, reach = taken + 1, LONGEST
            continue
        narrower = bandwidth if sparse else float(np.clip(2.0 * far, NARROWEST, bandwidth))
        smoothed = (
            0.0 if narrower < bandwidth else 1.0
        )  # demand smoothed alike may be compared; otherwise raw demand is
        slope = float((grad + (1.0 - smoothed) * look.shift) @ step)
        part, bandwidth = 1.0, narrower
        while True:  # back along the step while it overshoots
            trial, new_level = np.clip(price + part * step, low, high), level + part * up
            new = crowd.look(trial, new_level, bandwidth * scale_of(crowd.market, trial, floor))
            taken += 1
            ahead = float((excess(crowd, new)[0] + (1.0 - smoothed) * new.shift) @ step)
            if slope >= 0 or ahead <= -0.5 * slope or taken >= looks:
                break
            part *= float(np.clip(-slope / (ahead - slope), 0.1, 0.5))
        reach = min(LONGEST, 4.0 * far) if part == 1.0 else max(part * far, NARROWEST)
        price, level, look = trial, new_level, new


def _residual(crowd: Crowd, price: FloatArray, grad: FloatArray) -> float:
    short = np.where(price > 0, np.abs(grad), np.maximum(-grad, 0.0))
    return (
        float((short / crowd.market.capacity).max(initial=0.0))
        * float(crowd.market.capacity.sum())
        / max(float(crowd.capacity.sum()), 1e-300)
    )


def newton_step(
    crowd: Crowd,
    look: Look,
    grad: FloatArray,
    price: FloatArray,
    scale: FloatArray,
    reach: float,
    low: FloatArray | float = 0.0,
    high: FloatArray | float = np.inf,
) -> FloatArray:
    """The step in prices, computed in relative prices so that types of any price level are alike."""
    matrix = look.jacobian * np.outer(scale, scale)
    worth = np.abs(look.demand) * scale + 1e-3 * crowd.market.capacity * scale
    matrix[np.diag_indices(len(price))] += 1e-6 * np.maximum(worth, 1e-300) + 1e-12 * np.trace(matrix)
    if crowd.market.power == -np.inf:
        normal = crowd.market.capacity * scale
        size = float(normal @ normal)
        matrix += np.outer(normal, normal) * (1e3 * max(float(np.trace(matrix)), 1e-300) / size)
    lower, upper = np.maximum(-reach, (low - price) / scale), np.minimum(reach, (high - price) / scale)
    return np.asarray(least_in_box(grad * scale, matrix, np.minimum(lower, 0.0), np.maximum(upper, 0.0)) * scale)


@njit(cache=True, nogil=True, error_model="numpy")
def least_in_box(grad, matrix, lower, upper):  # type: ignore[no-untyped-def]
    """min grad.d + d'M d / 2 over lower <= d <= upper (0 inside), M positive definite: a primal active-set method."""
    size = len(grad)
    d, free, least = np.zeros(size), np.ones(size, np.bool_), 1e-13 * np.abs(grad).max()
    for _ in range(4 * size + 4):
        way = _towards_least(grad, matrix, d, free)
        part, first = 1.0, -1  # of the way, until a free coordinate meets its bound
        for j in range(size):
            room = max(upper[j] - d[j] if way[j] > 0.0 else d[j] - lower[j], 0.0)
            if free[j] and room < part * abs(way[j]):
                part, first = room / abs(way[j]), j
        for j in range(size):
            d[j] = min(max(d[j] + part * way[j], lower[j]), upper[j])
        if first >= 0:
            free[first] = False
            d[first] = upper[first] if way[first] > 0.0 else lower[first]
            continue
        worst, most = -1, least
        for j in range(size):
            pull = grad[j] + np.sum(matrix[j] * d)
            gain = -pull if d[j] <= lower[j] else pull
            if not free[j] and upper[j] > lower[j] and gain > most:
                worst, most = j, gain
        if worst < 0:
            break
        free[worst] = True
    return d


@njit(cache=True, nogil=True, error_model="numpy")
def _towards_least(grad, matrix, d, free):  # type: ignore[no-untyped-def]
    """From d to where the free coordinates would be best, the others as they are."""
    at, way = np.flatnonzero(free), np.zeros(len(d))
    if len(at) > 0:
        square, rest = np.empty((len(at), len(at))), np.empty(len(at))
        for row in range(len(at)):
            rest[row] = -grad[at[row]] - np.sum(matrix[at[row]] * d)
            for column in range(len(at)):
                square[row, column] = matrix[at[row], at[column]]
        way[at] = np.linalg.solve(square, rest)
    return way
