"""Tables: matrix and tidy, from files and DataFrames, and a million rows without a loop."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import gavelopt as go
from gavelopt.io.sources import profiles_from
from gavelopt.io.tables import instance_from_frame
from tests.io.malformed import CLUSTER, MATRIX, TIDY


def read(text: str, folder: Path, name: str = "x.csv", cluster: str | None = CLUSTER) -> go.Instance:
    (folder / name).write_text(text, encoding="utf-8")
    found: go.Instance = go.read(folder / name, cluster=cluster)
    return found


def test_matrix(tmp_path: Path) -> None:
    found = read(MATRIX, tmp_path)
    assert list(found.jobs.names) == ["a", "b"]
    assert found.jobs.scale_factor.tolist() == [1, 2]
    assert found.jobs.weight.tolist() == [1.0, 5.0]
    np.testing.assert_array_equal(found.rates, [[11.4, 2.0], [7.1, 0.0]])
    assert found.throughputs.known_cells.tolist() == [[True, True], [True, False]]


def test_matrix_with_all_job_columns(tmp_path: Path) -> None:
    found = read(
        "job,workload,entity,steps,arrival_s,elapsed_s,isolated_elapsed_s,deadline_s,v100,k80\n"
        "a,A3C,,100,1,2,3,,5,6\n"
        "b,,,,,,,40,5,6\n",
        tmp_path,
    )
    assert found.jobs.workload == ("A3C", None)
    assert found.jobs.entity is None
    np.testing.assert_array_equal(found.jobs.steps, [100, np.nan])
    np.testing.assert_array_equal(found.jobs.deadline_s, [np.nan, 40])
    assert found.jobs.arrival_s.tolist() == [1.0, 0.0]
    assert found.jobs.isolated_elapsed_s.tolist() == [3.0, 0.0]


def test_an_empty_cell_of_a_column_with_a_default_is_the_default(tmp_path: Path) -> None:
    found = read("job,weight,scale_factor,v100,k80\na,,,1,1\nb,2,4,1,1\n", tmp_path)
    assert found.jobs.weight.tolist() == [1.0, 2.0]
    assert found.jobs.scale_factor.tolist() == [1, 4]


def test_tidy(tmp_path: Path) -> None:
    found = read(TIDY, tmp_path)
    assert found.jobs.weight.tolist() == [1.0, 5.0]
    assert found.throughputs.known_cells.tolist() == [[True, True], [True, False]]
    assert found.rates.tolist() == [[11.4, 2.0], [7.1, 0.0]]


def test_tabs(tmp_path: Path) -> None:
    assert read(MATRIX.replace(",", "\t"), tmp_path, "x.tsv").rates.tolist() == [[11.4, 2.0], [7.1, 0.0]]


def test_header_names_cluster_unit_and_source(tmp_path: Path) -> None:
    head = "# cluster: k80:3,v100:1\n# unit: samples/s\n# source: measured on Monday\n# any other words: here\n\n"
    found = read(head + MATRIX, tmp_path, cluster=None)
    assert found.cluster.count.tolist() == [3.0, 1.0]
    assert (found.throughputs.unit, found.throughputs.source) == ("samples/s", "measured on Monday")
    assert found.throughputs.rates.tolist() == [[2.0, 11.4], [0.0, 7.1]]


def test_line_numbers_count_the_header(tmp_path: Path) -> None:
    with pytest.raises(go.InputError, match="line 5"):
        read("# unit: steps/s\n\n" + MATRIX.replace("7.1", "x"), tmp_path)


def test_types_that_the_cluster_lacks_are_left_out_aloud(tmp_path: Path) -> None:
    found = read(MATRIX, tmp_path, cluster="v100:1")
    assert found.throughputs.rates.tolist() == [[11.4], [7.1]]
    assert found.notes == ("accelerator(s) that the cluster does not have were left out: k80",)


def test_names_with_quotes_commas_and_hashes(tmp_path: Path) -> None:
    found = read('job,v100,k80\n"a,b",1,2\n"#1 ""x""",3,4\n', tmp_path)
    assert list(found.jobs.names) == ["a,b", '#1 "x"']


def test_profiles_table(tmp_path: Path) -> None:
    file = tmp_path / "profiles.csv"
    file.write_text(
        "# unit: samples/s\nworkload,scale_factor,accelerator,throughput\n"
        "LM,1,v100,80\nLM,4,v100,200\nLM,1,k80,24\nA3C,1,k80,3.4\n",
        encoding="utf-8",
    )
    profiles = profiles_from(file)
    assert list(profiles.keys) == [("LM", 1), ("LM", 4), ("A3C", 1)]
    np.testing.assert_array_equal(profiles.rates, [[80, 24], [200, np.nan], [np.nan, 3.4]])
    jobs = go.JobSet(["x", "y"], workload=["A3C", "LM"], scale_factor=[1, 4])
    found = go.read(file, cluster="k80:2,v100:2", jobs=jobs)
    assert found.throughputs.unit == "samples/s"
    np.testing.assert_array_equal(found.throughputs.rates, [[3.4, 0], [0, 200]])


@pytest.mark.parametrize("kind", ["int64", "Int64", "float32", "string", "object"])
def test_column_types_of_a_frame(kind: str) -> None:
    frame = pd.DataFrame({"job": ["a", "b"], "v100": pd.array([1, 2]).astype(kind)})
    assert instance_from_frame(frame, go.Cluster({"v100": 1})).rates.tolist() == [[1.0], [2.0]]


@pytest.mark.parametrize("values", [[True, False], [pd.Timestamp(0), pd.Timestamp(1)], [1 + 2j, 3.0]])
def test_columns_that_are_no_rates(values: list[object]) -> None:
    frame = pd.DataFrame({"job": ["a", "b"], "v100": values})
    with pytest.raises(go.InputError, match="v100 must be a number"):
        instance_from_frame(frame, go.Cluster({"v100": 1}))


def test_a_million_jobs_are_array_work() -> None:
    """A tidy frame of 2,000,000 rows; with a Python loop over its cells it would take minutes."""
    jobs = 1_000_000
    random = np.random.default_rng(0)
    rates, weight = random.random((jobs, 2)), random.random(jobs) + 0.1
    frame = pd.DataFrame(
        {
            "job": np.repeat([f"job{at}" for at in range(jobs)], 2),
            "accelerator": np.tile(["v100", "k80"], jobs),
            "throughput": rates.ravel(),
            "weight": np.repeat(weight, 2),
        }
    )
    start = time.perf_counter()
    found = instance_from_frame(frame, go.Cluster({"v100": 10, "k80": 10}))
    seconds = time.perf_counter() - start
    np.testing.assert_array_equal(found.rates, rates)
    np.testing.assert_array_equal(found.jobs.weight, weight)
    assert seconds < 30, f"{seconds:.1f} s"
