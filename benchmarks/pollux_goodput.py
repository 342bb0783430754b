"""The exact batch size against Pollux's grid, and the fit against its single start.

    python benchmarks/pollux_goodput.py [--points 20000] [--data FOLDER]

Batch sizes: every (job, configuration) of instances drawn from the six measured applications; ``lost`` is what the grid of
50 points gives away. Fit: the step times of the Pollux artifact (16 nodes of 4 T4), objective of the best of 12 random
starts and Pollux's own, against Pollux's own alone.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np
import pandas as pd
from rich.console import Console
from rich.table import Table

from formulations.pollux.apps import APPS, sample
from formulations.pollux.fit import Measurements, fit, fit_single_start
from gavelopt.model.batch import BatchLimits, best_batch, grid_batch
from gavelopt.model.goodput import GoodputModel

BESIDE = Path(__file__).resolve().parents[2] / "shared" / "data"


def cells(points: int) -> tuple[GoodputModel, BatchLimits]:
    """The model and the limits of ``points`` random cells of a large instance."""
    instance = sample(768, 512, seed=0)
    random = np.random.default_rng(0)
    job, way = np.nonzero(instance.goodput > 0)
    chosen = random.choice(len(job), min(points, len(job)), replace=False)
    job, way = job[chosen], way[chosen]
    ways = instance.configurations
    return instance.goodput_cells(job, ways.type[way], ways.gpus[way], ways.spread[way])


def measurements(folder: Path) -> Measurements:
    """The step times of one application."""
    near = pd.read_csv(folder / "placements.csv", dtype={"placement": str})
    near["num_nodes"] = near["placement"].str.len()
    near["num_replicas"] = near["placement"].map(lambda text: sum(int(digit) for digit in text))
    table = pd.concat([near, pd.read_csv(folder / "scalability.csv")])
    compute = table["step_time"] - table["sync_time"]
    return Measurements(table["num_nodes"], table["num_replicas"], table["local_bsz"], compute, table["step_time"])


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--points", type=int, default=20_000)
    parser.add_argument("--data", type=Path, default=BESIDE)
    arguments = parser.parse_args()
    console = Console(width=100)
    model, limits = cells(arguments.points)
    begun = time.perf_counter()
    exact = best_batch(model, limits)
    middle = time.perf_counter()
    grid = grid_batch(model, limits)
    ended = time.perf_counter()
    lost = 1 - grid.goodput / exact.goodput
    assert (lost >= -1e-12).all()
    console.print(
        f"{len(lost)} cells: exact {middle - begun:.3f} s, grid {ended - middle:.3f} s; the grid loses "
        f"{lost.mean():.2%} on average, {lost.max():.2%} at worst"
    )
    folder = arguments.data / "pollux_sia" / "profiles_t4"
    if not folder.is_dir():
        console.print(f"no profiles at {folder}: no fit")
        return
    table = Table("application", "rows", "single start", "several starts", "seconds")
    for app in APPS:
        rows = measurements(folder / app)
        begun = time.perf_counter()
        found = fit(rows)
        seconds = time.perf_counter() - begun
        single = fit_single_start(rows)
        assert found.objective <= single.objective
        table.add_row(app, str(len(rows.nodes)), f"{single.objective:.6f}", f"{found.objective:.6f}", f"{seconds:.2f}")
    console.print(table)


if __name__ == "__main__":
    main()
