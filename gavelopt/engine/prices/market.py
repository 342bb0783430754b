"""The market: an allocation problem in the form that prices solve, and one look at it at given prices.

Throughputs are made dimensionless, A_ij = gain_i T_ij; a job that takes all of type j holds s_i accelerators (its gang
times its time budget). What one pass over the jobs tells at prices p >= 0 is a ``Look``:

    sum        g(p) = C.p + sum_i max(0, max_j (A_ij - s_i p_j))                      demand D = -d/dp of the sum
    minimum    t*  <= t + (C.p - K(t, p)) / K_t(t, p),   K = sum_i c_i(y_i(t); p)     demand D = dK/dp
    power mean g(p) = C.p + sum_i max_y (w_i phi(y + o_i) - c_i(y; p))                demand D likewise

each a bound that holds for every p (and t). At the optimum D <= C, with equality where p > 0.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gavelopt.engine.prices.block import BLOCK, NO_FLOATS, NO_MARKS, NO_ROWS
from gavelopt.engine.prices.choices import look_choices
from gavelopt.engine.prices.hulls import look_hulls, place_hulls
from gavelopt.model.arrays import FloatArray, IntArray

TypeArray = NDArray[np.int8]  # types by number; R stands for idle
MarkArray = NDArray[np.uint8]  # what a pass notes about each job

WORTH_THREADS = 20_000  # below this many jobs one core is faster than starting two


@dataclass(frozen=True, eq=False)
class Market:
    """See the head of this file.

    table (K, R) throughputs, 0 where a job cannot run; gain, use (K,); capacity (R,) all > 0; power 1, -inf or any p < 1;
    weight, offset, bend (K,) parameters of the utilities, empty for 1, 0, 0; ceiling: no level lies above it.
    """

    table: FloatArray
    gain: FloatArray
    use: FloatArray
    capacity: FloatArray
    power: float
    weight: FloatArray = field(default_factory=lambda: NO_FLOATS)
    offset: FloatArray = field(default_factory=lambda: NO_FLOATS)
    bend: FloatArray = field(default_factory=lambda: NO_FLOATS)
    ceiling: float = np.inf
    threads: int = 1

    @property
    def jobs(self) -> int:
        return len(self.table)

    @property
    def types(self) -> int:
        return int(self.table.shape[1])


@dataclass(frozen=True, eq=False)
class Look:
    """What one pass told about the jobs it read.

    total: profit of a sum, cost of a minimum or a power mean; demand, drift (per unit of level), spread (sum of
    squares), shift (nearly moved) (R,); jacobian (R, R) = -dD/dp >= 0; slope K_t; events: near moves counted.
    """

    price: FloatArray
    level: float
    total: float
    demand: FloatArray
    drift: FloatArray
    spread: FloatArray
    shift: FloatArray
    jacobian: FloatArray
    slope: float
    events: int


@dataclass(frozen=True, eq=False)
class Placement:
    """Where jobs stand: types a and b (R: idle), share x_b of b, throughput y and its worth lam, all (jobs,); and the sums
    of it: demand (R,), slope dK/dt, utility."""

    a: TypeArray
    b: TypeArray
    share: FloatArray
    reach: FloatArray
    worth: FloatArray
    demand: FloatArray
    slope: float
    utility: float


@dataclass(frozen=True, eq=False)
class Background:
    """Jobs whose choice does not change nearby, as one linear demand: D0 + D1 (t - t0) - H0 (p - p0)."""

    price: FloatArray
    level: float
    demand: FloatArray
    drift: FloatArray
    jacobian: FloatArray

    def at(self, price: FloatArray, level: float) -> FloatArray:
        """(R,) their demand."""
        return self.demand + self.drift * (level - self.level) - self.jacobian @ (price - self.price)


@dataclass(frozen=True, eq=False)
class Crowd:
    """Some jobs of a market (all, where ``rows`` is None), what is there for them, and the others as a background."""

    market: Market
    capacity: FloatArray
    rows: IntArray | None = None
    background: Background | None = None

    @property
    def size(self) -> int:
        return self.market.jobs if self.rows is None else len(self.rows)

    def listed(self) -> IntArray:
        """The rows, written out."""
        return np.arange(self.market.jobs) if self.rows is None else self.rows

    def look(self, price: FloatArray, level: float, width: FloatArray, mark: MarkArray = NO_MARKS) -> Look:
        """One pass at prices (R,) and a level, with bandwidths (R,)."""
        market = self.market
        found = look_at(market, self.rows, price, level, width, mark)
        if self.background is None:
            return found
        rest = self.background
        fixed = rest.at(price, level)
        return replace(
            found,
            total=found.total + (float(price @ fixed) if market.power == -np.inf else 0.0),
            slope=found.slope + float(price @ rest.drift),
            demand=found.demand + fixed,
            drift=found.drift + rest.drift,
            jacobian=found.jacobian + rest.jacobian,
        )


def look_at(
    market: Market,
    rows: IntArray | None,
    price: FloatArray,
    level: float,
    width: FloatArray,
    mark: MarkArray = NO_MARKS,
) -> Look:
    """One pass over the jobs ``rows`` (None: all)."""
    size, listed = _listed(market, rows)
    types = market.types
    wide = np.append(width, 0.0)
    parts = _parts(market, size)
    sums, turns = np.zeros((parts, 4, types + 1)), np.zeros((parts, types + 1, types + 1))

    def run(part: int, first: int, last: int) -> tuple[float, float, int]:
        (demand, drift, spread, shift), jacobian = sums[part], turns[part]
        data = (market.table, market.gain, market.use, listed, first, last, price)
        if market.power == 1.0:
            total, events = look_choices(*data, wide, mark, demand, spread, shift, jacobian)
            return total, 1.0, events
        form = (market.power, level, market.weight, market.offset, market.bend)
        return look_hulls(*data, *form, wide, mark, demand, drift, spread, shift, jacobian)  # type: ignore[no-any-return]

    total, slope, events = (sum(each) for each in zip(*in_parts(run, size, parts), strict=True))
    demand, drift, spread, shift = sums.sum(axis=0)[:, :types]
    jacobian = turns.sum(axis=0)[:types, :types]
    slope = slope if market.power == -np.inf else 1.0
    return Look(price, level, total, demand, drift, spread, shift, jacobian, slope, events)


def place(market: Market, rows: IntArray | None, price: FloatArray, level: float) -> Placement:
    """Where the jobs ``rows`` (None: all) of a market with hulls (power < 1) stand at prices and a level."""
    size, listed = _listed(market, rows)
    a, b = np.empty(size, dtype=np.int8), np.empty(size, dtype=np.int8)
    share, reach, worth = np.empty(size), np.empty(size), np.empty(size)
    data = (market.table, market.gain, market.use, listed)
    form = (price, market.power, level, market.weight, market.offset, market.bend)
    demand = np.zeros((_parts(market, size), market.types + 1))

    def run(part: int, first: int, last: int) -> tuple[float, float]:
        return place_hulls(*data, first, last, *form, a, b, share, reach, worth, demand[part])  # type: ignore[no-any-return]

    slope, utility = np.array(in_parts(run, size, len(demand))).sum(axis=0)
    return Placement(a, b, share, reach, worth, demand.sum(axis=0)[:-1], float(slope), float(utility))


def _listed(market: Market, rows: IntArray | None) -> tuple[int, IntArray]:
    """(number of jobs, list for the compiled passes, where an empty one stands for all)."""
    return (market.jobs, NO_ROWS) if rows is None else (len(rows), rows)


def _parts(market: Market, size: int) -> int:
    return market.threads if size >= WORTH_THREADS else 1


def in_parts(run: Callable[[int, int, int], Any], size: int, parts: int) -> list[Any]:
    """``run(part, first, last)`` over ``size`` jobs in nearly equal parts cut between blocks, on as many threads."""
    if size == 0:
        parts = 1
    blocks = -(-size // BLOCK)
    cuts = [min(size, blocks * part // parts * BLOCK) for part in range(parts + 1)]
    if parts == 1:
        return [run(0, 0, size)]
    waiting = [_pool(parts).submit(run, part, cuts[part], cuts[part + 1]) for part in range(parts)]
    return [each.result() for each in waiting]


@lru_cache(maxsize=4)
def _pool(threads: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(threads, thread_name_prefix="gavelopt-prices")


def available_threads() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else (os.cpu_count() or 1)
