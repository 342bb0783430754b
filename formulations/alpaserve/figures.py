"""Replication against one long pipeline, over rate and over burstiness: the simulator beside the formulas.

Eight copies of BERT-2.6B on eight V100 with 13 GiB for weights, no objective, equal Gamma arrivals. Replication: every
device hosts two models, every model is on two neighbouring devices. Pipeline: one group of eight stages hosts all. (The
paper's Figures 5 and 6.) The pipeline wins where bursts meet idle devices (low rate, high cv) and loses where its slowest
stage saturates.

Formulas: G/D/1 with Kingman's wait and the processes' own cv; for the pipeline one queue with the whole rate, for
replication one queue a device with an eighth of it. The latter leaves out that a request chooses the shorter of two
queues, so it is an upper estimate.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

import gavelopt as go
from formulations.alpaserve.examples import GIB_BUDGET, paper_profiles
from formulations.alpaserve.queueing import gd1_latency

MODEL, COPIES, STAGES = "bert-2.6b", 8, 8
RATES = (2.0, 4.0, 8.0, 12.0, 16.0, 20.0, 24.0, 26.0)
CVS = (0.1, 0.5, 1.0, 2.0, 3.0, 4.0, 6.0, 8.0)


@dataclass(frozen=True, eq=False)
class Curve:
    """Seconds over ``at`` (rates or CVs): mean (2, K), p99 (2, K) simulated, formula (2, K); rows replication, pipeline."""

    at: go.FloatArray
    mean_s: go.FloatArray
    p99_s: go.FloatArray
    formula_s: go.FloatArray


def instance(rate_rps: float, cv: float, requests: int = 40_000, seed: int = 0) -> go.PlacementInstance:
    """Eight equal models without an objective."""
    rates = go.serving.power_law_rates(rate_rps, COPIES, 0.0)
    models = go.ServedModels([f"m{i}" for i in range(COPIES)], [MODEL] * COPIES, np.inf, rates, cv)
    workload = go.serving.gamma_workload(rates, cv, requests / rate_rps, seed)
    return go.PlacementInstance(
        go.Cluster({"v100": COPIES}, memory_gib=[GIB_BUDGET]), models, paper_profiles(), workload
    )


def replication(question: go.PlacementInstance) -> go.Placement:
    """Every device hosts its own model and the next one."""
    names = question.models.names
    return question.placement([((1, 1), [names[i], names[(i + 1) % COPIES]]) for i in range(COPIES)])


def pipeline(question: go.PlacementInstance) -> go.Placement:
    """One group of all devices hosts all models."""
    return question.placement([((STAGES, 1), list(question.models.names))])


def rate_curve(rates: Sequence[float] = RATES, cv: float = 3.0, requests: int = 40_000) -> Curve:
    """Latency over the total rate, at one burstiness."""
    return _curve([(rate, cv) for rate in rates], rates, requests)


def burstiness_curve(cvs: Sequence[float] = CVS, rate_rps: float = 20.0, requests: int = 40_000) -> Curve:
    """Latency over the coefficient of variation, at one rate."""
    return _curve([(rate_rps, cv) for cv in cvs], cvs, requests)


def _curve(points: Sequence[tuple[float, float]], at: Sequence[float], requests: int) -> Curve:
    mean, p99, formula = (np.empty((2, len(points))) for _ in range(3))
    for k, (rate, cv) in enumerate(points):
        question = instance(rate, cv, requests)
        for row, placement in enumerate((replication(question), pipeline(question))):
            report = go.serving.simulate_serving(question, placement)
            mean[row, k], p99[row, k] = report.mean_latency_s, report.percentile(99)
        formula[:, k] = formulas(question, rate, cv)
    return Curve(np.array(at), mean, p99, formula)


def formulas(question: go.PlacementInstance, rate_rps: float, cv: float) -> tuple[float, float]:
    """Mean latency in seconds of replication and pipeline by the G/D/1 surrogate, overheads included."""
    tables, extra = question.tables, question.overheads.request_s
    one = tables.configurations.index(go.Configuration())
    long = tables.configurations.index(go.Configuration(STAGES, 1))
    split = gd1_latency(rate_rps / COPIES, tables.total_s[0, one], cv)
    shared = gd1_latency(rate_rps, tables.total_s[0, long], cv, tables.slowest_s[0, long])
    return float(split) + extra, float(shared) + extra


def plot(curve: Curve, label: str, path: str | Path | None = None) -> Any:
    """Mean and 99th percentile of both placements over ``curve.at``, formulas dashed; saved to ``path`` if given."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 3.6), layout="constrained")
    panels = figure.subplots(1, 2)
    for row, name, colour in ((0, "replication", "tab:blue"), (1, "8-stage pipeline", "tab:orange")):
        panels[0].plot(curve.at, curve.mean_s[row], "o-", color=colour, label=name)
        panels[0].plot(curve.at, curve.formula_s[row], "--", color=colour, label=f"{name}, G/D/1")
        panels[1].plot(curve.at, curve.p99_s[row], "o-", color=colour, label=name)
    top = 1.15 * float(curve.mean_s.max())
    panels[0].set(xlabel=label, ylabel="mean latency (s)", ylim=(0, top))
    panels[1].set(xlabel=label, ylabel="99th percentile (s)", ylim=(0, None))
    for panel in panels:
        panel.legend(fontsize=8)
        panel.grid(alpha=0.3)
    if path is not None:
        figure.savefig(path, dpi=150)
    return figure
