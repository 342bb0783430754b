"""The embedded tables and examples: true to their sources, seeded, and small enough to check by hand."""

from __future__ import annotations

import csv
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import gavelopt as go
from gavelopt.io.gavel_throughputs import read_gavel_throughputs

ROUNDING = 5e-4  # three decimals
MLPERF = {
    "h200": "NVIDIA H200-SXM-141GB",
    "h100": "NVIDIA H100-SXM-80GB",
    "h100-pcie": "NVIDIA H100-PCIe-80GB",
    "l40s": "NVIDIA L40S",
    "l4": "NVIDIA L4",
}


@pytest.mark.parametrize(
    ("policy", "value"), [("max_sum", 6.0), ("makespan", 6300.0), ("max_min", 32 / 39)], ids=lambda value: str(value)
)
def test_tiny_is_solved_by_hand(policy: str, value: float) -> None:
    assert go.solve(go.examples.tiny(), policy).value == pytest.approx(value, rel=1e-9)


def test_gavel_s_table_is_gavel_s(shared_data: Path) -> None:
    whole = read_gavel_throughputs(shared_data / "gavel/simulation_throughputs.json")
    ours = go.examples.gavel_profiles()
    assert len(ours.keys) == 26
    assert set(ours.keys) == {key for key in whole.keys if key[1] == 1}
    for key in ours.keys:
        for column, name in enumerate(ours.accelerators):
            measured = whole.rates[whole.row[key], whole.accelerators.index(name)]
            assert abs(ours.rates[ours.row[key], column] - measured) <= ROUNDING


def test_modern_table_is_mlperf_s(shared_data: Path) -> None:
    best: dict[tuple[str, str], float] = {}
    with (shared_data / "mlperf_v41/mlperf_v41_closed.csv").open(encoding="utf-8") as file:
        for row in csv.DictReader(file):
            if row["scenario"] == "Offline" and row["samples_per_s"]:
                held = float(row["accelerators_per_node"] or 0) * float(row["nodes"] or 1)
                key = row["model"], row["accelerator"]
                best[key] = max(best.get(key, 0.0), float(row["samples_per_s"]) / held if held else 0.0)
    ours = go.examples.modern_profiles()
    assert len(ours.keys) == 9
    for (model, _), rates in zip(ours.keys, ours.rates, strict=True):
        for name, rate in zip(ours.accelerators, rates, strict=True):
            found = best.get((model, MLPERF[name]))
            assert (found is None) == bool(np.isnan(rate))
            assert found is None or rate == pytest.approx(found, rel=1e-5)


def test_examples_are_seeded() -> None:
    one, same, other = go.examples.gavel(40), go.examples.gavel(40), go.examples.gavel(40, seed=1)
    assert one.jobs.workload == same.jobs.workload != other.jobs.workload
    np.testing.assert_array_equal(one.jobs.steps, same.jobs.steps)
    assert set(one.jobs.weight.tolist()) == {1.0, 5.0}
    assert one.cluster.cost_per_hour is not None
    assert one.cluster.cost_per_hour.tolist() == [0.74, 0.43, 0.135]
    assert one.throughputs.source is not None
    assert one.throughputs.source.startswith("Gavel")


def test_a_crowd_in_teams() -> None:
    """The same jobs, each owned by one of the teams, whose rules are dealt out in turn."""
    alone, teams = go.examples.crowd(60, 3), go.examples.crowd(60, 3, entities=4, rules=("fairness", "fifo"))
    np.testing.assert_array_equal(teams.rates, alone.rates)
    np.testing.assert_array_equal(teams.jobs.weight, alone.jobs.weight)
    assert alone.entities == ()
    assert [(team.weight, team.policy) for team in teams.entities] == [
        (1.0, "fairness"),
        (2.0, "fifo"),
        (3.0, "fairness"),
        (1.0, "fifo"),
    ]
    assert teams.jobs.entity is not None
    assert set(teams.jobs.entity) == {team.name for team in teams.entities}
    assert sorted(teams.jobs.arrival_s.tolist()) == list(range(60))
    with pytest.raises(go.InputError, match="teams"):
        go.examples.crowd(60, 3, entities=-1)


def test_durations_are_gavel_s() -> None:
    """Steps are what a v100 does in 10^1.5 to 10^4 minutes."""
    instance = go.examples.gavel(2000, cluster="v100:1")
    assert instance.jobs.steps is not None
    minutes = instance.jobs.steps / instance.rates[:, 0] / 60
    assert minutes.min() > 10**1.49
    assert minutes.max() < 10**4.01
    assert np.mean(minutes > 10**3) == pytest.approx(0.2, abs=0.03)


@pytest.mark.parametrize("make", [go.examples.gavel, go.examples.modern])
@pytest.mark.parametrize("jobs", [0, 1, 30])
def test_examples_can_be_solved(make: object, jobs: int) -> None:
    assert callable(make)
    assert go.solve(make(jobs), "max_min").status == "optimal"


def test_unknown_type_and_bad_number() -> None:
    with pytest.raises(go.InputError, match="unknown accelerator 'a100'"):
        go.examples.gavel(cluster="a100:4")
    with pytest.raises(go.InputError, match="number of jobs out of range"):
        go.examples.gavel(-1)


def test_importing_gavelopt_reads_nothing_heavy() -> None:
    heavy = "pandas", "pyarrow", "cvxpy", "highspy", "ortools", "numba", "matplotlib", "jsonschema"
    code = f"import sys, gavelopt; print([name for name in {heavy!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
