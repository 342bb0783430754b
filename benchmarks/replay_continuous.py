"""Gavel's continuous single-GPU experiment: how much does it matter that the scheduler knows its accelerators?

    python benchmarks/replay_continuous.py THROUGHPUTS.json [--jobs 5000] [--rate 5.6] [--seed 0] [--mode rounds]

THROUGHPUTS.json is Gavel's simulation_throughputs.json. 36 v100, 36 p100, 36 k80; single-GPU jobs of Gavel's mix, Poisson
arrivals; rounds of 360 s, the policy solved at most every 1920 s. Completion times are those of the last fifth of the jobs
but for the very last tenth, whose competitors have stopped coming.

Published (Gavel's notebook, 5.6 jobs an hour, mean JCT): agnostic LAS 95.99 h, Gandiva 42.54 h, Gavel 28.96 h, with space
sharing 19.64 h. What differs here, and why figures need not agree:
  - the jobs: the same distributions, drawn by another generator. The agnostic policy works near saturation, where mean JCT is
    steep in the load: 55, 59 and 60 h for seeds 0, 1, 2 at 5.6 jobs an hour, 62 h at 5.8 and 68 h at 6.0 (seed 0);
  - the window: Gavel averages jobs 4,000 to 5,000 of an endless stream;
  - the agnostic X: max-min over equal rates has many optima. Gavel's interior-point solver spreads every job evenly over the
    types, ours is a vertex; that choice matters little (53 h with ``--policies proportional``, which spreads evenly);
  - gandiva pairs jobs only where sharing pays, and decides anew at every solve; Gavel's keeps pairs, and hardly drops any;
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
HEADS = ("policy", "mean JCT (h)", "published (h)", "first / this", "published", "in use", "solves", "seconds")


def arguments() -> argparse.Namespace:
    """What the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("throughputs", type=Path)
    parser.add_argument("--jobs", type=int, default=5000)
    parser.add_argument("--rate", type=float, default=5.6, help="jobs an hour")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--mode", choices=("rounds", "fluid"), default="rounds")
    parser.add_argument(
        "--policies", default=",".join(PUBLISHED_H), help="the first is what the others are compared with"
    )
    return parser.parse_args()


def row(name: str, done: go.Replay, window: np.ndarray, first: tuple[str, float]) -> list[str]:
    """The figures of one policy beside those published; ``first``: the policy to compare with and its mean."""
    mean, known, other = float(done.jct_s[window].mean()) / HOUR_S, PUBLISHED_H.get(name), PUBLISHED_H.get(first[0])
    ratio = "" if known is None or other is None else f"{other / known:.2f}"
    used = " ".join(f"{100 * used:.0f} %" for used in done.utilization)
    figures = [f"{mean:.2f}", "" if known is None else f"{known:.2f}", f"{first[1] / mean:.2f}", ratio, used]
    return [name, *figures, f"{done.solves:,}", f"{done.seconds:.1f}"]


def main() -> None:
    """Replay the trace under every policy asked for and print one row each."""
    asked = arguments()
    generator = go.TraceGenerator(read_gavel_throughputs(asked.throughputs), go.Cluster.from_spec("36:36:36"))
    instance = generator(asked.jobs, asked.rate, asked.seed)
    window = np.arange(int(0.7 * asked.jobs), int(0.9 * asked.jobs))
    what = f"{asked.jobs} jobs at {asked.rate:g} an hour, seed {asked.seed}, {asked.mode}; jobs {window[0]} to {window[-1]}"
    table = Table(title=what)
    for head in HEADS:
        table.add_column(head, justify="left" if head == "policy" else "right", no_wrap=head == "policy")
    first = None
    for name in asked.policies.split(","):
        further = {"round_s": ROUND_S} if asked.mode == "rounds" else {}
        done = go.replay(instance, name, mode=asked.mode, min_resolve_s=RESOLVE_S, seed=asked.seed, **further)
        first = first or (name, float(done.jct_s[window].mean()) / HOUR_S)
        table.add_row(*row(name, done, window, first))
    Console(width=120).print(table)


if __name__ == "__main__":
    main()
