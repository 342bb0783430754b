"""Pollux over time: a workload of 160 jobs on 64 T4, planned every minute by each method.

    python benchmarks/pollux_replay.py [--workload 6] [--jobs 160] [--methods exact sia isolated] [--data FOLDER]

Arrivals and training curves of the Pollux artifact (8 hours, six applications), goodput at the parameters fitted to its
profiles (formulations/pollux/apps.py). ``planning`` is the time spent on all plans together. For orientation: the artifact's
own simulator, which interpolates measurements, reports a mean completion time of 2,446 s for Pollux on workload 6 and of
2,751 s over its eight workloads.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import pandas as pd
from rich.console import Console
from rich.table import Table

import gavelopt as go
from formulations.pollux.apps import APPS, BATCH, jobs_of
from formulations.pollux.coadapt import TrainingCurve, simulate
from formulations.pollux.fitness import PolluxFitness

BESIDE = Path(__file__).resolve().parents[2] / "shared" / "data"
NODES = 16


def curve(folder: Path, app: str) -> TrainingCurve:
    """The run of one application at its initial batch size."""
    rows = pd.read_csv(folder / "profiles_t4" / app / f"validation-{BATCH[app][0]}.csv")
    return TrainingCurve(rows["progress"], rows["grad_sqr"], rows["grad_var"])


def main() -> None:
    """Print one row a method."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--workload", type=int, default=6)
    parser.add_argument("--jobs", type=int, default=160)
    parser.add_argument("--methods", nargs="+", default=["exact", "sia", "isolated"])
    parser.add_argument("--data", type=Path, default=BESIDE)
    arguments = parser.parse_args()
    folder = arguments.data / "pollux_sia"
    trace = pd.read_csv(folder / "workloads" / "workloads" / f"workload-{arguments.workload}.csv").head(arguments.jobs)
    curves = {app: curve(folder, app) for app in APPS}
    jobs = jobs_of(list(trace["application"]), np.ones(len(trace)))
    cluster = go.Cluster({"t4": 4 * NODES}, per_node=[4])
    table = Table(
        "method", "mean completion", "99th percentile", "makespan", "restarts a job", "rounds", "planning", "worst gap"
    )
    for method in arguments.methods:
        found = simulate(
            cluster, jobs, trace["time"], [curves[app] for app in trace["application"]], PolluxFitness(), method=method
        )
        done = found.jct_s
        table.add_row(
            method,
            f"{np.nanmean(done):,.0f} s",
            f"{np.nanpercentile(done, 99):,.0f} s",
            f"{np.nanmax(found.finish_s):,.0f} s",
            f"{found.preemptions.mean():.1f}",
            str(found.solves),
            f"{found.solve_s:.1f} s",
            f"{np.nanmax(found.gaps):.1e}",
        )
    Console(width=120).print(table)


if __name__ == "__main__":
    main()
