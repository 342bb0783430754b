"""Gavel's and Shockwave's real files: every key, every dialect, and what is odd in them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import gavelopt as go
from gavelopt.io.describe import describe_table
from gavelopt.io.gavel_throughputs import profiles_of, read_gavel_throughputs
from gavelopt.io.gavel_traces import parse_gavel_trace, read_gavel_trace
from tests.io.malformed import PROFILES, TRACE

# file: (keys, pairs of two keys, rates of 0, rows with a newer type that is slower), as counted in the raw files
TABLES = {
    "gavel/simulation_throughputs.json": (83, 921, 3, 20),
    "gavel/physical_cluster_throughputs.json": (83, 921, 4, 16),
    "gavel/oracle_throughputs.json": (26, 351, 0, 0),
    "shockwave/wisr_throughputs.json": (83, 921, 10, 27),
}
# file: (columns, jobs)
TRACES = {
    "gavel/traces/msr_seed0_0e4a51.trace": (7, 1181),
    "gavel/traces/msr_seed0_103959.trace": (7, 986),
    "gavel/traces/msr_seed0_51b7ef.trace": (7, 18),
    "gavel/traces/physical_artifact_evaluation.trace": (10, 15),
    "gavel/traces/physical_max_min_fairness.trace": (10, 96),
    "gavel/traces/physical_minimize_makespan.trace": (10, 100),
    "gavel/traces/physical_small_test.trace": (10, 20),
    "shockwave/tacc32_120jobs_dynamic.trace": (12, 120),
}


@pytest.mark.parametrize("name", TABLES)
def test_every_rate_of_a_throughput_file(name: str, shared_data: Path) -> None:
    raw = json.loads((shared_data / name).read_text())
    profiles = read_gavel_throughputs(shared_data / name)
    keys, pairs, zeros, inverted = TABLES[name]
    assert (len(profiles.keys), len(profiles.pairs)) == (keys, pairs)
    assert set(profiles.accelerators) == {"k80", "p100", "v100"}
    for (workload, scale), row in zip(profiles.keys, profiles.rates, strict=True):
        key = workload if "oracle" in name else f"('{workload}', {scale})"
        expected = [raw[accelerator][key]["null"] for accelerator in profiles.accelerators]
        np.testing.assert_array_equal(row, expected)
    report = describe_table(profiles)
    assert (len(report.zeros), report.inverted_rows) == (zeros, inverted)
    assert report.order == ("k80", "p100", "v100")


def test_every_pair_of_the_simulation_file(shared_data: Path) -> None:
    raw = json.loads((shared_data / "gavel/simulation_throughputs.json").read_text())
    profiles = read_gavel_throughputs(shared_data / "gavel/simulation_throughputs.json")
    assert profiles.notes == ()
    for ((one, scale), (other, _)), rates in profiles.pairs.items():
        for at, accelerator in enumerate(profiles.accelerators):
            table = raw[accelerator]
            assert table[f"('{one}', {scale})"][f"('{other}', {scale})"] == rates[at].tolist()
            assert table[f"('{other}', {scale})"][f"('{one}', {scale})"] == rates[at, ::-1].tolist()


def test_unconsolidated_types_are_types_of_their_own(shared_data: Path) -> None:
    profiles = read_gavel_throughputs(shared_data / "gavel/simulation_throughputs.json", unconsolidated=True)
    assert len(profiles.accelerators) == 6
    report = describe_table(profiles)
    assert {name for _, name in report.unknown} == {"k80_unconsolidated"}
    assert len(report.unknown) == 6


def test_pairs_measured_differently_from_two_sides_are_said() -> None:
    document = json.loads(json.dumps(PROFILES))
    document["v100"]["('LM', 1)"]["('A3C', 1)"] = [41.0, 3.0]
    profiles = profiles_of(document, "made up")
    assert len(profiles.pairs) == 1
    np.testing.assert_array_equal(profiles.pairs[("A3C", 1), ("LM", 1)], [[3.0, 40.0], [np.nan, np.nan]])
    assert profiles.notes == (
        "1 pair(s) are measured differently from their two sides; the first one in the file was taken",
    )


@pytest.mark.parametrize("name", TRACES)
def test_every_row_of_a_trace(name: str, shared_data: Path) -> None:
    rows = [line.split("\t") for line in (shared_data / name).read_text().splitlines()]
    jobs = read_gavel_trace(shared_data / name)
    columns, count = TRACES[name]
    assert (len(rows[0]), len(jobs)) == (columns, count)
    where = {7: (4, 6, 5), 10: (5, 6, 9), 12: (5, 6, 11)}[columns]  # steps, scale factor, arrival
    assert jobs.workload == tuple(row[0] for row in rows)
    assert jobs.steps is not None
    assert jobs.steps.tolist() == [float(row[where[0]]) for row in rows]
    assert jobs.scale_factor.tolist() == [int(row[where[1]]) for row in rows]
    assert jobs.arrival_s.tolist() == [float(row[where[2]]) for row in rows]
    assert jobs.weight.tolist() == [1.0] * count
    assert jobs.deadline_s is None


def test_shockwave_s_own_columns(shared_data: Path) -> None:
    trace = parse_gavel_trace(shared_data / "shockwave/tacc32_120jobs_dynamic.trace")
    assert trace.mode is not None
    assert {mode: trace.mode.count(mode) for mode in trace.mode} == {"accordion": 59, "gns": 57, "static": 4}
    assert trace.duration_s is not None
    assert trace.duration_s[:2].tolist() == [1418.0, 3338.0]
    assert trace.notes[0].startswith("116 job(s) change their batch size")


@pytest.mark.parametrize("name", [name for name, (columns, _) in TRACES.items() if columns != 7])
def test_a_trace_and_a_table_make_an_instance(name: str, shared_data: Path) -> None:
    table = shared_data / "gavel/simulation_throughputs.json"
    one = go.read(table, cluster="36:36:36", jobs=shared_data / name)
    other = go.read(shared_data / name, cluster="v100:36,p100:36,k80:36", throughputs=table)
    np.testing.assert_array_equal(one.rates, other.rates)
    assert (one.notes, one.name) == (other.notes, other.name)
    assert go.solve(one, "max_min").status == "optimal"


def test_keys_that_were_never_measured(shared_data: Path) -> None:
    parts = {
        "cluster": shared_data / "gavel/traces/msr_cluster_specs_heterogeneous.json",
        "throughputs": shared_data / "gavel/simulation_throughputs.json",
    }
    trace = shared_data / "gavel/traces/msr_seed0_0e4a51.trace"
    with pytest.raises(go.InputError, match="no measured rate for workload"):
        go.read(trace, **parts)
    dropped = go.read(trace, missing="drop", **parts)
    scaled = go.read(trace, missing="scale", **parts)
    assert (len(dropped.jobs), len(scaled.jobs)) == (984, 1181)
    assert dropped.notes[0].startswith("jobs without a measured rate were dropped: ")
    assert "(21 in all)" in dropped.notes[0]
    assert scaled.notes[0].startswith("jobs without a measured rate were scaled linearly")
    assert dropped.cluster.count.tolist() == [300.0, 300.0, 300.0]


@pytest.mark.parametrize(
    ("slo", "deadline"), [("-1.000000", None), ("1.2", 10 + 1.2 * 7000 / 80)], ids=["none", "of_the_duration"]
)
def test_slo_of_ten_columns(slo: str, deadline: float | None, tmp_path: Path) -> None:
    (tmp_path / "x.trace").write_text(TRACE.replace("-1.000000\t10", f"{slo}\t10"))
    jobs = read_gavel_trace(tmp_path / "x.trace", throughputs=profiles_of(PROFILES, "made up"))
    (tmp_path / "t.json").write_text(json.dumps(PROFILES))
    whole = go.read(tmp_path / "x.trace", cluster="v100:1", throughputs=tmp_path / "t.json")
    np.testing.assert_array_equal(whole.jobs.deadline_s, jobs.deadline_s)
    if deadline is None:
        assert jobs.deadline_s is None
    else:
        np.testing.assert_allclose(jobs.deadline_s, [np.nan, deadline])


def test_slo_of_twelve_columns(tmp_path: Path) -> None:
    (tmp_path / "x.trace").write_text("A3C\tc\td\t-n\t0\t5000\t1\tstatic\t1\t2.0\t100\t7\n")
    np.testing.assert_array_equal(read_gavel_trace(tmp_path / "x.trace").deadline_s, [207.0])


def test_names_of_workloads_are_a_job_list(shared_data: Path) -> None:
    table = shared_data / "gavel/physical_cluster_throughputs.json"
    found = go.read(table, cluster={"v100": 1, "k80": 1}, jobs=["A3C", "ResNet-50 (batch size 128)"])
    assert found.notes == ("1 rate(s) are 0 (cannot run): ResNet-50 (batch size 128) on k80",)
    assert found.rates[1, 1] == 0


def test_a_table_of_job_columns_is_a_job_list(shared_data: Path, tmp_path: Path) -> None:
    (tmp_path / "jobs.csv").write_text("job,workload,scale_factor,weight\na,LM (batch size 5),4,5\n")
    found = go.read(shared_data / "gavel/simulation_throughputs.json", cluster="36:36:36", jobs=tmp_path / "jobs.csv")
    assert (found.jobs.names[0], found.jobs.scale_factor[0], found.jobs.weight[0]) == ("a", 4, 5.0)


@pytest.mark.parametrize(
    ("content", "counts"),
    [
        ({"philly": ["500:0:0"]}, [500.0, 0.0, 0.0]),
        ({"accelerators": [{"name": "v100", "count": 2}]}, [2.0]),
        ({"cluster": {"accelerators": [{"name": "v100", "count": 3}]}, "jobs": []}, [3.0]),
    ],
)
def test_cluster_files(content: object, counts: list[float], tmp_path: Path) -> None:
    (tmp_path / "t.json").write_text(json.dumps({"v100": {"A3C": {"null": 7.0}}, "p100": {}, "k80": {}}))
    (tmp_path / "cluster.json").write_text(json.dumps(content))
    found = go.read(tmp_path / "t.json", cluster=tmp_path / "cluster.json", jobs=["A3C"])
    assert found.cluster.count.tolist() == counts


def test_a_cluster_file_of_many_is_refused(tmp_path: Path) -> None:
    (tmp_path / "t.json").write_text(json.dumps(PROFILES))
    (tmp_path / "cluster.json").write_text(json.dumps({"a": ["1:1:1", "2:2:2"]}))
    with pytest.raises(go.InputError, match="does not hold one cluster"):
        go.read(tmp_path / "t.json", cluster=tmp_path / "cluster.json", jobs=["A3C"])
