"""How fast are replays?

    python benchmarks/replay_speed.py [--runtimes PHILLY_RUNTIME.csv]

Max-min: 1,000 single-GPU jobs of Gavel's mix on 36:36:36 at 5 jobs an hour, solved again at every arrival and completion
(fluid) and in rounds of 360 s (solved at every round in which a job came or went). Queues: 10,000 jobs, gangs of 1 to 8,
at loads of 0.9 and 1.5. Philly: 83,154 runtimes (the file's column ``runtime``, or as many from the log-normal), gangs of 1
to 8, on 2,490 accelerators, under SRTF. The compiled loops are called once before the clock starts.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

import gavelopt as go
from gavelopt.io.philly import read_philly_runtimes
from gavelopt.replay.workloads import GANGS, gavel_durations, philly_durations

PHILLY_JOBS, PHILLY_GPUS = 83_154, 2_490


def queue_trace(duration: np.ndarray, accelerators: int, load: float, seed: int = 0) -> go.Instance:
    """Jobs of the given seconds on one type, gangs of the mixed trace, arriving so that the cluster is loaded to ``load``."""
    random = np.random.default_rng(seed)
    gang = random.choice(GANGS["mixed"][0], size=len(duration), p=GANGS["mixed"][1])
    gap = float((duration * gang).mean()) / accelerators / load
    arrival = np.cumsum(random.exponential(gap, len(duration)))
    rates = np.ones((len(duration), 1))
    return go.Instance.from_arrays(rates, [accelerators], scale=gang, steps=duration, arrival_s=arrival)


def runs(runtimes: Path | None) -> Iterator[tuple[str, go.Instance, str, dict[str, Any]]]:
    """(what, trace, scheduler, options), one after the other."""
    random = np.random.default_rng(0)
    single = single_jobs()(1000, 5.0)
    yield "1,000 jobs, 36:36:36, 5/h", single, "max_min", {"mode": "fluid"}
    yield "1,000 jobs, 36:36:36, 5/h", single, "max_min", {"mode": "rounds"}
    for load in (0.9, 1.5):
        trace = queue_trace(gavel_durations(10_000, random), 108, load)
        for name in ("fcfs", "sjf", "fcfs_backfill", "srtf"):
            yield f"10,000 jobs, load {load}", trace, name, {}
    measured = None if runtimes is None else read_philly_runtimes(runtimes)
    philly = philly_durations(PHILLY_JOBS, random) if measured is None else measured[measured > 0]
    for load in (0.9, 1.3):
        trace = queue_trace(random.permutation(philly), PHILLY_GPUS, load)
        yield f"Philly, {len(philly):,} jobs, load {load}", trace, "srtf", {}


def single_jobs() -> go.TraceGenerator:
    """Gavel's single-GPU jobs on 36:36:36."""
    return go.TraceGenerator(go.examples.gavel_profiles(), go.Cluster.from_spec("36:36:36"))


def warm_up() -> None:
    """Call the compiled loops once."""
    for name in ("fcfs", "srtf"):
        go.replay(queue_trace(np.ones(10), 8, 1.0), name)
    go.replay(single_jobs()(4, 5.0), "max_min")


def main() -> None:
    """Print one row a replay."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runtimes", type=Path)
    asked = parser.parse_args()
    warm_up()
    table, told = Table(title="replays, one process"), Console(stderr=True)
    for head in ("trace", "scheduler", "mode", "mean JCT (h)", "preemptions", "solves", "seconds", "of one core"):
        table.add_column(head, justify="left" if head in ("trace", "scheduler", "mode") else "right")
    for what, instance, scheduler, options in runs(asked.runtimes):
        began = time.process_time()  # on a shared machine the clock on the wall also counts what others do
        done = go.replay(instance, scheduler, **options)
        core = time.process_time() - began
        told.print(f"{what}, {scheduler} {done.mode}: {done.seconds:.2f} s, {core:.2f} s of one core")
        mean, stops = f"{done.mean_jct_s / 3600:.2f}", f"{int(done.preemptions.sum()):,}"
        table.add_row(what, scheduler, done.mode, mean, stops, f"{done.solves:,}", f"{done.seconds:.2f}", f"{core:.2f}")
    Console(width=120).print(table)


if __name__ == "__main__":
    main()
