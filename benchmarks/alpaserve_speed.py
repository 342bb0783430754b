"""How fast are the simulator, the search and the enumeration?

    python benchmarks/alpaserve_speed.py [--only six_by_six]

Simulator: requests a second on one core, long workloads, placements in one compiled call. Search: 60 models of six sizes
on 48 devices, about 15,000 requests; CPU seconds are of all cores together. Enumeration: 6 devices x 6 models, 8 x 5 and
8 x 8, with a limit of 60 s each; where it does not end, the set-packing answer and the judge's bound say how much it may be
off. Six by six: 6 devices x 6 models of many kinds, objectives, burstiness and loads; "nodes" of the enumeration's tree,
"simulated" placements; CPU seconds are of all cores together.
"""

from __future__ import annotations

import argparse
import time
from collections import Counter

import numpy as np
from rich.console import Console
from rich.table import Table

import gavelopt as go
from formulations.alpaserve.exact import count_placements
from formulations.alpaserve.examples import BERTS, SINGLE, serving_instance, synthetic_profiles
from formulations.alpaserve.greedy import equal_groups, fill
from formulations.alpaserve.scoring import Scorer

LIMIT_S = 60.0


def question(
    kinds: tuple[str, ...],
    devices: int,
    load: float,
    requests: int,
    *,
    cv: float = 4.0,
    slo: float = 5.0,
    stages: int = 8,
    seed: int = 0,
) -> go.PlacementInstance:
    """Models of the given kinds at a load of ``load`` devices' work, about so many requests."""
    inter = tuple(k for k in (1, 2, 4, 8) if k <= stages)
    profiles = synthetic_profiles({kind: SINGLE[kind] for kind in set(kinds)}, inter=inter, intra=(1, 2))
    share = go.serving.power_law_rates(1.0, len(kinds))
    total = load * devices / float(np.dot(share, [SINGLE[kind][0] for kind in kinds]))
    return serving_instance(
        kinds, profiles, devices=devices, total_rps=total, cv=cv, slo_scale=slo, duration_s=requests / total, seed=seed
    )


def kernel() -> Table:
    """Requests a second of one core."""
    table = Table(title="simulator, one core: 20 placements of one call, 200,000 requests each")
    for column in ("devices", "models", "configuration", "replicas", "attainment", "million requests/s"):
        table.add_column(column, justify="right")
    for devices, copies, stages in (
        (8, 3, 1),
        (16, 10, 1),
        (16, 10, 2),
        (16, 10, 4),
        (16, 10, 8),
        (48, 20, 4),
        (48, 20, 8),
    ):
        instance = question(BERTS * copies, devices, 0.7, 200_000)
        scorer = Scorer(instance, workload=instance.workload.between(0, instance.workload.arrival_s[-1] / 20))
        code, _ = fill(scorer, equal_groups(scorer, go.Configuration(stages, 1)))
        simulator = go.serving.ServingSimulator(instance)
        config, mask = simulator.encode([code] * 20)
        simulator.score(config[:1], mask[:1])
        start = time.thread_time()  # of this core alone, whatever else the machine does
        good, _ = simulator.score(config, mask)
        seconds = time.thread_time() - start
        replicas = sum(bits.bit_count() for _, bits in code)
        speed = f"{20 * len(instance.workload) / seconds / 1e6:.1f}"
        row = (str(devices), str(3 * copies), f"({stages},1)", str(replicas))
        table.add_row(*row, f"{good[0] / simulator.requests:.3f}", speed)
    return table


def search() -> Table:
    """The search on 48 devices."""
    table = Table(title="search, 48 devices x 60 models of six sizes")
    for column in ("requests", "load", "value", "bound", "CPU seconds", "seconds"):
        table.add_column(column, justify="right")
    for load in (0.4, 0.6, 0.8):
        instance = question(tuple(SINGLE) * 10, 48, load, 15_000)
        start, used = time.perf_counter(), time.process_time()
        solution = go.solve(instance, "placement", method="search")
        spent = (time.process_time() - used, time.perf_counter() - start)
        figures = (
            f"{load:g}",
            f"{solution.value:.4f}",
            f"{solution.bound:.4f}",
            *(f"{seconds:.1f}" for seconds in spent),
        )
        table.add_row(str(len(instance.workload)), *figures)
    return table


def enumeration() -> Table:
    """How far the enumeration goes."""
    table = Table(title=f"enumeration, at most {LIMIT_S:g} s; set packing where it does not end")
    for column in ("devices x models", "placements", "search", "exact", "set packing", "bound", "seconds", "ending"):
        table.add_column(column, justify="right")
    small, large, middle = "bert-1.3b", "bert-6.7b", "bert-2.6b"
    cases = (
        ((large, middle, small) * 2, 6),
        ((middle,) * 6, 6),
        ((small,) * 6, 6),
        ((large, middle, small, middle, small), 8),
        ((large, large, middle, large) * 2, 8),
        ((large, middle, small, middle) * 2, 8),
        ((small,) * 8, 8),
    )
    for kinds, devices in cases:
        instance = question(kinds, devices, 0.9, 350, slo=2.5, stages=4 if devices == 6 else 8)
        found = go.solve(instance, "placement", method="search")
        start = time.perf_counter()
        exact = go.solve(instance, "placement", method="exact", time_limit=LIMIT_S)
        seconds, packed = time.perf_counter() - start, None
        if not exact.details["complete"]:
            packed = go.solve(instance, "placement", method="set_packing", time_limit=LIMIT_S)
        proved = go.serving.bound_good(instance, instance.workload) / instance.workload.counts
        table.add_row(
            f"{devices} x {len(kinds)} ({', '.join(dict.fromkeys(kinds))})",
            f"{count_placements(instance):.1e}",
            f"{found.value:.4f}",
            f"{exact.value:.4f}",
            "-" if packed is None else f"{packed.value:.4f}",
            f"{exact.bound:.4f} {exact.bound_kind}" if packed is None else f"{proved:.4f} proved",
            f"{seconds:.1f}",
            exact.attempts[0].detail.split(", ")[-1],
        )
    return table


SIX = (
    ("bert-1.3b",) * 6,
    ("moe-1.3b",) * 6,
    ("bert-1.3b", "moe-1.3b") * 3,
    ("bert-1.3b", "moe-2.4b") * 3,
    ("bert-1.3b",) * 5 + ("bert-2.6b",),
    ("bert-2.6b",) * 6,
    ("bert-6.7b", "bert-2.6b", "bert-1.3b") * 2,
    ("bert-6.7b", "moe-5.3b", "bert-2.6b", "moe-2.4b", "bert-1.3b", "moe-1.3b"),
)
# SLO scale, CV, load, seed
SETTINGS = ((1.5, 4.0, 0.4, 0), (1.5, 1.0, 0.9, 0), (2.5, 4.0, 0.9, 0), (3.5, 2.0, 1.1, 1), (5.0, 1.0, 1.1, 2))


def six_by_six() -> Table:
    """6 devices x 6 models, each with a limit of 60 s."""
    table = Table(title="enumeration, 6 devices x 6 models, at most 60 s")
    columns = (
        "models",
        "SLO",
        "CV",
        "load",
        "placements",
        "value",
        "gap",
        "nodes",
        "simulated",
        "CPU seconds",
        "seconds",
    )
    for column in columns:
        table.add_column(column, justify="right")
    for kinds in SIX:
        names = ", ".join(f"{count} {kind}" for kind, count in Counter(kinds).items())
        for slo, cv, load, seed in SETTINGS:
            instance = question(kinds, 6, load, 350, cv=cv, slo=slo, stages=4, seed=seed)
            start, used = time.perf_counter(), time.process_time()
            found = go.solve(instance, "placement", method="exact", time_limit=LIMIT_S)
            spent = (time.process_time() - used, time.perf_counter() - start)
            figures = (f"{slo:g}", f"{cv:g}", f"{load:g}", f"{count_placements(instance):.1e}", f"{found.value:.4f}")
            work = (f"{found.details['nodes']}", f"{found.details['clusters']}")
            table.add_row(names, *figures, f"{found.gap:.4f}", *work, *(f"{seconds:.1f}" for seconds in spent))
    return table


TABLES = {make.__name__: make for make in (kernel, search, enumeration, six_by_six)}


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", choices=TABLES)
    chosen = parser.parse_args().only
    console = Console(width=160)
    for name, make in TABLES.items():
        if chosen in (None, name):
            console.print(make())


if __name__ == "__main__":
    main()
