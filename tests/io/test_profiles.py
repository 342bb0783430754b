"""Profiles to jobs: rows by key, what to do about keys that were never measured, and a million jobs."""

from __future__ import annotations

import time

import numpy as np
import pytest

import gavelopt as go
from gavelopt.labels import Labels

KEYS = [("A", 1), ("A", 4), ("B", 1)]
RATES = np.array([[4.0, 1.0], [10.0, np.nan], [2.0, 5.0]])
PAIR = np.array([[3.0, 1.0], [np.nan, np.nan]])
PROFILES = go.ThroughputProfiles(
    KEYS, Labels(["v100", "k80"], "accelerator"), RATES, pairs={(("A", 1), ("B", 1)): PAIR}
)


def jobs(*keys: tuple[str, int]) -> go.JobSet:
    return go.JobSet(len(keys), workload=[name for name, _ in keys], scale_factor=[scale for _, scale in keys])


def test_each_job_follows_the_row_of_its_key() -> None:
    kept, table, notes = PROFILES.for_jobs(jobs(("B", 1), ("A", 4), ("B", 1)), ["k80", "v100"])
    np.testing.assert_array_equal(table.rates, [[5, 2], [0, 10], [5, 2]])
    assert table.kind is not None
    assert table.kind.tolist() == [0, 1, 0]
    assert table.known_cells[1].tolist() == [False, True]
    assert (len(kept), notes, table.pairs) == (3, [], None)


def test_pairs_follow_their_keys() -> None:
    _, table, _ = PROFILES.for_jobs(jobs(("B", 1), ("A", 1)), ["v100"])
    assert table.pairs is not None
    assert table.pairs.members.tolist() == [[1, 0]]
    assert table.pairs.rates.tolist() == [[[3.0, 1.0]]]


def test_dropped_and_scaled() -> None:
    wanted = jobs(("A", 2), ("B", 1), ("A", 8), ("A", 2))
    kept, table, notes = PROFILES.for_jobs(wanted, ["v100"], "drop")
    assert (list(kept.names), table.rates.tolist()) == (["j1"], [[2.0]])
    assert notes == [
        "jobs without a measured rate were dropped: 2 of 'A' at scale factor 2; 1 of 'A' at scale factor 8"
    ]
    kept, table, notes = PROFILES.for_jobs(wanted, ["v100"], "scale")
    assert len(kept) == 4
    assert table.rates.ravel().tolist() == [8.0, 2.0, 20.0, 8.0]  # 2 from 1 (nearest, the smaller of two), 8 from 4
    assert notes[0].endswith("2 of 'A' at scale factor 2 from 1; 1 of 'A' at scale factor 8 from 4")


def test_scaling_needs_some_measurement() -> None:
    with pytest.raises(go.InputError, match="unknown workload 'C'"):
        PROFILES.for_jobs(jobs(("C", 1)), ["v100"], "scale")
    kept, table, _ = PROFILES.for_jobs(jobs(("C", 1)), ["v100"], "drop")
    assert (len(kept), table.rates.shape) == (0, (0, 1))


def test_every_job_must_name_a_workload() -> None:
    with pytest.raises(go.InputError, match="a job names no workload") as caught:
        PROFILES.for_jobs(go.JobSet(["x", "y"], workload=["A", None]), ["v100"])
    assert "job 'y'" in str(caught.value)
    with pytest.raises(go.InputError, match="a job names no workload"):
        PROFILES.for_jobs(go.JobSet(2), ["v100"])


def test_no_jobs() -> None:
    _, table, notes = PROFILES.for_jobs(go.JobSet(0), ["v100", "k80"])
    assert (table.rates.shape, notes) == ((0, 2), [])


def test_a_million_jobs_follow_three_rows() -> None:
    count = 1_000_000
    row = np.random.default_rng(0).integers(3, size=count)
    wanted = go.JobSet(count, workload=[KEYS[k][0] for k in row], scale_factor=np.array([1, 4, 1])[row])
    start = time.perf_counter()
    _, table, _ = PROFILES.for_jobs(wanted, ["v100", "k80"])
    seconds = time.perf_counter() - start
    assert table.rows.shape == (3, 2)
    np.testing.assert_array_equal(table.rates[:, 0], RATES[row, 0])
    assert seconds < 10, f"{seconds:.1f} s"
