"""The simulator against queueing theory, and the shapes of the paper's Figures 5 and 6.

    python benchmarks/alpaserve_queueing.py [--plots FOLDER]

M/D/1: two models on two devices, service 0.4 s, 200,000 requests, three seeds; the error is of the mean latency.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

import gavelopt as go
from formulations.alpaserve.figures import burstiness_curve, plot, rate_curve
from formulations.alpaserve.queueing import (
    largest_alpha,
    largest_beta,
    pipeline_latency,
    simple_latency,
    two_model_instance,
)

SERVICE_S = 0.4
LOADS = (0.2, 0.6, 1.0, 1.2, 1.8)


def simulated(load: float, pipelined: bool) -> float:
    """Mean latency over three seeds."""
    found = []
    for seed in (0, 100, 200):
        question, placement = two_model_instance(load / SERVICE_S, SERVICE_S, pipelined=pipelined, seed=seed)
        found.append(go.serving.simulate_serving(question, placement).mean_latency_s)
    return float(np.mean(found))


def formulas_table() -> Table:
    """Simulation and formula for every load, and the tolerable overheads."""
    table = Table(title="M/D/1 with D = 0.4 s: simulated, formula, error; largest tolerable overheads at r = lam D")
    for column in ("lam D", "pipeline", "formula", "error", "split", "formula", "error", "alpha(r)", "beta(r)"):
        table.add_column(column, justify="right")
    for load in LOADS:
        row = [f"{load:g}"]
        for pipelined, formula in ((True, pipeline_latency), (False, simple_latency)):
            mine, theirs = simulated(load, pipelined), formula(load / SERVICE_S, SERVICE_S)
            row += [f"{mine:.4f}", f"{theirs:.4f}", f"{abs(mine / theirs - 1):.2%}"]
        table.add_row(*row, f"{largest_alpha(load):.4f}", f"{largest_beta(load):.4f}")
    return table


def main() -> None:
    """Print the tables; with --plots also draw the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--plots", type=Path, default=None)
    folder = parser.parse_args().plots
    console = Console()
    console.print(formulas_table())
    curves = (
        ("requests/s (CV 3)", "rate", rate_curve((4, 12, 20, 24))),
        ("coefficient of variation (20 requests/s)", "burstiness", burstiness_curve((0.1, 1, 2, 3, 4, 8))),
    )
    for label, name, curve in curves:
        table = Table(title="replication / 8-stage pipeline, over " + label)
        for column in (name, "mean", "p99"):
            table.add_column(column, justify="right")
        for k, at in enumerate(curve.at):
            mean, p99 = (values[0, k] / values[1, k] for values in (curve.mean_s, curve.p99_s))
            table.add_row(f"{at:g}", f"{mean:.2f}", f"{p99:.2f}")
        console.print(table)
        if folder is not None:
            plot(rate_curve() if name == "rate" else burstiness_curve(), label, folder / f"alpaserve_{name}.png")


if __name__ == "__main__":
    main()
