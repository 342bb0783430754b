"""Upper bounds on Pollux's fitness that anybody can recompute.

Let u_jo be the utility of option o for job j (``box_cox`` of its speedup). A plan gives every job one option, and every node
a *filling*: GPUs of jobs that run on this node alone ("slots" of r GPUs) and of jobs spread over several nodes ("parts" of f
GPUs; at most one where distributed jobs keep apart). Take any prices of slots and parts, node by node. What the jobs pay is
what the nodes earn, so

    sum_j u_j  <=  sum_j max_o (u_jo - least price of o)  +  sum_n greatest earning of a filling of node n        (prices)

The least price of k GPUs across nodes is a small dynamic program over its parts, the greatest earning one over slots.
With one price per GPU this is the Lagrangian of the GPU pool. Where there is one accelerator type the pool itself is solved
by a dynamic program over GPUs:

    V_j(g) = max_k  V_(j-1)(g - k) + u_j(k)                                                                       (pool)

For the minimum (p = -inf) prices prove that a level t is out of reach:  sum_j min price of an option with x >= t  exceeds
what the nodes can earn; the bound is the highest level that they do not exclude. For finite p < 0 a mean of J terms is at most
J^(-1/p) times the smallest (smallest speedup).
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from gavelopt.judge.certify import Multipliers
from gavelopt.model.arrays import BoolArray, FloatArray, IntArray
from gavelopt.model.elastic import ElasticInstance
from gavelopt.model.speedups import Speedups, box_cox, mean_of

STEEP = -20.0  # of p; below it the smallest speedup says more than sums of powers that hardly add
HIGHEST = 1e100  # of a price
ROUNDING = 1e-14
SLACK = 1e-9  # relative room that arithmetic gets before a level counts as excluded


@dataclass(frozen=True, eq=False)
class NodePrices(Multipliers):
    """Proof offered for an elastic plan.

    slot, part: (N, R) price of r (or f) = 1..R GPUs on each node for a job on that node alone (or spread over several), in
    units of u_p of (x + epsilon) / unit; None for no prices. kept: (N, 2) what a row that stays as it is pays on each node,
    for a GPU and for being one of several nodes; None: the prices of its slots and parts. pool: ask for the dynamic program.
    """

    slot: FloatArray | None = None
    part: FloatArray | None = None
    kept: FloatArray | None = None
    unit: float = 1.0
    pool: bool = False

    @classmethod
    def per_gpu(cls, instance: ElasticInstance, price: FloatArray, unit: float, pool: bool = False) -> NodePrices:
        """One price (R,) for a GPU of each type, wherever it is."""
        each = price[instance.node_type][:, None] * np.arange(1, int(instance.node_gpus.max(initial=1)) + 1)[None, :]
        return cls(slot=each, part=each, unit=unit, pool=pool)


def fitness_bounds(
    speedups: Speedups, p: float, epsilon: float, apart: bool, given: Multipliers | None
) -> dict[str, float]:
    """{name: upper bound on the power mean of x + epsilon}. ``apart``: at most one distributed job a node."""
    jobs = len(speedups.kept)
    found = {"every job at its best": power_mean(speedups.best() + epsilon, p)}
    prices = given if isinstance(given, NodePrices) else NodePrices()
    if p == -np.inf:
        found["smallest speedup"] = _smallest(speedups, apart, prices, epsilon)
        return found
    if p <= STEEP:
        found["smallest speedup"] = _smallest(speedups, apart, prices, epsilon) * jobs ** (-1.0 / p)
    if prices.slot is not None:
        total = priced_total(speedups, p, epsilon, apart, prices)
        found["prices"] = prices.unit * mean_of(total / jobs, p)
    if prices.pool and len(speedups.instance.cluster) == 1:
        utility = pool_utilities(speedups, p, epsilon, prices.unit)
        total = float(pool_tables(utility, pool_size(speedups.instance))[-1][-1])
        found["pool"] = prices.unit * mean_of(rounded_up(total, utility.max(axis=1)) / jobs, p)
    return {name: bound for name, bound in found.items() if not np.isnan(bound)}


def _smallest(speedups: Speedups, apart: bool, prices: NodePrices, epsilon: float) -> float:
    """The highest x + epsilon that neither the number of GPUs nor the prices exclude for all jobs at once."""
    count = NodePrices.per_gpu(speedups.instance, np.ones(len(speedups.instance.cluster)), 1.0)
    levels = [highest_level(speedups, apart, one) for one in (count, prices) if one.slot is not None]
    return min(levels) + epsilon


def power_mean(values: FloatArray, p: float) -> float:
    """The power mean of positive values, about their least so that no power overflows."""
    least = float(values.min())
    if p == -np.inf or least <= 0:
        return max(least, 0.0) if p <= 0 else float(np.mean(values**p) ** (1.0 / p))
    return least * mean_of(float(box_cox(values / least, p).mean()), p)


def rounded_up(total: float, best: FloatArray) -> float:
    """A sum of utilities, each at most ``best`` (J,), with what rounding can have taken away.

    In an ill-chosen unit u_p comes so close to its limit 1/|p| that nothing is left of t: the bound is then infinite, not
    false.
    """
    magnitude = 2.0 * float(np.maximum(np.nan_to_num(best, neginf=0.0), 0.0).sum()) + abs(total)
    return total + ROUNDING * magnitude if np.isfinite(magnitude) else total


# --- prices ----------------------------------------------------------------------------------------------------------
def priced_total(speedups: Speedups, p: float, epsilon: float, apart: bool, prices: NodePrices) -> float:
    """The right-hand side of (prices): an upper bound on the sum of utilities."""
    pay, pay_kept = option_prices(speedups, apart, prices)
    utility = box_cox((speedups.of + epsilon) / prices.unit, p)
    kept = box_cox((speedups.kept + epsilon) / prices.unit, p)
    idle = np.where(speedups.pinned, -np.inf, box_cox(np.full(len(kept), epsilon / prices.unit), p))
    best = np.fmax(np.nan_to_num(utility - pay, nan=-np.inf).max(axis=1, initial=-np.inf), idle)
    best = np.fmax(best, np.nan_to_num(kept - pay_kept, nan=-np.inf))
    return rounded_up(float(best.sum() + earnings(speedups.instance, apart, prices)), best)


def highest_level(speedups: Speedups, apart: bool, prices: NodePrices) -> float:
    """The highest level of x that the prices do not exclude for all jobs at once."""
    pay, pay_kept = option_prices(speedups, apart, prices)
    x = np.concatenate([speedups.of, speedups.kept[:, None]], axis=1)
    pay = np.where(np.isnan(x), np.inf, np.concatenate([pay, pay_kept[:, None]], axis=1))
    levels = np.unique(x[~np.isnan(x)])
    allowed = earnings(speedups.instance, apart, prices) * (1.0 + SLACK) + SLACK

    def excluded(level: float) -> bool:
        return bool(np.where(x >= level, pay, np.inf).min(axis=1, initial=np.inf).sum() > allowed)

    low, high = 0, len(levels)  # levels below ``low`` are not excluded, those from ``high`` on are
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if excluded(float(levels[middle])) else (middle + 1, high)
    return float(levels[low - 1]) if low else 0.0


def option_prices(speedups: Speedups, apart: bool, prices: NodePrices) -> tuple[FloatArray, FloatArray]:
    """(J, C) least price of each configuration (the same for all jobs) and (J,) price of the row held now."""
    instance, ways = speedups.instance, speedups.ways
    slot, part = _clean(prices)
    pay = np.zeros(len(ways))
    for kind in range(len(instance.cluster)):
        nodes, most = instance.node_type == kind, int(instance.gpus_per_node[kind])
        if not nodes.any():
            continue
        single, across = slot[nodes, :most].min(axis=0), part[nodes, :most].min(axis=0)
        one = (ways.type == kind) & ~ways.spread
        many = (ways.type == kind) & ways.spread
        pay[one] = single[ways.gpus[one] - 1]
        if many.any():
            pay[many] = price_across(across, int(ways.gpus[many].max()))[0][ways.gpus[many]]
    kept = np.zeros(len(instance.jobs)) if instance.current is None else kept_prices(instance, prices).sum(axis=1)
    return np.broadcast_to(pay, speedups.of.shape), kept


def kept_prices(instance: ElasticInstance, prices: NodePrices) -> FloatArray:
    """(J, N) what the present rows pay on each node if they stay."""
    assert instance.current is not None
    held = instance.current
    spread = ((held > 0).sum(axis=1) > 1)[:, None]
    if prices.kept is not None:
        each = held * prices.kept[:, 0] + spread * prices.kept[:, 1]
    else:
        slot, part = _clean(prices)
        node = np.arange(instance.nodes)[None, :]
        at = np.maximum(held - 1, 0)
        each = np.where(spread, part[node, at], slot[node, at])
    return np.where(held > 0, each, 0.0)


def price_across(part: FloatArray, most: int) -> tuple[FloatArray, IntArray]:
    """(most + 1,) least price of k GPUs in at least two parts of 1..R GPUs (infinite below two), and one part of each best."""
    size = len(part)
    any_number = np.full(most + 1, np.inf)  # least price in one part or more
    several = np.full(most + 1, np.inf)
    chosen = np.zeros(most + 1, dtype=np.int64)
    for k in range(1, most + 1):
        cut = min(size, k - 1)
        if cut:
            total = part[:cut] + any_number[k - cut : k][::-1]
            chosen[k] = int(np.argmin(total)) + 1
            several[k] = total[chosen[k] - 1]
        any_number[k] = min(several[k], part[k - 1]) if k <= size else several[k]
    return several, chosen


def earnings(instance: ElasticInstance, apart: bool, prices: NodePrices) -> float:
    """The greatest earning of all nodes, each filled as it can be."""
    slot, part = _clean(prices)
    own: BoolArray = np.zeros(instance.nodes, dtype=bool)  # nodes where rows that stay have prices of their own
    total = 0.0
    if prices.kept is not None and instance.current is not None:
        own = np.asarray(instance.current.any(axis=0))
        pays = kept_prices(instance, prices)
        for node in np.flatnonzero(own).tolist():
            total += _earning_with_rows(instance, apart, node, pays[:, node], slot[node], part[node])
    rows = np.concatenate([instance.node_gpus[:, None].astype(np.float64), slot, part], axis=1)[~own]
    kinds, count = np.unique(rows, axis=0, return_counts=True)
    size = slot.shape[1]
    earned = [best_filling(int(row[0]), row[1 : size + 1], row[size + 1 :], apart) for row in kinds]
    return total + float(np.dot(earned, count))


def _earning_with_rows(
    instance: ElasticInstance, apart: bool, node: int, pays: FloatArray, slot: FloatArray, part: FloatArray
) -> float:
    """The greatest earning of a node over every set of present rows that stay, and fillings of what they leave."""
    assert instance.current is not None
    jobs = np.flatnonzero(instance.current[:, node])
    spread = (instance.current[jobs] > 0).sum(axis=1) > 1
    must = instance.pinned[jobs]
    best = -np.inf
    for stay in product((False, True), repeat=len(jobs)):
        staying = np.array(stay, dtype=bool)
        if (must & ~staying).any() or (apart and (spread & staying).sum() > 1):
            continue
        left = int(instance.node_gpus[node] - instance.current[jobs[staying], node].sum())
        taken = apart and bool((spread & staying).any())
        fill = best_filling(left, slot, np.full(len(part), -np.inf) if taken else part, apart)
        best = max(best, float(pays[jobs[staying]].sum()) + fill)
    return best


def best_filling(capacity: int, slot: FloatArray, part: FloatArray, apart: bool) -> float:
    """The greatest earning of one node with ``capacity`` GPUs."""
    item = slot if apart else np.maximum(slot, part)
    filled = np.zeros(capacity + 1)
    for c in range(1, capacity + 1):
        filled[c] = max(filled[c - 1], np.max(item[:c] + filled[c - 1 :: -1][:c]))
    if not apart or not capacity:
        return float(filled[capacity])
    return float(max(filled[capacity], np.max(part[:capacity] + filled[capacity - 1 :: -1][:capacity])))


def _clean(prices: NodePrices) -> tuple[FloatArray, FloatArray]:
    """Any finite prices prove something; what is no number counts as 0, and nothing is dear enough to overflow."""
    assert prices.slot is not None
    slot, part = prices.slot, prices.slot if prices.part is None else prices.part
    return np.clip(np.nan_to_num(slot), -HIGHEST, HIGHEST), np.clip(np.nan_to_num(part), -HIGHEST, HIGHEST)


# --- the pool --------------------------------------------------------------------------------------------------------
def pool_size(instance: ElasticInstance) -> int:
    """GPUs of a cluster of one type."""
    return int(instance.node_gpus.sum())


def pool_utilities(speedups: Speedups, p: float, epsilon: float, unit: float) -> FloatArray:
    """(J, K + 1) best utility of each job with k = 0..K GPUs, wherever they are; -inf where it cannot have k."""
    ways, jobs = speedups.ways, len(speedups.kept)
    held = (
        np.zeros(jobs, dtype=np.int64) if speedups.instance.current is None else speedups.instance.current.sum(axis=1)
    )
    most = max(int(ways.gpus.max(initial=0)), int(held.max(initial=0)))
    x = np.full((jobs, most + 1), np.nan)
    x[:, 0] = np.where(speedups.pinned, np.nan, 0.0)
    for spread in (False, True):
        some = ways.spread == spread
        x[:, ways.gpus[some]] = np.fmax(x[:, ways.gpus[some]], speedups.of[:, some])
    rows = np.arange(jobs)
    x[rows, held] = np.fmax(x[rows, held], speedups.kept)
    return np.nan_to_num(box_cox((x + epsilon) / unit, p), nan=-np.inf, neginf=-np.inf)


def pool_tables(utility: FloatArray, gpus: int) -> list[FloatArray]:
    """V_0, ..., V_J, each (gpus + 1,): the most utility of the first j jobs within g GPUs."""
    tables = [np.zeros(gpus + 1)]
    most = utility.shape[1] - 1
    for row in utility:
        padded = np.concatenate([np.full(most, -np.inf), tables[-1]])
        tables.append((sliding_window_view(padded, most + 1) + row[::-1]).max(axis=1))
    return tables


def pool_choice(utility: FloatArray, tables: list[FloatArray]) -> IntArray | None:
    """(J,) GPUs of each job in an optimum of the pool, or None where nothing is feasible."""
    left = len(tables[0]) - 1
    chosen = np.zeros(len(utility), dtype=np.int64)
    if not np.isfinite(tables[-1][left]):
        return None
    for job in range(len(utility) - 1, -1, -1):
        reach = min(left, utility.shape[1] - 1)
        value = tables[job][left - np.arange(reach + 1)] + utility[job, : reach + 1]
        chosen[job] = int(np.argmax(value))
        left -= int(chosen[job])
    return chosen


def crowded(plan: IntArray) -> BoolArray:
    """(N,) True where more than one job that spans several nodes stands on a node."""
    across = (plan > 0).sum(axis=1) > 1
    return np.asarray((plan[across] > 0).sum(axis=0) > 1)
