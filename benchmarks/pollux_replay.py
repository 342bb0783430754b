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
from rich.console import Console
from rich.table import Table

from formulations.pollux.published import replayed

BESIDE = Path(__file__).resolve().parents[2] / "shared" / "data"


def main() -> None:
    """Print one row a method."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--workload", type=int, default=6)
    parser.add_argument("--jobs", type=int, default=160)
    parser.add_argument("--methods", nargs="+", default=["exact", "sia", "isolated"])
    parser.add_argument("--data", type=Path, default=BESIDE)
    arguments = parser.parse_args()
    folder = arguments.data / "pollux_sia" / "workloads" / "workloads"
    table = Table(
        "method", "mean completion", "99th percentile", "makespan", "restarts a job", "rounds", "planning", "worst gap"
    )
    for method in arguments.methods:
        found = replayed(folder / f"workload-{arguments.workload}.csv", method, arguments.jobs)
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
