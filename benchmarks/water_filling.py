"""How long does water filling take, flat and by entity, and how many linear programs does it solve?

Distinct jobs of ``go.examples.crowd`` on eight types, from more accelerators than anybody needs (load 0.3) to a crowd
(load 4): in between jobs stop one at a time, each at its own speed. Every answer is judged: levels reached, every job
proved saturated, prices that fit; the worst residual of these is in the last column. Seconds are of the whole ``solve``,
judge included.

    python benchmarks/water_filling.py --jobs 1000
    python benchmarks/water_filling.py --jobs 10000 100000 --shapes flat
"""

from __future__ import annotations

import argparse
import sys
import time

import numpy as np
from rich.console import Console
from rich.progress import track
from rich.table import Table

import gavelopt as go

LOADS = (0.3, 0.7, 1.0, 2.0, 4.0)
SHAPES = {  # entities and their rules, dealt out in turn
    "flat": (0, ("fairness",)),
    "10 entities": (10, ("fairness",)),
    "100 entities": (100, ("fairness",)),
    "10 queues": (10, ("fifo",)),
    "10 entities, 10 queues": (20, ("fairness", "fifo")),
}


def question(jobs: int, types: int, load: float, shape: str, seed: int) -> go.Instance:
    """A crowd on its own, or in entities."""
    number, rules = SHAPES[shape]
    return go.examples.crowd(jobs, types, load, seed=seed, entities=number, rules=rules)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--jobs", type=int, nargs="+", default=[1000])
    parser.add_argument("--types", type=int, default=8)
    parser.add_argument("--loads", type=float, nargs="+", default=list(LOADS))
    parser.add_argument("--shapes", nargs="+", default=list(SHAPES), choices=list(SHAPES))
    parser.add_argument("--time-limit", type=float, default=120.0)
    parser.add_argument("--seed", type=int, default=1)
    chosen = parser.parse_args()
    shown = Table(title=f"water filling on {chosen.types} types, seed {chosen.seed}")
    for column in ("jobs", "shape", "load", "seconds", "bottlenecks", "programs", "verdict", "worst residual"):
        shown.add_column(column, justify="left" if column in ("shape", "verdict") else "right")
    runs = [(jobs, shape, load) for jobs in chosen.jobs for shape in chosen.shapes for load in chosen.loads]
    progress = Console(stderr=True)
    go.solve(question(600, chosen.types, 1.0, "flat", 0), "water_filling")  # what is loaded once counts for nobody
    for jobs, shape, load in track(runs, "solving", console=progress, disable=not sys.stderr.isatty()):
        instance = question(jobs, chosen.types, load, shape, chosen.seed)
        began = time.perf_counter()
        solution = go.solve(instance, "water_filling", time_limit=chosen.time_limit)
        seconds = time.perf_counter() - began
        worst = max((check.residual for check in solution.checks[-3:]), default=np.nan)
        counts = [str(solution.details.get(name, "-")) for name in ("bottlenecks", "programs")]
        shown.add_row(f"{jobs:,}", shape, f"{load:g}", f"{seconds:.2f}", *counts, solution.status, f"{worst:.1e}")
    Console(width=None if sys.stdout.isatty() else 120).print(shown)
    return 0


if __name__ == "__main__":
    sys.exit(main())
