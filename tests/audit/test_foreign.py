"""Allocations that gavelopt did not make: frames and files of who held what."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import gavelopt as go
from tests.audit.cases import two_types


@pytest.fixture
def instance() -> go.Instance:
    return two_types([[4.0, 2.0], [4.0, 2.0]], count=(2, 2), scale=[1, 2])


def written(folder: Path, text: str) -> Path:
    path = folder / "held.csv"
    path.write_text(text)
    return path


def test_a_matrix_in_any_order_with_holes(tmp_path: Path, instance: go.Instance) -> None:
    path = written(tmp_path, "job,slow,fast\nb,0.25,0.5\na,,1\n")
    np.testing.assert_allclose(go.read_allocation(path, instance).matrix, [[1.0, 0.0], [0.5, 0.25]])


def test_a_tidy_table_of_fractions(tmp_path: Path, instance: go.Instance) -> None:
    path = written(tmp_path, "job,accelerator,fraction\nb,slow,0.25\n")
    np.testing.assert_allclose(go.read_allocation(path, instance).matrix, [[0.0, 0.0], [0.0, 0.25]])


def test_accelerators_held_are_divided_by_the_gang(tmp_path: Path, instance: go.Instance) -> None:
    path = written(tmp_path, "job,accelerator,held\nb,slow,1\na,fast,1\n")
    np.testing.assert_allclose(go.read_allocation(path, instance).matrix, [[1.0, 0.0], [0.0, 0.5]])


def test_a_saved_solution_reads_back(tmp_path: Path, instance: go.Instance) -> None:
    solution = go.solve(instance, "max_min")
    assert solution.allocation is not None
    for name in ("held.csv", "held.parquet"):
        back = go.read_allocation(solution.save(tmp_path / name), instance)
        np.testing.assert_allclose(back.matrix, solution.allocation.matrix, rtol=0, atol=0)
    frame = go.Allocation.from_frame(instance, solution.to_frame())
    np.testing.assert_allclose(frame.matrix, solution.allocation.matrix, rtol=0, atol=0)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("job,fast\nc,1\n", "unknown job 'c'"),
        ("job,fats\na,1\n", "did you mean 'fast'"),
        ("name,fast\na,1\n", "no column 'job'"),
        ("job,fast\na,1\na,0\n", "'a' stands twice"),
        ("job,fast\na,half\n", "fast must be a number"),
        ("job,accelerator,fraction\na,fast,1\na,fast,1\n", "lines 2 and 3"),
        ("job,accelerator,amount\na,fast,1\n", "one column that says how much"),
        ("job,accelerator,fraction,held\na,fast,1,1\n", "one column that says how much"),
        ("job,accelerator,fraction,when\na,fast,1,1\n", "unknown column 'when'"),
        ("job,accelerator,fraction\na,fsat,1\n", "did you mean 'fast'"),
    ],
)
def test_what_a_file_says_wrong_is_named_with_the_file(
    tmp_path: Path, instance: go.Instance, text: str, message: str
) -> None:
    with pytest.raises(go.InputError) as raised:
        go.read_allocation(written(tmp_path, text), instance)
    assert message in str(raised.value)
    assert "held.csv" in str(raised.value)


def test_an_infinite_fraction_is_refused_and_a_negative_one_is_left_to_the_checks(instance: go.Instance) -> None:
    frame = pd.DataFrame({"fast": [np.inf]}, index=["a"])
    with pytest.raises(go.InputError, match="fraction of time out of range"):
        go.Allocation.from_frame(instance, frame)
    below = go.Allocation.from_frame(instance, pd.DataFrame({"fast": [-0.5]}, index=["a"]))
    assert [(c.name, c.worst) for c in go.audit(instance, below).checks if not c.passed] == [
        ("nonnegative", "a on fast")
    ]
