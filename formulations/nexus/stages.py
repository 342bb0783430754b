"""The options of every stage of a query: (time, cost) of each type and batch that is not dominated."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

import gavelopt as go


@dataclass(frozen=True, eq=False)
class Options:
    """Of one stage, by rising time and falling cost: time (n,) whole microseconds, cost (n,), accelerator and batch (n,)."""

    time: go.IntArray
    cost: go.FloatArray
    accelerator: go.IntArray
    batch: go.IntArray

    def cheapest_within(self, time_us: int) -> int:
        """The option of least cost that takes at most this long, -1 for none."""
        return int(np.searchsorted(self.time, time_us, side="right")) - 1

    def choice(self, option: int, budget_us: int | None = None) -> go.packing.StageChoice:
        """The option as the plan has it, by default with exactly the time it takes."""
        time = int(self.time[option])
        return go.packing.StageChoice(
            int(self.accelerator[option]), int(self.batch[option]), time if budget_us is None else budget_us
        )


def slo_us(query: go.Query) -> int:
    """The objective in whole microseconds, rounded down."""
    return int(query.slo_ms * 1000 + 1e-6)


def options_of(instance: go.PackingInstance, query: go.Query, policy: go.Policy) -> list[Options]:
    """One Options a stage, within the objective. Raises Infeasible where a stage or a path cannot keep it."""
    factor, price = int(getattr(policy, "factor", 2)), instance.price(getattr(policy, "minimise", "gpus")) / 1e6
    found = [
        _stage(instance, stage.model, rate, factor, price, slo_us(query))
        for stage, rate in zip(query.stages, query.stage_rps, strict=True)
    ]
    least = np.array([int(o.time[0]) if len(o.time) else slo_us(query) + 1 for o in found])
    needed = query.longest_path(least)
    if needed > slo_us(query):
        slow = [stage.name for stage, o in zip(query.stages, found, strict=True) if not len(o.time)]
        why = (
            f"stage {slow[0]!r} alone takes longer" if slow else f"its slowest path takes {needed / 1000:g} ms at best"
        )
        raise go.Infeasible(f"query {query.name!r}: SLO {query.slo_ms:g} ms, but {why}")
    return found


def _stage(
    instance: go.PackingInstance, model: str, rate: float, factor: int, price: go.FloatArray, limit: int
) -> Options:
    rows: list[tuple[go.IntArray, go.FloatArray, go.IntArray, go.IntArray]] = []
    for t in range(len(price)):
        curve = instance.curve_of(model, t)
        if curve is not None:
            batch = np.arange(1, len(curve) + 1)
            time = factor * curve.latency_us + instance.cpu_us(model, t)
            rows.append((time, price[t] * rate * curve.latency_us / (batch * 1e6), np.full(len(batch), t), batch))
    if not rows:
        raise go.Infeasible(f"no batch of {model!r} fits the memory of any accelerator here")
    time, cost, kind, batch = (np.concatenate(column) for column in zip(*rows, strict=True))
    kept = pareto(time, cost, limit)
    return Options(time[kept], cost[kept], kind[kept], batch[kept])


def pareto(time: go.IntArray, cost: go.FloatArray, limit: int) -> go.IntArray:
    """Positions of the points within ``limit`` that no other point beats in both, by rising time."""
    within = np.flatnonzero(time <= limit)
    order = within[np.lexsort((cost[within], time[within]))]
    falling = np.minimum.accumulate(cost[order]) if len(order) else cost[order]
    return np.asarray(order[np.append(True, cost[order][1:] < falling[:-1])[: len(order)]])


def every_query(
    problem: go.Problem, solve: Callable[[go.Query, list[Options]], Sequence[go.packing.StageChoice]]
) -> go.SplitPlan:
    """The plan of ``solve`` on each query of the instance. Raises InputError where there is none."""
    instance = problem.instance
    assert isinstance(instance, go.PackingInstance)
    if not instance.queries:
        raise go.InputError("latency_split needs queries", fix="give the instance queries, or use policy 'squishy'")
    return go.SplitPlan(solve(query, options_of(instance, query, problem.policy)) for query in instance.queries)
