"""Gavel's continuous single-GPU experiment: how much does it matter that the scheduler knows its accelerators?

    python benchmarks/replay_continuous.py THROUGHPUTS.json [--jobs 5000] [--rate 5.6] [--seed 0] [--mode rounds]

THROUGHPUTS.json is Gavel's simulation_throughputs.json. 36 v100, 36 p100, 36 k80; single-GPU jobs of Gavel's mix, Poisson
arrivals; rounds of 360 s, the policy solved at most every 1920 s. Completion times are those of the last fifth of the jobs
but for the very last tenth, whose competitors have stopped coming.

Published (Gavel's notebook, 5.6 jobs an hour, mean JCT): agnostic LAS 95.99 h, Gandiva 42.54 h, Gavel 28.96 h, with space
sharing 19.64 h. What differs here, and why figures need not agree:
  - the jobs: the same distributions, drawn by another generator;
  - the window: Gavel averages jobs 4,000 to 5,000 of an endless stream;
  - the agnostic X: max-min over equal rates has many optima. Gavel's interior-point solver spreads every job evenly over the
    types; a vertex leaves some jobs on one type until the next solve. Near saturation mean JCT depends on that choice;
  - steps are not cut to whole numbers at the ends of rounds.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

import gavelopt as go
from gavelopt.io import read_gavel_throughputs

PUBLISHED_H = {"max_min_fairness": 95.99, "gandiva": 42.54, "max_min": 28.96, "max_min_fairness_packed": 19.64}
ROUND_S, RESOLVE_S, HOUR_S = 360.0, 1920.0, 3600.0


def main() -> None:
    """Replay the trace under every policy asked for and print one row each."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("throughputs", type=Path)
    parser.add_argument("--jobs", type=int, default=5000)
    parser.add_argument("--rate", type=float, default=5.6, help="jobs an hour")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--mode", choices=("rounds", "fluid"), default="rounds")
    parser.add_argument("--policies", default="max_min_fairness,max_min")
    asked = parser.parse_args()
    generator = go.TraceGenerator(read_gavel_throughputs(asked.throughputs), go.Cluster.from_spec("36:36:36"))
    instance = generator(asked.jobs, asked.rate, asked.seed)
    window = np.arange(int(0.7 * asked.jobs), int(0.9 * asked.jobs))
    table = Table(
        title=f"{asked.jobs} jobs at {asked.rate:g} an hour, seed {asked.seed}, {asked.mode}; jobs {window[0]} on"
    )
    for head in (
        "policy",
        "mean JCT (h)",
        "published (h)",
        "agnostic / this",
        "published",
        "in use",
        "solves",
        "seconds",
    ):
        table.add_column(head, justify="left" if head == "policy" else "right")
    first = None
    for name in asked.policies.split(","):
        done = go.replay(instance, name, mode=asked.mode, round_s=ROUND_S, min_resolve_s=RESOLVE_S, seed=asked.seed)
        mean = float(done.jct_s[window].mean()) / HOUR_S
        first = first or mean
        known = PUBLISHED_H.get(name)
        table.add_row(
            name,
            f"{mean:.2f}",
            "" if known is None else f"{known:.2f}",
            f"{first / mean:.2f}",
            "" if known is None else f"{PUBLISHED_H['max_min_fairness'] / known:.2f}",
            " ".join(f"{100 * used:.0f} %" for used in done.utilization),
            str(done.solves),
            f"{done.seconds:.1f}",
        )
    Console(width=120).print(table)


if __name__ == "__main__":
    main()
