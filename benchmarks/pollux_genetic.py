"""The exact method against Pollux's own genetic algorithm: same question, same machine, one thread.

    python benchmarks/pollux_genetic.py [--jobs 96] [--nodes 64] [--calls 3] [--seed 0]

Population 100 and 100 generations, as in the paper, vectorised in numpy (formulations/pollux/genetic.py). ``cold`` starts from
an empty cluster; ``warm`` calls start from the population that the call before left, as the scheduler does every round; ``fed
exact`` starts from the exact plan. The share is the fitness over that of the exact plan (p = -1: a job without GPUs makes it
collapse). Exit code 1 if the exact method is not 20 times faster than every call, or worse than any.
"""

from __future__ import annotations

import argparse
import sys

import numpy as np
from rich.console import Console
from rich.table import Table

import gavelopt as go
from formulations.pollux.apps import sample

FASTER = 20.0


def main() -> int:
    """Print the table; 1 where the exact method is too slow or worse."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, default in (("jobs", 96), ("nodes", 64), ("calls", 3), ("seed", 0)):
        parser.add_argument(f"--{name}", type=int, default=default)
    arguments = parser.parse_args()
    go.solve(sample(4, 2), "pollux_fitness")  # solvers are loaded once
    table = Table("p", "start", "fitness", "share of exact", "seconds", "exact is faster by")
    failed = False
    for p in (-1.0, 1.0):
        exact = go.solve(sample(arguments.jobs, arguments.nodes, arguments.seed), "pollux_fitness", p=p)
        assert exact.value is not None
        table.add_row(f"{p:g}", f"exact ({exact.status})", f"{exact.value:.4f}", "1", f"{exact.seconds:.3f}", "")
        start: object = None
        for call in range(arguments.calls + 1):
            fed = call == arguments.calls
            instance = sample(arguments.jobs, arguments.nodes, arguments.seed)
            given = np.asarray(exact.plan) if fed else start
            found = go.solve(instance, "pollux_fitness", p=p, method="genetic", seed=call, start=given)
            assert found.value is not None
            start = found.details["population"]
            label = "fed exact" if fed else ("cold" if call == 0 else f"warm, call {call + 1}")
            faster = found.seconds / exact.seconds
            failed |= faster < FASTER or found.value > exact.value * (1 + 1e-9)
            share = f"{found.value / exact.value:.4f}"
            table.add_row(f"{p:g}", label, f"{found.value:.4f}", share, f"{found.seconds:.2f}", f"{faster:.0f} x")
    Console(width=100).print(f"{arguments.jobs} jobs, {4 * arguments.nodes} GPUs", table)
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
