"""How many sessions can be packed with a proof, and how much faster than by a general solver?

    python benchmarks/nexus_speed.py [--seeds 100] [--against 3] [--limit 60] [--only proofs|solvers]

proofs     ``exact`` on second-phase sessions (family residual): seeds proved within 2 s at 30 sessions and 10 s at 60, and
           what is left at 100 within a minute. Seconds are of one CPU, and include the judge, which proves the bound again.
solvers    ``exact`` and the compact models for CP-SAT and HiGHS on the same instances, one after the other, one thread.
           A model that hits the limit counts as the limit: its ratio is a lower bound.

Exit code 1 where a target of the first table is missed, an optimum differs, or a ratio is below ten.
"""

from __future__ import annotations

import argparse
import sys
import time

import numpy as np
from rich.console import Console
from rich.table import Table

import gavelopt as go
from formulations.nexus.families import random_instance

PROOFS = ((30, 2.0, 0.95), (60, 10.0, 0.95), (100, 60.0, 0.0))  # sessions, seconds, part of the seeds
SOLVERS = (20, 25, 30)
FASTER = 10.0


def proofs(seeds: int) -> tuple[Table, bool]:
    """The scaling table, and whether every target is met."""
    table = Table(title="exact on residual sessions")
    for column in ("sessions", "seeds", "within", "proved", "largest gap, GPUs", "median s", "95 % s", "largest s"):
        table.add_column(column, justify="right")
    met = True
    for sessions, seconds, part in PROOFS:
        count = seeds if part else max(1, seeds // 10)
        found, took = [], np.zeros(count)
        for seed in range(count):
            begun = time.process_time()
            found.append(go.solve(random_instance(sessions, "residual", seed), "squishy"))
            took[seed] = time.process_time() - begun
        proved = sum(s.status == "optimal" and t <= seconds for s, t in zip(found, took, strict=True))
        gap = max(float(s.value or np.inf) - float(s.bound or 0.0) for s in found)
        met &= proved >= part * count and gap <= 1.0
        quantiles = [f"{np.quantile(took, q):.2f}" for q in (0.5, 0.95, 1.0)]
        table.add_row(str(sessions), str(count), f"{seconds:g} s", str(proved), f"{gap:g}", *quantiles)
    return table, met


def solvers(seeds: int, limit: float) -> tuple[Table, bool]:
    """Exact against the compact models, and whether none is close or contradicts."""
    table = Table(title=f"column generation against compact models, {limit:g} s each")
    for column in ("sessions", "seed", "GPUs", "exact s", "CP-SAT s", "HiGHS s", "CP-SAT / exact", "HiGHS / exact"):
        table.add_column(column, justify="right")
    met = True
    for sessions in SOLVERS:
        for seed in range(seeds):
            instance = random_instance(sessions, "residual", seed)
            best = go.solve(instance, "squishy", method="exact")
            cells, ratios = [], []
            for method in ("cpsat", "milp"):
                found = go.solve(instance, "squishy", method=method, time_limit=limit)
                ended = found.seconds < limit
                met &= (
                    found.value is not None and found.value >= best.value and (not ended or found.value == best.value)
                )
                ratios.append(max(found.seconds, limit if not ended else 0.0) / best.seconds)
                cells.append(f"{found.seconds:.2f}" if ended else f"> {limit:g} ({found.value:g} GPUs)")
            met &= min(ratios) >= FASTER
            ratio = [f"{r:.0f} x" for r in ratios]
            table.add_row(str(sessions), str(seed), f"{best.value:g}", f"{best.seconds:.3f}", *cells, *ratio)
    return table, met


def main() -> int:
    """Print both tables; 1 where a target is missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=100)
    parser.add_argument("--against", type=int, default=3)
    parser.add_argument("--limit", type=float, default=60.0)
    parser.add_argument("--only", choices=("proofs", "solvers"))
    arguments = parser.parse_args()
    for seed in (0, 64):  # compile, load the solvers
        go.solve(random_instance(15, "residual", seed), "squishy")
    go.solve(random_instance(5, "residual"), "squishy", method="cpsat")
    met = True
    if arguments.only != "solvers":
        table, fine = proofs(arguments.seeds)
        Console(width=120).print(table)
        met &= fine
    if arguments.only != "proofs":
        table, fine = solvers(arguments.against, arguments.limit)
        Console(width=120).print(table)
        met &= fine
    return int(not met)


if __name__ == "__main__":
    sys.exit(main())
