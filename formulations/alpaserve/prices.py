"""Prices of requests: a bound on what a placement can still serve, from any state of its groups.

Let every request have a price 0 <= p_r <= 1. Whatever the prices, a placement serves of the requests from r0 on

    sum_g sum_{r served by g} (p_r + 1 - p_r)   <=   sum_{r >= r0} p_r  +  sum_g W_g,
    W_g = the most of sum (1 - p_r) over requests from r0 on that group g alone could serve, free to refuse any,

since no request is served twice: the Lagrangian bound of "every request at most once". It separates the groups. To find
W_g keep one stage of the group only, the slowest. A request of model m that arrives at a and is served there

    starts at        s = max(a + head, clock),   head: time on the stages before, the least over the models
    ends at          s + step_m = new clock      step_m: time on the stage
                     <=  a + last_m              last_m = SLO_m - overhead - (time of m on the stages after)

and requests are served in the order of their arrival. The real group does the same with later clocks, so what it serves can
be served here. W_g depends on r0, the models that the group hosts and its clock only; it never rises with the clock and never
falls with the models. So it is made once (prices_kernel.py) and looked up. It knows what no count of requests knows:
that a request for a large model takes the time of several small ones, and how much work is still waiting.

Good prices make the bound small for groups that host all models; they are high where many requests compete. Times are
rounded to a grid, starts and steps down and dues up, which only raises W. Clocks of the simulator are sums of
floating-point numbers; ``last`` has room for their rounding. Prices are whole thousandths, so their sums are exact.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

import gavelopt as go

EDGES = 16  # times at which the rest is bounded
FINE = 64  # steps of the grid in the shortest step of a shape
STARTS = 600  # steps of the grid in which a request may start, at most
CLOCKS = 100  # of a group in the look-up
EFFORT = 5e9  # of the changes of prices: requests x steps of the grid x groups
EDGE = 1e-6  # steps of the grid: more than quotients are off


def no_outlook(requests: int, models: int, cut: Sequence[int]) -> go.serving.Outlook:
    """The bound that says nothing: all requests could be served."""
    shapes = np.unique(np.array(cut))
    return go.serving.Outlook(
        edges_s=np.array([0.0, np.inf]),
        shapes=shapes,
        stage=np.zeros_like(shapes),
        unit=1,
        base=np.array([requests]),
        worth=np.zeros((len(shapes), 1, models + 1, 1), dtype=np.int32),
        origin_s=np.zeros((len(shapes), 1)),
        width_s=np.ones(len(shapes)),
    )


def outlook(
    instance: go.PlacementInstance, workload: go.Workload, models: int, cut: Sequence[int], sweeps: int = 150
) -> go.serving.Outlook:
    """The bound on the counted requests for ``models`` that groups of the shapes ``cut`` can serve, from EDGES times on.

    ``sweeps``: how often all prices are changed, less often where the requests are many.
    """
    from formulations.alpaserve.prices_kernel import UNIT, adjust, look_ahead

    shapes, number = np.unique(np.array(cut), return_counts=True)
    own = workload.only(go.serving.positions(models))
    grid = Grid.of(instance, own, models, shapes)
    count, reach = len(grid.model), grid.reach
    row = np.zeros(int(grid.ready.max(initial=0)) + 2 * reach, dtype=np.int32)
    work = row, np.zeros(reach, dtype=np.int32), np.zeros((count, reach), dtype=np.bool_)
    affordable = int(EFFORT // (count * reach * len(cut)))
    price = adjust(grid.model, grid.ready, grid.due, grid.step, number, models, min(sweeps, 1 + affordable), work)
    edges_s = np.array([0.0, *grid.arrival_s[np.arange(1, EDGES) * count // EDGES], np.inf])
    edges = np.searchsorted(grid.arrival_s, edges_s[:-1])
    width, worth = -(-reach // CLOCKS), np.zeros((len(shapes), EDGES, models + 1, CLOCKS), dtype=np.int32)
    for c in range(len(shapes)):
        group = grid.model, grid.ready[c], grid.due[c], grid.step[c]
        for part in range(1, models + 1):
            if part & models == part:
                look_ahead(group, part, UNIT - price, edges, width, work, worth[c, :, part])
    return go.serving.Outlook(
        edges_s=edges_s,
        shapes=shapes,
        stage=grid.stage,
        unit=UNIT,
        base=np.array([price[edge:].sum() for edge in edges], dtype=np.int64),
        worth=worth,
        origin_s=(grid.ready[:, edges] + EDGE) * grid.grid_s[:, None]
        + grid.head_s[:, None]
        + _rounding_s(instance, own),
        width_s=width * grid.grid_s,
    )


@dataclass(frozen=True)
class Grid:
    """The counted requests for some models on the slowest stages of C shapes, times in steps of a grid of each shape.

    arrival_s, model (N,); ready (from when, less the head), due, step (C, N), due -1 where the model is not served; grid_s,
    head_s seconds, stage (C,) the slowest.
    """

    arrival_s: go.FloatArray
    model: go.IntArray
    ready: go.IntArray
    due: go.IntArray
    step: go.IntArray
    grid_s: go.FloatArray
    head_s: go.FloatArray
    stage: go.IntArray

    @property
    def reach(self) -> int:
        """More than a group can be busy ahead of a request that it serves."""
        return int((self.due - self.ready).max(initial=0)) + 1

    @classmethod
    def of(cls, instance: go.PlacementInstance, workload: go.Workload, models: int, shapes: go.IntArray) -> Grid:
        """The requests of ``workload``, all for ``models``."""
        able, stage, head, step, last = bottleneck(instance, workload, models, shapes)
        some, least_step, least_head = able.any(axis=0), _least(step, able), _least(head, able)
        room = np.where(able, last - least_head, 0.0).max(axis=0)
        grid = np.where(some, np.maximum(least_step / FINE * (1 - EDGE / FINE), room / STARTS), 1.0)[:, None]
        first, end = workload.counted
        arrival, model = workload.arrival_s[first:end], workload.model[first:end]
        head_s = np.where(some, least_head, 0.0)
        due = np.floor((arrival + (last - head_s)[model].T) / grid + EDGE)
        due = np.where(able[model].T, due, -1).astype(np.int64)
        ready, steps = (np.floor(of / grid).astype(np.int64) for of in (arrival, step[model].T))
        return cls(arrival, model, ready, due, steps, grid[:, 0], head_s, stage)


def bottleneck(
    instance: go.PlacementInstance, workload: go.Workload, models: int, shapes: go.IntArray
) -> tuple[go.BoolArray, go.IntArray, go.FloatArray, go.FloatArray, go.FloatArray]:
    """Whether a shape serves a model (M, C), its slowest stage (C,), and head, step, last of each model there (M, C)."""
    tables = instance.tables
    latency, stage = tables.latency_s[:, shapes], np.arange(tables.latency_s.shape[2])
    chosen = np.isin(np.arange(len(tables.slo_s)), go.serving.positions(models))
    able = (tables.weight_gib[:, shapes] <= instance.budget_gib) & chosen[:, None]
    slowest = np.where(able[:, :, None], latency, 0.0).sum(axis=0).argmax(axis=1)
    at = slowest[:, None]
    head, step, tail = ((latency * some).sum(axis=2) for some in (stage < at, stage == at, stage > at))
    last = tables.slo_s[:, None] - instance.overheads.request_s - tail + _rounding_s(instance, workload)
    return able & (head + step <= last), slowest, head, step, last


def _rounding_s(instance: go.PlacementInstance, workload: go.Workload) -> float:
    """More than two clocks can be off: each is a sum of at most N + S terms, none larger than its end."""
    arrival, tables = workload.arrival_s, instance.tables
    end = arrival.max(initial=0.0) + len(arrival) * tables.total_s.max(initial=0.0)
    return float(8 * (len(arrival) + tables.latency_s.shape[2] + 2) * np.finfo(float).eps * end)


def _least(values: go.FloatArray, able: go.BoolArray) -> go.FloatArray:
    """(C,) the least value over the models that are able; infinite where none is."""
    return np.asarray(np.where(able, values, np.inf).min(axis=0, initial=np.inf))
