"""Ten thousand sessions: how long do the heuristics take, and how far from the best are they at most?

    python benchmarks/nexus_large.py [sessions]

Seconds include the judge, which checks every GPU and recomputes the bounds. The gap is certified: against the best bound
that the judge proves.
"""

from __future__ import annotations

import sys

from rich.console import Console
from rich.table import Table

import gavelopt as go
from formulations.nexus.families import FAMILIES, random_instance

METHODS = ("greedy", "greedy_repository", "knapsack", "batch_oblivious")


def main(sessions: int) -> None:
    """One row a family and method."""
    table = Table(title=f"{sessions:,} sessions")
    for column in ("family", "method", "GPUs", "bound", "certified gap %", "seconds"):
        table.add_column(column, justify="right")
    go.solve(random_instance(20, "low"), "squishy", method="knapsack")  # compile
    go.solve(random_instance(20, "low"), "squishy", method="greedy")
    for family in FAMILIES:
        instance = random_instance(sessions, family)
        for method in METHODS:
            s = go.solve(instance, "squishy", method=method)
            if s.value is None or s.gap is None:
                raise SystemExit(f"{family}, {method}: {s.message}")
            table.add_row(family, method, f"{s.value:.0f}", f"{s.bound:.0f}", f"{100 * s.gap:.2f}", f"{s.seconds:.2f}")
    Console().print(table)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 10_000)
