"""From queries to whole GPUs: the latency split feeds the packing.

    1  latency_split gives every stage a time a_v = f l_v(b_v) + CPU time, with sums within L along every path
    2  what is left over is given back: the objective of stage v becomes  a_v min over paths through v of L / sum a_u
       (along any path these add up to at most L)
    3  every stage is a session with its own rate and that objective; the packing decides batches and GPUs anew

With f = 2 a stage can always be served within its part (it waits one batch, then runs); with f = 1 the packing may find a
part too short.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

import gavelopt as go
from formulations.nexus.latency_split import LatencySplit
from formulations.nexus.squishy import Squishy
from formulations.nexus.stages import slo_us


@dataclass(frozen=True, eq=False)
class QueryPlan:
    """split: the latency split (fractional GPUs); instance: one session a stage; packing: whole GPUs."""

    split: go.Solution
    instance: go.PackingInstance
    packing: go.Solution


def plan_queries(
    instance: go.PackingInstance,
    split: LatencySplit | None = None,
    packing: Squishy | None = None,
    split_method: str = "exact",
    packing_method: str = "exact",
) -> QueryPlan:
    """Splits the queries of the instance and packs their stages together with its sessions.

    Raises:
        Infeasible: no split keeps the objectives.
    """
    halves = go.solve(instance, split or LatencySplit(), method=split_method)
    if halves.plan is None:
        raise go.Infeasible(halves.message)
    staged = sessions_of(instance, halves.plan)
    return QueryPlan(halves, staged, go.solve(staged, packing or Squishy(), method=packing_method))


def sessions_of(instance: go.PackingInstance, plan: go.SplitPlan) -> go.PackingInstance:
    """The instance with every stage as a session named query/stage, and no queries."""
    old = instance.sessions
    names, model = list(old.names), list(old.model)
    rate, slo = old.rate_rps.tolist(), old.slo_ms.tolist()
    for query, chosen in zip(instance.queries, plan.choices, strict=True):
        parts = stretched(query, np.array([choice.budget_us for choice in chosen]))
        for stage, requests, part in zip(query.stages, query.stage_rps, parts, strict=True):
            names.append(f"{query.name}/{stage.name}")
            model.append(stage.model)
            rate.append(requests)
            slo.append(part / 1000.0)
    return instance.replace(
        sessions=go.SessionSet(names, model=model, rate_rps=rate, slo_ms=slo), queries=(), prefix_groups=()
    )


def stretched(query: go.Query, budget_us: go.IntArray) -> go.IntArray:
    """(V,) the stages' parts with what is left over given back in proportion, rounded down to microseconds."""
    before, after = np.zeros(len(query.stages), dtype=np.int64), np.zeros(len(query.stages), dtype=np.int64)
    for v, parents in enumerate(query.parents):
        before[v] = max((before[u] + budget_us[u] for u in parents), default=0)
    for v in range(len(query.stages) - 1, -1, -1):
        after[v] = max((after[u] + budget_us[u] for u in query.children[v]), default=0)
    return np.asarray(budget_us * slo_us(query) // np.maximum(before + budget_us + after, 1))
