"""How far are the methods from the optimum, and how tight are the bounds, on many random mixes?

    python benchmarks/pollux_quality.py [--instances 60]

4 to 40 jobs on 2 to 32 nodes of 4 T4, applications equally likely. ``short of exact`` is 1 - fitness / exact fitness; ``pool
bound above exact`` says how much the dynamic program over one pool of GPUs promises too much; ``proved`` counts the exact
answers that the judge certifies to 1e-6 by itself.
"""

from __future__ import annotations

import argparse

import numpy as np
from rich.console import Console
from rich.table import Table

import gavelopt as go
from formulations.pollux.apps import sample

METHODS = ("greedy", "sia", "pool", "isolated")


def main() -> None:
    """Print one row for each p."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--instances", type=int, default=60)
    count = parser.parse_args().instances
    table = Table("p", *(f"{name}: mean, worst short of exact" for name in METHODS), "pool bound above exact", "proved")
    for p in (-10.0, -1.0, 0.0, 1.0, -np.inf):
        short = {name: np.zeros(count) for name in METHODS}
        above, proved = np.zeros(count), 0
        for seed in range(count):
            random = np.random.default_rng(seed)
            instance = sample(int(random.integers(4, 41)), int(random.integers(2, 33)), seed)
            exact = go.solve(instance, "pollux_fitness", p=p)
            assert exact.value is not None
            proved += exact.status == "optimal"
            for name in METHODS:
                found = go.solve(instance, "pollux_fitness", p=p, method=name)
                assert found.value is not None
                assert found.bound is not None
                assert found.value <= exact.value * (1 + 1e-6)
                short[name][seed] = 1 - found.value / exact.value
                if name == "pool":
                    above[seed] = found.bound / exact.value - 1
        cells = [f"{short[name].mean():.2%}, {short[name].max():.2%}" for name in METHODS]
        table.add_row(f"{p:g}", *cells, f"{above.mean():.2%}, {above.max():.2%}", f"{proved} of {count}")
    Console(width=150).print(table)


if __name__ == "__main__":
    main()
