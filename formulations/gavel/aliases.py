"""Gavel's own names, with Gavel's meaning and units (its utils.get_policy).

Packed means space sharing. "SLOs" requires all deadlines; where that is impossible Gavel drops them all, we say which must
give. finish_time_fairness_packed divides rates by weights, as Gavel does there and only there.
"""

from __future__ import annotations

import gavelopt as go
from formulations.gavel.finish_time_fairness import FinishTimeFairness
from formulations.gavel.makespan import Makespan
from formulations.gavel.max_min import MaxMin
from formulations.gavel.max_sum import MaxSum
from formulations.gavel.queues import Queue
from formulations.gavel.water_filling import WaterFilling

max_min_fairness = go.Alias("max_min_fairness", MaxMin, {"agnostic": True}, "Gavel: LAS, every rate taken as 1")
max_min_fairness_perf = go.Alias("max_min_fairness_perf", MaxMin, {}, "Gavel: LAS, heterogeneity-aware")
max_sum_throughput_perf = go.Alias("max_sum_throughput_perf", MaxSum, {}, "Gavel: raw total steps/s")
min_total_duration = go.Alias(
    "min_total_duration",
    Makespan,
    {"agnostic": True, "reference_accelerator": "v100"},
    "Gavel: makespan, every rate as on v100",
)
min_total_duration_perf = go.Alias("min_total_duration_perf", Makespan, {}, "Gavel: makespan, heterogeneity-aware")
max_min_fairness_packed = go.Alias(
    "max_min_fairness_packed", MaxMin, {"space_sharing": True}, "Gavel: LAS with space sharing"
)
max_min_fairness_water_filling = go.Alias(
    "max_min_fairness_water_filling", WaterFilling, {"agnostic": True}, "Gavel: water filling, every rate taken as 1"
)
max_min_fairness_water_filling_perf = go.Alias(
    "max_min_fairness_water_filling_perf", WaterFilling, {}, "Gavel: water filling, heterogeneity-aware"
)
max_min_fairness_water_filling_packed = go.Alias(
    "max_min_fairness_water_filling_packed",
    WaterFilling,
    {"space_sharing": True},
    "Gavel: water filling with space sharing",
)
min_total_duration_packed = go.Alias(
    "min_total_duration_packed", Makespan, {"space_sharing": True}, "Gavel: makespan with space sharing"
)
finish_time_fairness = go.Alias(
    "finish_time_fairness",
    FinishTimeFairness,
    {"agnostic": True, "reference_accelerator": "v100"},
    "Gavel: finish-time fairness, every rate as on v100",
)
finish_time_fairness_perf = go.Alias(
    "finish_time_fairness_perf", FinishTimeFairness, {}, "Gavel: finish-time fairness, heterogeneity-aware"
)
finish_time_fairness_packed = go.Alias(
    "finish_time_fairness_packed",
    FinishTimeFairness,
    {"space_sharing": True, "weighted": True},
    "Gavel: finish-time fairness with space sharing",
)
max_sum_throughput_normalized_by_cost_perf = go.Alias(
    "max_sum_throughput_normalized_by_cost_perf", MaxSum, {"per_cost": True}, "Gavel: sum of steps/s per unit of cost"
)
max_sum_throughput_normalized_by_cost_perf_slos = go.Alias(
    "max_sum_throughput_normalized_by_cost_perf_SLOs",
    MaxSum,
    {"per_cost": True, "slo": "require"},
    "Gavel: sum of steps/s per unit of cost, deadlines kept",
)
max_sum_throughput_normalized_by_cost_packed_slos = go.Alias(
    "max_sum_throughput_normalized_by_cost_packed_SLOs",
    MaxSum,
    {"per_cost": True, "slo": "require", "space_sharing": True},
    "Gavel: sum of steps/s per unit of cost, deadlines kept, space sharing",
)
fifo = go.Alias("fifo", Queue, {"heterogeneous": False}, "Gavel: first come, first served, on a random type")
fifo_perf = go.Alias("fifo_perf", Queue, {}, "Gavel: first come, first served, on the fastest type with room")
fifo_heterogeneous = go.Alias(
    "fifo_heterogeneous", Queue, {}, "first come, first served, on the fastest type with room"
)
fifo_packed = go.Alias(
    "fifo_packed",
    Queue,
    {"space_sharing": True},
    "Gavel: fifo_perf, the head of the queue joins a running job where it pays",
)
tiresias = go.Alias(
    "tiresias", Queue, {"order": "least_attained", "backfill": True}, "least attained service first (Tiresias)"
)
themis = go.Alias("themis", FinishTimeFairness, {}, "Themis: finish-time fairness, heterogeneity-aware")
