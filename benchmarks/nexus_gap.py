"""How far are the greedy packings from the optimum? (the gap table)

    python benchmarks/nexus_gap.py [seeds]

Four families, 10, 20 and 30 sessions, ratio of each method's GPUs to the proved optimum of ``unsplit``: mean and largest.
The repository's order may place what the unsplit problem does not allow, so it is judged as ``online``. Instances whose
optimum is not proved are left out and counted.
"""

from __future__ import annotations

import sys
from collections.abc import Callable

import numpy as np
from rich.console import Console
from rich.table import Table

import gavelopt as go
from formulations.nexus.families import random_instance
from formulations.nexus.squishy import Squishy

SIZES = (10, 20, 30)
FAMILIES = ("low", "tight", "mid", "mixed")
METHODS: dict[str, Callable[[go.PackingInstance], go.Solution]] = {
    "paper BFD": lambda i: go.solve(i, "squishy", method="greedy"),
    "BFD, repository's batches": lambda i: go.solve(i, "squishy", method="greedy", batch_rule="repository"),
    "repository, online": lambda i: go.solve(i, Squishy(variant="online")),
    "repeated knapsack": lambda i: go.solve(i, "squishy", method="knapsack"),
    "batch-oblivious": lambda i: go.solve(i, "squishy", method="batch_oblivious"),
}


def ratios(family: str, seeds: int) -> tuple[dict[str, list[list[float]]], int]:
    """{method: for each size the ratios}, and how many optima were not proved."""
    found: dict[str, list[list[float]]] = {name: [[] for _ in SIZES] for name in METHODS}
    unproved = 0
    for at, size in enumerate(SIZES):
        for seed in range(seeds):
            instance = random_instance(size, family, seed)
            best = go.solve(instance, "squishy", method="exact", time_limit=30)
            if best.status != "optimal" or not best.value:
                unproved += 1
                continue
            for name, run in METHODS.items():
                value = run(instance).value
                assert value is not None
                found[name][at].append(value / best.value)
    return found, unproved


def main(seeds: int) -> None:
    """The table of all families."""
    table = Table(title=f"GPUs over the optimum, {seeds} instances a cell (mean at n = 10, 20, 30; largest)")
    table.add_column("family")
    for name in METHODS:
        table.add_column(name, justify="right")
    table.add_column("not proved", justify="right")
    for family in FAMILIES:
        found, unproved = ratios(family, seeds)
        cells = []
        for by_size in found.values():
            means = " ".join(f"{np.mean(r):.3f}" if r else "-" for r in by_size)
            cells.append(f"{means}  {max(max(r, default=1.0) for r in by_size):.2f}")
        table.add_row(family, *cells, str(unproved))
    Console(width=200).print(table)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 42)
