"""Solutions as data: JSON that any parser takes, and the allocation as a table."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import gavelopt as go
from gavelopt.io.describe import describe_table
from gavelopt.io.results import plain_json, solution_dict


@pytest.fixture(scope="module")
def solution() -> go.Solution:
    return go.solve(go.examples.tiny(), "max_sum")


def strict(text: str) -> dict[str, object]:
    """Parse JSON and refuse NaN and Infinity, as other languages do."""

    def refuse(constant: str) -> None:
        raise AssertionError(constant)

    found: dict[str, object] = json.loads(text, parse_constant=refuse)
    return found


def test_every_field(solution: go.Solution) -> None:
    found = strict(json.dumps(solution_dict(solution)))
    assert found["format"] == "gavelopt-solution/1"
    assert (found["status"], found["bound_kind"], found["unit"]) == ("optimal", "proved", "steps/s")
    assert found["value"] == pytest.approx(6.0)
    assert found["bound"] == pytest.approx(6.0)
    assert found["allocation"] == {"a": {"v100": pytest.approx(1.0)}, "b": {}, "c": {"k80": pytest.approx(1.0)}}
    assert found["throughput"] == {"a": pytest.approx(4.0), "b": 0.0, "c": pytest.approx(2.0)}
    assert all(check["passed"] for check in found["checks"])  # type: ignore[attr-defined]
    assert found["attempts"][0]["method"] == found["method"]  # type: ignore[index]
    assert set(found) >= {"policy", "gap", "seconds", "guarantee", "warnings", "message", "levels", "details"}


def test_sides_of_a_price_are_computed_only_when_asked_for() -> None:
    solution = go.solve(go.examples.tiny(), "max_sum")
    assert "unique" not in solution_dict(solution)["prices"]
    asked = solution_dict(solution, one_sided_prices=True)["prices"]
    assert asked["unique"] is False
    assert asked["one_sided"]["v100"] == pytest.approx([3.0, 4.0])
    assert set(asked["time_of_job"]) == {"a", "b", "c"}
    assert solution_dict(solution)["prices"] == asked


def test_saved_json_is_the_dictionary(solution: go.Solution, tmp_path: Path) -> None:
    path = solution.save(tmp_path / "solution.json")
    assert strict(path.read_text(encoding="utf-8")) == json.loads(json.dumps(solution.to_dict()))


@pytest.mark.parametrize("name", ["s.csv", "s.tsv", "s.csv.gz", "s.parquet"])
def test_saved_table_is_the_frame(name: str, solution: go.Solution, tmp_path: Path) -> None:
    path = solution.save(tmp_path / name)
    read = pd.read_parquet(path) if name.endswith("parquet") else pd.read_csv(path, sep="\t" if ".tsv" in name else ",")
    frame = solution.to_frame().reset_index()
    assert list(read.columns) == list(frame.columns) == ["job", "v100", "k80", "throughput", "share"]
    np.testing.assert_allclose(read.iloc[:, 1:], frame.iloc[:, 1:], rtol=1e-15)


def test_no_allocation_is_null_in_json_and_an_error_in_a_table(tmp_path: Path) -> None:
    instance = go.Instance.from_arrays([[0.0]], [1], steps=[5.0], jobs=["stuck"], accelerators=["v100"])
    failed = go.solve(instance, "makespan")
    assert failed.status == "infeasible"
    found = strict(failed.save(tmp_path / "s.json").read_text())
    assert (found["value"], found["bound"], found["allocation"], found["prices"]) == (None, None, None, None)
    assert found["message"]
    with pytest.raises(go.InputError, match="there is no allocation to write"):
        failed.save(tmp_path / "s.csv")


@pytest.mark.parametrize(("name", "words"), [("s.xls", "unknown file ending"), ("no/s.json", "no such folder")])
def test_files_that_cannot_be_written(name: str, words: str, solution: go.Solution, tmp_path: Path) -> None:
    with pytest.raises(go.InputError, match=words):
        solution.save(tmp_path / name)


def test_plain_json() -> None:
    value = {"a": np.float64("nan"), 1: (np.int64(2), np.bool_(True)), "m": np.array([[1.0, np.inf]]), "p": Path("x")}
    assert plain_json(describe_table(go.examples.tiny()))["rows"] == 3
    assert plain_json(value) == {"a": None, "1": [2, True], "m": [[1.0, None]], "p": "x"}
