"""A blend of what the jobs do at several prices: the bundle method, for ties that very many jobs stand at.

Jobs of one kind (equal throughputs up to a factor) reach a tie together, however many they are, and no single price clears
the market then. At prices p_1, p_2, ... the placements X_k of all jobs differ in how ties are broken; every mixture
sum mu_k X_k is feasible for the jobs, so

    maximise  dt  (a minimum)  or  sum mu_k V_k  (a power mean)    subject to  sum mu_k D_k (+ drift dt)  <=  C,   sum mu_k = 1

is a small linear program with all placements so far, whose dual prices name the next one (Dantzig and Wolfe 1960); each
placement is a cut of the bound as well. Duals jump about, so the next prices are taken on the way from the best ones to them
(Wentges 1997). At most R + 1 placements end up in the blend. Nothing here stalls; it only takes more passes than Newton does.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np
from scipy import sparse

from gavelopt.engine.backends import highs
from gavelopt.engine.linear import LinearProgram
from gavelopt.engine.prices.market import Crowd, place
from gavelopt.engine.prices.outcome import relative_gap
from gavelopt.model.arrays import FloatArray

STAY = 0.5  # part of the way that the next prices stay at the best ones
OVER = 10.0  # the price of capacity that is not there, in prices
ROOM = 0.05  # relative change of the level that one program may make
CURVED = (
    1e-3  # a relative fall of the bound at which the level is taken anew (needs bend, and demand is linear nearby only)
)
KEPT = 1e-12  # weights below are dropped


@dataclass(frozen=True, eq=False)
class Blend:
    """own (n, R) shares of the crowd's jobs; price (R,) and level for everyone else."""

    own: FloatArray
    price: FloatArray
    level: float


@dataclass(frozen=True, eq=False)
class _Placed:
    """One placement: prices, demand, drift (R,), dK/dt, the sum of utilities, and the bound that the prices prove."""

    price: FloatArray
    demand: FloatArray
    drift: FloatArray
    slope: float
    value: float
    bound: float


@dataclass(frozen=True, eq=False)
class _Mixture:
    """weights (k,), change of the level, dual prices (R,), value less what lacks in capacity."""

    weight: FloatArray
    along: float
    price: FloatArray
    value: float


def blend(
    crowd: Crowd, price: FloatArray, level: float, box: FloatArray, goal: float, deadline: float, most: int
) -> Blend:
    """Mix placements of a crowd, at prices within ``box`` of ``price``, until the gap is ``goal``.

    most: placements to try. Raises OutOfTime, or SolverError with HiGHS's words.
    """
    minimum = crowd.market.power == -np.inf
    centre, low = price, np.maximum(price - box, 0.0)
    placed = [_placed(crowd, centre, price, level)]
    tried = 1
    while True:
        best = min(placed, key=lambda each: each.bound)
        mixed = _mixture(crowd, placed, best, level, deadline)
        closed = relative_gap(crowd.market, mixed.value, best.bound) <= goal
        still = not minimum or abs(mixed.along) <= goal * level
        if (closed and still) or tried >= most or time.perf_counter() > deadline:
            break
        if minimum and (closed or best.bound < (1.0 - CURVED) * level):
            level = level + mixed.along if closed else best.bound
            kept = [each for each, share in zip(placed, mixed.weight, strict=True) if share > KEPT or each is best]
            placed = [_placed(crowd, centre, each.price, level) for each in kept]
        else:
            aim = np.clip(STAY * best.price + (1.0 - STAY) * mixed.price, low, price + box)
            placed.append(_placed(crowd, centre, aim, level))
        tried += 1
    level += mixed.along
    own, middle = np.zeros((crowd.size, crowd.market.types)), np.zeros_like(price)
    for share, each in zip(mixed.weight, placed, strict=True):
        if share > KEPT:
            own += share * _shares(crowd, each.price, level)
            middle += share * each.price
    return Blend(own, best.price if minimum or crowd.background is None else middle, level)


def _shares(crowd: Crowd, price: FloatArray, level: float) -> FloatArray:
    """(n, R) shares of the crowd's jobs at prices and a level."""
    each = np.arange(crowd.size)
    if crowd.market.power == 1.0:
        taken = np.zeros(crowd.size, dtype=np.uint8)
        crowd.look(price, level, np.zeros_like(price), taken)
        return np.asarray(np.eye(crowd.market.types + 1)[taken][:, :-1])
    at = place(crowd.market, crowd.rows, price, level)
    shares = np.zeros((crowd.size, crowd.market.types + 1))
    shares[each, at.a] += 1.0 - at.share
    shares[each, at.b] += at.share
    return shares[:, :-1]


def _placed(crowd: Crowd, centre: FloatArray, price: FloatArray, level: float) -> _Placed:
    """What all jobs demand at these prices, and the bound; a background answers to first order about ``centre``."""
    market = crowd.market
    look = crowd.look(price, level, np.zeros_like(price))
    left = float(crowd.capacity @ price) - float(price @ look.demand)
    if market.power == 1.0:
        value = look.total + float(price @ look.demand)  # less a constant, the worth of the background
        return _Placed(price, look.demand, look.drift, 1.0, value, value + left)
    if market.power == -np.inf:
        bound = min(level + left / look.slope, market.ceiling) if look.slope > 0 else market.ceiling
        return _Placed(price, look.demand, look.drift, look.slope, 0.0, bound)
    utility = place(market, crowd.rows, price, 0.0).utility
    if crowd.background is not None:
        utility += float(centre @ (crowd.background.at(price, 0.0) - crowd.background.demand))
    return _Placed(price, look.demand, look.drift, 1.0, utility, left + utility)


def _mixture(crowd: Crowd, placed: list[_Placed], best: _Placed, level: float, deadline: float) -> _Mixture:
    """The best mixture. The program's unit is what the capacity is worth, its rows are divided by the capacities."""
    market, capacity = crowd.market, crowd.market.capacity
    types, count = len(capacity), len(placed)
    minimum = market.power == -np.inf
    worth = max(float(capacity @ best.price), 1e-300)
    unit = worth / max(best.slope, 1e-300) if minimum else worth
    steps = np.array([1.0, -1.0]) if minimum else np.zeros(0)
    up = min(ROOM * level, market.ceiling - level)
    reach = np.array([max(up, 0.0), ROOM * level]) / unit if minimum else np.zeros(0)
    demand = np.column_stack([each.demand for each in placed]) / capacity[:, None]
    value = np.array([each.value - best.value for each in placed])
    over = OVER * (best.price * capacity / worth + 1.0 / types)
    whole = np.vstack(
        [
            np.hstack([demand, np.outer(best.drift * unit / capacity, steps), -np.eye(types)]),
            np.concatenate([np.ones(count), np.zeros(len(steps) + types)])[None, :],
        ]
    )
    program = LinearProgram(
        cost=np.concatenate([value / unit, steps, -over]),
        matrix=sparse.csc_array(whole),
        lower=np.concatenate([np.full(types, -np.inf), [1.0]]),
        upper=np.concatenate([crowd.capacity / capacity, [1.0]]),
        top=np.concatenate([np.full(count, np.inf), reach, np.full(types, np.inf)]),
        columns=np.arange(whole.shape[1]),
        blocks={},
        epigraph=np.zeros(0, dtype=np.int64),
        unit=unit,
        size=whole.shape[1],
    )
    v, dual = highs.solve_lp(program, "simplex", deadline - time.perf_counter())
    weight = np.maximum(v[:count], 0.0)
    price = np.maximum(dual[:types], 0.0) / capacity
    price *= worth / max(float(price @ capacity), 1e-300) if minimum else unit
    along = float((v[count] - v[count + 1]) * unit) if minimum else 0.0
    reached = (level if minimum else best.value) + float(program.cost @ v) * unit
    return _Mixture(weight / weight.sum(), along, price, reached)
