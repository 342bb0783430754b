"""The serving rules in plain Python: an independent reading of the rules that every placement is judged by.

A request for model m goes to the hosting group whose last stage is free first (ties: the lower group in canonical order).
It passes the stages one after the other, each busy until the request before it has left; if it would be answered later
than its objective it is dropped and leaves no trace. Stage latencies are those of ServingTables (per-stage overhead
included, rounded to float32); overhead seconds are added to every answer.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from gavelopt.model.arrays import FloatArray, IntArray
from gavelopt.model.placement import Placement, PlacementInstance, Plan
from gavelopt.model.serving import Workload

Stages = Sequence[float]


def serve(instance: PlacementInstance, placement: Placement, workload: Workload) -> tuple[IntArray, FloatArray]:
    """((N,) group that served each request or -1, (N,) seconds from arrival to answer, NaN where dropped)."""
    choices = _choices(instance, placement)
    slo, overhead = instance.tables.slo_s.tolist(), instance.overheads.request_s
    clocks = [[0.0] * group.configuration.inter_op for group in placement.groups]
    group = np.full(len(workload), -1, dtype=np.int64)
    spent = np.full(len(workload), np.nan)
    for r, (arrival, m) in enumerate(zip(workload.arrival_s.tolist(), workload.model.tolist(), strict=True)):
        if not choices[m]:
            continue
        g, stages = min(choices[m], key=lambda choice: clocks[choice[0]][-1])
        ends = _pass(arrival, clocks[g], stages)
        answer = ends[-1] + overhead - arrival
        if answer <= slo[m]:
            clocks[g] = ends
            group[r], spent[r] = g, answer
    return group, spent


def serve_plan(instance: PlacementInstance, plan: Plan) -> tuple[IntArray, FloatArray]:
    """The same for a placement or a schedule of placements, whose groups are numbered through."""
    if isinstance(plan, Placement):
        return serve(instance, plan, instance.workload)
    groups, latencies, offset = [], [], 0
    for placement, own in plan.windows(instance.workload):
        group, spent = serve(instance, placement, own)
        groups.append(np.where(group >= 0, group + offset, -1))
        latencies.append(spent)
        offset += len(placement.groups)
    return np.concatenate(groups), np.concatenate(latencies)


def _choices(instance: PlacementInstance, placement: Placement) -> list[list[tuple[int, Stages]]]:
    """For every model the groups that host it, each with the model's stage latencies there."""
    at = {c: k for k, c in enumerate(instance.tables.configurations)}
    found: list[list[tuple[int, Stages]]] = [[] for _ in range(len(instance.models))]
    for g, group in enumerate(placement.groups):
        for m in group.models:
            latency = instance.tables.latency_s[m, at[group.configuration], : group.configuration.inter_op]
            found[m].append((g, latency.tolist()))
    return found


def _pass(arrival: float, clock: Stages, stages: Stages) -> list[float]:
    """When the request would leave each stage."""
    ends, t = [], arrival
    for free, latency in zip(clock, stages, strict=True):
        t = max(t, free) + latency
        ends.append(t)
    return ends
