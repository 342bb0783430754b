"""Latency splits of query trees: what do coarse grids, the repository's loop and even parts cost?

    python benchmarks/nexus_queries.py [trees]

Ratio of fractional GPUs to the exact split (staircases, which the mixed-integer program confirms on every tree), mean and
largest; ``none``: trees on which the method found no split at all. Factor 2 leaves room to wait one batch, factor 1 does not.
"""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

import gavelopt as go
from formulations.nexus.latency_split import LatencySplit
from formulations.nexus.query_families import random_query_instance

METHODS: dict[str, tuple[str, dict[str, Any]]] = {
    "program": ("milp", {}),
    "grid of 1 ms": ("step_dp", {"step_ms": 1.0}),
    **{f"{n} segments": ("step_dp", {"segments": n}) for n in (100, 50, 20, 10, 5)},
    "repository: 100, strict, 2 ms network": ("step_dp", {"strict": True, "network_ms": 2.0}),
    "even parts": ("even_split", {}),
}


def main(trees: int) -> None:
    """Print one row a method and factor."""
    table = Table(title=f"{trees} random trees of 2 to 7 models: GPUs over the exact split")
    for column in ("factor", "method", "mean", "largest", "none", "ms a tree"):
        table.add_column(column, justify="right")
    for factor in (1, 2):
        instances = [random_query_instance(seed) for seed in range(trees)]
        best = [go.solve(i, LatencySplit(factor=factor)).value for i in instances]
        for name, (method, options) in METHODS.items():
            found = [go.solve(i, LatencySplit(factor=factor), method=method, **options) for i in instances]
            ratio = [s.value / b for s, b in zip(found, best, strict=True) if s.value is not None]
            seconds = np.mean([s.seconds for s in found])
            none = str(trees - len(ratio))
            table.add_row(
                str(factor), name, f"{np.mean(ratio):.4f}", f"{max(ratio):.3f}", none, f"{1000 * seconds:.1f}"
            )
    Console().print(table)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 100)
