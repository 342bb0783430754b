"""From a space and a utility to a market, and back: units, jobs that do not count, and the multipliers for the judge.

    A_ij = slope_i m_i T_ij / unit      s_i = use_i m_i        m_i the job's time budget; for a sum slope_i w_i instead
    y_i = slope_i r_i / unit,  u_i = (y_i + o_i) / (1 + b_i y_i),  o_i = offset_i / unit,  b_i = saturation_i unit / slope_i

Jobs that do not count, or can run nowhere, get A_ij = 0 and stay idle.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit

from gavelopt.engine.prices.block import BLOCK, COMPILED, NO_FLOATS
from gavelopt.engine.prices.market import WORTH_THREADS, Market, in_parts
from gavelopt.engine.prices.outcome import Proof
from gavelopt.judge.certify import Multipliers
from gavelopt.model.arrays import BoolArray, FloatArray
from gavelopt.model.space import AllocationSpace
from gavelopt.model.utility import Utility

EVERYWHERE = np.zeros((0, 0), dtype=bool)  # no cell that is not usable
SAMPLED = 1000  # jobs that decide on the unit


@dataclass(frozen=True, eq=False)
class Built:
    """The market of a space and a utility, with the unit of its throughputs; dead: jobs that count and can run nowhere."""

    market: Market
    unit: float
    dead: int


def build(space: AllocationSpace, utility: Utility, threads: int) -> Built:
    """The market of a plain space and a concave utility (see ``unsuited``). Nobody runs on a type of which there is none."""
    grid = space.plain
    assert grid is not None
    present = space.capacity > 0
    usable = grid.usable if present.all() else grid.usable & present
    capacity = np.where(present, space.capacity, 1.0)
    table = np.ascontiguousarray(grid.table)
    # in a sum who can run nowhere, or has no weight, stays idle unasked; only a table of zeros is no market at all
    if utility.p == 1.0 and usable.all() and (table[:SAMPLED] > 0).any():
        gain = utility.slope * space.time * utility.weight
        return Built(Market(table, gain, grid.use * space.time, capacity, 1.0, threads=threads), 1.0, 0)
    top, misplaced = survey(table, usable, threads)
    if misplaced:
        table = np.where(usable, table, 0.0)
        top = table.max(axis=1)
    on = utility.active & (top > 0) & (space.time > 0) & (utility.slope > 0)
    gain = np.where(on, utility.slope * space.time, 0.0)
    use = grid.use * space.time
    if utility.p == 1.0:
        return Built(Market(table, gain * utility.weight, use, capacity, 1.0, threads=threads), 1.0, 0)
    dead = int((utility.active & ~on).sum())
    unit = _unit(gain, top)
    gain /= unit
    offset = utility.offset / unit if utility.offset.any() else NO_FLOATS
    if utility.p == -np.inf:
        bend = NO_FLOATS
        if utility.saturation is not None:
            bend = np.where(on, utility.saturation * unit / np.where(on, utility.slope, 1.0), 0.0)
        u = gain * top
        u = u + offset if len(offset) else u
        u = u / (1.0 + bend * gain * top) if len(bend) else u
        ceiling = min(float(np.min(u, where=on, initial=np.inf)), utility.cap / unit)
        market = Market(table, gain, use, capacity, -np.inf, offset=offset, bend=bend, ceiling=ceiling, threads=threads)
        return Built(market, unit, dead)
    weight = np.where(on, utility.weight, 0.0)
    market = Market(table, gain, use, capacity, utility.p, weight=weight, offset=offset, threads=threads)
    return Built(market, unit, dead)


def _unit(gain: FloatArray, top: FloatArray) -> float:
    """A typical utility of a job that has all it can use."""
    step = max(1, len(gain) // SAMPLED)
    some = gain[::step] * top[::step]
    if not some.any():
        some = gain * top
    counted = some[some > 0]
    return float(np.exp(np.log(counted).mean())) if len(counted) else 1.0


def multipliers(built: Built, utility: Utility, proof: Proof) -> Multipliers:
    """The proof in units of U: prices, emphasis of a minimum, and the rates at which the tangent is taken."""
    market, unit = built.market, built.unit
    if utility.p == 1.0:
        return Multipliers(proof.price)
    at = None if not utility.curved else proof.reach * unit / np.where(market.gain > 0, utility.slope, 1.0)
    if utility.p == -np.inf:
        steep = _steepness(market, proof.level) * proof.worth
        total = float(steep.sum())
        if total <= 0:
            return Multipliers(np.zeros_like(proof.price))
        return Multipliers(proof.price * (unit / total), steep / total, at)
    assert at is not None
    if utility.p == 0.0:
        return Multipliers(proof.price, None, at)
    value = utility.value(at)
    return Multipliers(proof.price * unit * (value / unit) ** (1.0 - utility.p), None, at)


def prices_again(built: Built, utility: Utility, prices: FloatArray, value: float) -> FloatArray:
    """(R,) the market's prices that ``multipliers`` has turned into ``prices``, at a value of U; C.p = 1 for a minimum.

    Not finite for a power mean of value 0.
    """
    unit = built.unit
    if utility.p in (0.0, 1.0):
        return prices
    if utility.p == -np.inf:
        return np.asarray(prices / float(built.market.capacity @ prices))
    with np.errstate(divide="ignore"):
        return np.asarray(prices / (unit * np.power(max(value, 0.0) / unit, 1.0 - utility.p)))


def _steepness(market: Market, level: float) -> FloatArray:
    """dy/dt of every job at a level."""
    if not len(market.offset) and not len(market.bend):
        return np.asarray(market.gain > 0, dtype=np.float64) if level > 0 else np.zeros(market.jobs)
    offset = market.offset if len(market.offset) else np.zeros(1)
    bend = market.bend if len(market.bend) else np.zeros(1)
    steep = (1.0 - bend * offset) / (1.0 - bend * level) ** 2
    return np.where((market.gain > 0) & (level > offset), steep, 0.0)


def survey(table: FloatArray, usable: BoolArray, threads: int) -> tuple[FloatArray, int]:
    """((K,) highest rate of each row, number of positive rates in cells that are not usable)."""
    top, checked = np.empty(len(table)), EVERYWHERE if usable.all() else np.ascontiguousarray(usable)

    def run(_: int, first: int, last: int) -> int:
        return int(scan(table, checked, first, last, top))

    return top, sum(in_parts(run, len(table), threads if len(table) > WORTH_THREADS else 1))


@njit(**COMPILED)
def scan(table, usable, first, last, top):  # type: ignore[no-untyped-def]
    """Row maxima of rows first..last, a block at a time, type by type; returns how many positive cells are not usable (none
    where ``usable`` is empty)."""
    types, misplaced = table.shape[1], 0
    for start in range(first, last, BLOCK):
        end = min(start + BLOCK, last)
        most = top[start:end]
        most[:] = 0.0
        if len(usable) == 0:
            for j in range(types):
                column = table[start:end, j]
                for i in range(end - start):
                    most[i] = max(most[i], column[i])
            continue
        for i in range(start, end):
            highest = 0.0
            for j in range(types):
                rate = table[i, j]
                if rate > 0.0 and not usable[i, j]:
                    misplaced += 1
                highest = max(highest, rate)
            top[i] = highest
    return misplaced
