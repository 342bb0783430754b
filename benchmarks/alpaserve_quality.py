"""How far is every placement method from the optimum? 60 random small instances, each solved by enumeration.

    python benchmarks/alpaserve_quality.py [--instances 60]

2 to 6 devices and models of three sizes, ten configurations, SLO 1.5 to 5, CV 1 to 4, load 0.4 to 1.1
(formulations/alpaserve/examples.py, random_instance). A figure is requests in time divided by those of the optimum.
"""

from __future__ import annotations

import argparse
import time

import numpy as np
from rich.console import Console
from rich.table import Table

import gavelopt as go
from formulations.alpaserve.examples import random_instance

METHODS = (
    ("selective_replication", {}),
    ("round_robin", {"inter_op": 1}),
    ("greedy", {}),
    ("capacity_milp", {}),
    ("capacity_milp", {"polish": True}),
    ("beam", {"beam": 1}),
    ("beam", {"beam": 3}),
    ("search", {}),
    ("set_packing", {}),
)


def label(method: str, options: dict[str, object]) -> str:
    """The method with its options."""
    return method + "".join(f" {name}={value}" for name, value in options.items())


def main() -> None:
    """Print one row a method."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--instances", type=int, default=60)
    count = parser.parse_args().instances
    share = {label(method, options): np.zeros(count) for method, options in METHODS}
    spent = dict.fromkeys([*share, "exact"], 0.0)
    incomplete, bounds = 0, []
    for seed in range(count):
        instance = random_instance(seed)
        start = time.perf_counter()
        exact = go.solve(instance, "placement", method="exact")
        spent["exact"] += time.perf_counter() - start
        incomplete += not exact.details["complete"]
        assert exact.value
        bounds.append(go.serving.bound_good(instance, instance.workload) / instance.workload.counts / exact.value)
        for method, options in METHODS:
            start = time.perf_counter()
            solution = go.solve(instance, "placement", method=method, **options)
            spent[label(method, options)] += time.perf_counter() - start
            assert solution.value is not None
            share[label(method, options)][seed] = solution.value / exact.value
    table = Table(title=f"{count} random instances, requests in time / optimum ({incomplete} enumerations incomplete)")
    for column in ("method", "mean", "worst", "optimal", "below .98", "seconds in all"):
        table.add_column(column)
    for name, found in share.items():
        figures = (
            f"{found.mean():.4f}",
            f"{found.min():.4f}",
            f"{(found > 1 - 1e-9).sum()}",
            f"{(found < 0.98).sum()}",
        )
        table.add_row(name, *figures, f"{spent[name]:.1f}")
    table.add_row("exact", "1", "1", str(count), "0", f"{spent['exact']:.1f}")
    table.add_row("proved bound", f"{np.mean(bounds):.4f}", f"{np.max(bounds):.4f}", "", "", "")
    Console().print(table)


if __name__ == "__main__":
    main()
