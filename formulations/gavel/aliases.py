"""Gavel's own names, with Gavel's meaning and units (its utils.get_policy)."""

from __future__ import annotations

import gavelopt as go
from formulations.gavel.closed_forms import Isolated
from formulations.gavel.makespan import Makespan
from formulations.gavel.max_min import MaxMin
from formulations.gavel.max_sum import MaxSum

__all__ = [
    "Isolated",
    "max_min_fairness",
    "max_min_fairness_perf",
    "max_sum_throughput_perf",
    "min_total_duration",
    "min_total_duration_perf",
]

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
