"""The split problem, where a session may run on any number of GPUs: on how many instances is it closed in ten seconds?

    python benchmarks/nexus_split.py [--seeds 30] [--sessions 10] [--seconds 10]

``proved``: the judge's own bound meets the plan. ``closed``: that, or CP-SAT showed that one GPU fewer is impossible, which
nobody has checked. ``saves``: instances whose best split plan needs fewer GPUs than the proved unsplit optimum.
Exit code 1 where fewer than 60 % of the residual instances are closed.
"""

from __future__ import annotations

import argparse
import sys

from rich.console import Console
from rich.table import Table

import gavelopt as go
from formulations.nexus.families import FAMILIES, random_instance
from formulations.nexus.squishy import Squishy

CLOSED = 0.6


def main() -> int:
    """One row a family; 1 where too few are closed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=30)
    parser.add_argument("--sessions", type=int, default=10)
    parser.add_argument("--seconds", type=float, default=10.0)
    arguments = parser.parse_args()
    table = Table(title=f"{arguments.sessions} sessions, {arguments.seeds} seeds, {arguments.seconds:g} s each")
    for column in ("family", "proved", "closed", "largest gap, GPUs", "saves a GPU"):
        table.add_column(column, justify="right")
    enough = True
    for family in ("residual", *sorted(set(FAMILIES) - {"residual"})):
        proved = closed = saves = 0
        gap = 0.0
        for seed in range(arguments.seeds):
            instance = random_instance(arguments.sessions, family, seed)
            split = go.solve(instance, Squishy(variant="split"), time_limit=arguments.seconds)
            whole = go.solve(instance, "squishy", time_limit=arguments.seconds)
            proved += split.status == "optimal"
            closed += split.value == split.bound
            saves += split.value < whole.value
            gap = max(gap, split.value - split.bound)
        enough &= family != "residual" or closed >= CLOSED * arguments.seeds
        table.add_row(family, str(proved), str(closed), f"{gap:g}", str(saves))
    Console().print(table)
    return int(not enough)


if __name__ == "__main__":
    sys.exit(main())
