"""Does the price engine always end in a proof?

Every supported policy on random crowds: a grid of R types, loads and numbers of kinds, sizes of a few hundred to a few
thousand jobs drawn at random for every seed. An answer counts as certified where the judge grants "optimal": the gap between
the recomputed value and the recomputed bound is at most 1e-6. Columns of the table, by number of types, load, kinds or policy:

    solved      runs, and how many of them are certified
    program     few kinds of jobs: one small program, as designed
    fallback    prices did not close the gap: solved by the exact method, and the answer says so
    worst gap   of all runs;  ms: median and largest, with judging

    python benchmarks/prices_reliability.py --seeds 200

Exit code 1 where a run is not certified, or more than 2 % needed the fallback.
"""

from __future__ import annotations

import argparse
import itertools
import json
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.progress import track
from rich.table import Table

import gavelopt as go

TYPES = (1, 3, 4, 8, 16)
LOADS = (0.5, 1.0, 2.0, 4.0, 12.0)
KINDS = (1, 2, 26, 1000, None)  # None: no two jobs alike
POLICIES: dict[str, tuple[str, dict[str, Any]]] = {
    "max_sum": ("max_sum", {}),
    "max_sum weighted": ("max_sum", {"normalize": "best", "weighted": True}),
    "max_min": ("max_min", {}),
    "max_min of rates": ("max_min", {"normalize": None}),
    "makespan": ("makespan", {}),
    "ftf": ("ftf", {}),
    "proportional_fairness": ("proportional_fairness", {}),
    "p = 0.5": ("power_mean", {"p": 0.5}),
    "p = -1": ("power_mean", {"p": -1.0}),
    "p = -5": ("power_mean", {"p": -5.0}),
}
MOST_FALLBACKS = 0.02


@dataclass(frozen=True)
class Run:
    """One solve: the cell of the grid, what came out."""

    seed: int
    types: int
    load: float
    kinds: int | None
    jobs: int
    policy: str
    status: str
    gap: float | None
    engine: str
    fallback: bool
    seconds: float


def cells(seeds: range) -> Iterator[tuple[int, int, float, int | None]]:
    """Each seed takes one cell of the grid in turn, so that 125 seeds see it all once."""
    grid = list(itertools.product(TYPES, LOADS, KINDS))
    order = np.random.default_rng(7).permutation(len(grid))
    for seed in seeds:
        types, load, kinds = grid[order[seed % len(grid)]]
        yield seed, types, load, kinds


def run(sizes: tuple[int, int], seed: int, types: int, load: float, kinds: int | None) -> Iterator[Run]:
    """Every policy on one instance."""
    jobs = int(np.exp(np.random.default_rng([seed, 1]).uniform(*np.log(sizes))))
    instance = go.examples.crowd(jobs, types, load, kinds, seed)
    for label, (policy, options) in POLICIES.items():
        begin = time.perf_counter()
        solution = go.solve(instance, policy, method="fast", **options)
        seconds = time.perf_counter() - begin
        words = solution.attempts[-1].detail
        engine = str(solution.details.get("engine", "none"))
        fell = "did not reach" in words
        yield Run(seed, types, load, kinds, jobs, label, solution.status, solution.gap, engine, fell, round(seconds, 4))


def table(title: str, runs: list[Run], key: str) -> Table:
    """Runs by one of their fields."""
    shown = Table(title=title)
    for column in (key, "solved", "certified", "program", "fallback", "worst gap", "ms", "worst ms"):
        shown.add_column(column, justify="left" if column == key else "right")
    groups: dict[Any, list[Run]] = {}
    for each in runs:
        groups.setdefault(getattr(each, key), []).append(each)
    for name, group in [*groups.items(), ("all", runs)]:
        optimal = sum(each.status == "optimal" for each in group)
        program = sum(each.engine == "exact" and not each.fallback for each in group)
        fallback = sum(each.fallback for each in group)
        gaps = [each.gap for each in group if each.gap is not None]
        seconds = np.array([each.seconds for each in group])
        shown.add_row(
            "all distinct" if name is None else str(name),
            str(len(group)), f"{100 * optimal / len(group):.2f} %", str(program), f"{100 * fallback / len(group):.2f} %",
            f"{max(gaps, default=np.nan):.1e}", f"{1e3 * np.median(seconds):.0f}", f"{1e3 * seconds.max():.0f}",
        )  # fmt: skip
    return shown


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=200)
    parser.add_argument("--first", type=int, default=0, help="number of the first seed")
    parser.add_argument("--jobs", type=int, nargs=2, default=(300, 4_000), help="fewest and most")
    parser.add_argument("--out", type=Path, help="a file of JSON lines for the single runs")
    arguments = parser.parse_args()
    console, runs = Console(), []
    todo = list(cells(range(arguments.first, arguments.first + arguments.seeds)))
    for cell in track(todo, "solving", console=Console(stderr=True), disable=not sys.stderr.isatty()):
        runs += run(tuple(arguments.jobs), *cell)
    if arguments.out:
        arguments.out.write_text("".join(json.dumps(asdict(each)) + "\n" for each in runs))
    for key in ("types", "load", "kinds", "policy"):
        console.print(table(f"{arguments.seeds} seeds, by {key}", runs, key))
    bad = [each for each in runs if each.status != "optimal"]
    for each in bad:
        console.print(f"not certified: {each}")
    share = sum(each.fallback for each in runs) / max(len(runs), 1)
    return int(bool(bad) or share > MOST_FALLBACKS)


if __name__ == "__main__":
    sys.exit(main())
