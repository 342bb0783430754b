"""How few GPUs answer 99 % of a recorded trace in time? With a lower bound for every five minutes.

    python benchmarks/alpaserve_capacity.py [--data FOLDER] [--target 0.99]

The published Azure LLM and Mooncake traces (arrival times only) dealt to 12 models of three sizes with power-law shares, and
the ten most asked models of the Alibaba diffusion trace on its busiest day with their own mean service times; objective 5 x
the latency on one device. ``least`` is the bound of the relaxation over the whole trace (no placement on fewer devices can
reach the target); a window's bound holds for a placement that must reach the target in that window too. ``found`` is what
the search reaches, ``replicated`` the same question for replication without model parallelism, ``planned`` what the
rate-only program asks for.
"""

from __future__ import annotations

import argparse
import os
import time
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

import gavelopt as go
from formulations.alpaserve.capacity import fewest_devices
from formulations.alpaserve.capacity_milp import fewest_devices as planned_devices
from formulations.alpaserve.examples import BERTS, GIB_BUDGET, SINGLE, synthetic_profiles
from formulations.alpaserve.greedy import equal_groups, fill
from formulations.alpaserve.scoring import Scorer

WINDOW_S = 300.0
DAY_S = 86_400.0
BESIDE = Path(__file__).resolve().parents[2] / "shared" / "data"


def language_models(path: Path) -> go.PlacementInstance:
    """A trace of one service as 12 models."""
    trace = go.read_requests(path)
    kinds = BERTS * 4
    profiles = synthetic_profiles({kind: SINGLE[kind] for kind in BERTS})
    return _instance(
        kinds, profiles, [5 * SINGLE[kind][0] for kind in kinds], trace.dealt_workload(12, exponent=0.5, seed=1)
    )


def diffusion_models(path: Path) -> go.PlacementInstance:
    """The ten most asked models on the busiest day; 6 GiB each."""
    trace = go.read_requests(path)
    names = [name for name, _ in trace.popularity[:10]]
    busiest = float(np.bincount((trace.arrival_s // DAY_S).astype(int)).argmax()) * DAY_S
    day = trace.workload(names).between(busiest, busiest + DAY_S)
    assert trace.service_s is not None
    asked = np.array(trace.model)
    single = {name: (float(np.nanmean(trace.service_s[asked == name])), 6.0) for name in names}
    workload = go.Workload(day.arrival_s - busiest, day.model)
    return _instance(names, synthetic_profiles(single), [5 * single[name][0] for name in names], workload)


def _instance(
    profile: list[str] | tuple[str, ...], profiles: go.ServingProfiles, slo: list[float], workload: go.Workload
) -> go.PlacementInstance:
    models = go.ServedModels([f"m{i}" for i in range(len(profile))], profile, slo, cv=1.0)
    return go.PlacementInstance(go.Cluster({"v100": 64}, memory_gib=[GIB_BUDGET]), models, profiles, workload)


def replicated(instance: go.PlacementInstance) -> go.Placement:
    """Replication by the fast heuristic."""
    scorer = Scorer(instance)
    code, _ = fill(scorer, equal_groups(scorer, go.Configuration()))
    return instance.decode(code)


def main() -> None:
    """Print one row a trace, and the bound of every window of the first."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path(os.environ.get("GAVELOPT_SHARED_DATA", BESIDE)))
    parser.add_argument("--target", type=float, default=0.99)
    given = parser.parse_args()
    console, windows = Console(width=120), []
    table = Table(title=f"fewest devices for {given.target:.0%} in time")
    for column in (
        "trace",
        "requests",
        "least",
        "worst window",
        "found",
        "in time",
        "replicated",
        "planned",
        "seconds",
    ):
        table.add_column(column, justify="right")
    questions = (
        ("Azure LLM code", language_models, "azure_llm_2023/AzureLLMInferenceTrace_code.csv", WINDOW_S),
        ("Mooncake", language_models, "mooncake/conversation_trace.jsonl", WINDOW_S),
        ("Alibaba diffusion", diffusion_models, "alibaba_genai_v2026/lora_request_trace.csv", 12 * WINDOW_S),
    )
    for name, make, file, window in questions:
        instance = make(given.data / file)
        start = time.perf_counter()
        found = fewest_devices(instance, given.target, window_s=window)
        seconds = time.perf_counter() - start
        plain = fewest_devices(instance, given.target, place=replicated)
        figures = (len(instance.workload), found.least, int(found.least_per_window.max()), found.devices)
        planned = planned_devices(instance, given.target)
        row = (f"{found.attainment:.4f}", str(plain.devices), str(planned), f"{seconds:.1f}")
        table.add_row(name, *map(str, figures), *row)
        windows.append(f"{name}, windows of {window:g} s: {found.least_per_window.tolist()}")
    console.print(table)
    for line in windows:
        console.print(line)


if __name__ == "__main__":
    main()
