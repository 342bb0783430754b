"""solve, compare and plot: answers, exit codes, and what goes where."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import gavelopt as go
from gavelopt.io.write import write_instance
from tests.cli.conftest import DOCUMENT, Run


def test_solve_prints_the_answer_on_standard_output(run: Run, classic: Path) -> None:
    done = run("solve", classic, "--policy", "max_sum")
    assert done.exit_code == 0
    assert "value   6 steps/s" in done.stdout
    assert "one more v100  is worth 3 steps/s; one less costs 4" in done.stdout
    assert done.stderr == ""


def test_the_default_is_the_embedded_example_and_is_said_aloud(run: Run) -> None:
    done = run("solve")
    assert done.exit_code == 0
    assert "max_min" in done.stdout
    assert "embedded example" in done.stderr
    assert "embedded" not in done.stdout


def test_the_embedded_example_on_another_cluster(run: Run) -> None:
    done = run("solve", "--cluster", "2:1:3", "--json")
    assert done.exit_code == 0
    assert list(json.loads(done.stdout)["prices"]["per_accelerator"]) == ["v100", "p100", "k80"]
    assert "of 2" in done.stderr


def test_json_is_one_document_and_the_table_goes_to_standard_error(run: Run, classic: Path) -> None:
    done = run("solve", classic, "-p", "max_sum", "--json")
    document = json.loads(done.stdout)
    assert document["value"] == pytest.approx(6.0)
    assert document["allocation"] == {"a": {"v100": 1.0}, "b": {}, "c": {"k80": 1.0}}
    assert document["prices"]["unique"] is False
    assert np.allclose(document["prices"]["one_sided"]["v100"], [3.0, 4.0])
    assert "value   6 steps/s" in done.stderr


def test_settings_reach_the_policy_and_the_method(run: Run, classic: Path) -> None:
    done = run("solve", classic, "-p", "max_min", "--set", "agnostic=true", "--set", "solver=clarabel", "--json")
    document = json.loads(done.stdout)
    assert document["policy"] == "max_min(agnostic=True)"
    assert "clarabel" in document["attempts"][0]["detail"]
    assert document["value"] == pytest.approx(2 / 3)


def test_the_method_is_obeyed(run: Run, classic: Path) -> None:
    document = json.loads(run("solve", classic, "-p", "max_sum", "-m", "equal_share", "--json").stdout)
    assert document["method"] == "equal_share"
    assert document["value"] <= 6.0


def test_infeasible_is_exit_code_one_with_the_reason(run: Run, stuck: Path) -> None:
    done = run("solve", stuck, "-p", "makespan")
    assert done.exit_code == 1
    assert "infeasible" in done.stdout
    assert "b" in done.stdout


def test_infeasible_with_json_is_still_one_document(run: Run, stuck: Path) -> None:
    done = run("solve", stuck, "-p", "makespan", "--json")
    assert done.exit_code == 1
    assert json.loads(done.stdout)["status"] == "infeasible"


def test_time_limit_is_exit_code_one(run: Run, tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    instance = go.Instance.from_arrays(random.uniform(1, 9, (3000, 3)), [300, 300, 300])
    path = write_instance(instance, tmp_path / "large.json")
    done = run("solve", path, "-p", "max_min", "-m", "exact", "--time-limit", "1e-6", "--json")
    assert done.exit_code == 1
    assert json.loads(done.stdout)["status"] == "time_limit"


@pytest.mark.parametrize("name", ["answer.json", "answer.csv"])
def test_out_writes_the_solution(run: Run, classic: Path, tmp_path: Path, name: str) -> None:
    done = run("solve", classic, "-p", "max_sum", "--out", tmp_path / name)
    assert done.exit_code == 0
    assert "v100" in (tmp_path / name).read_text()
    assert str(tmp_path / name) in done.stderr.replace("\n", "")


def test_out_that_cannot_be_written_is_refused_before_the_work(run: Run, tmp_path: Path) -> None:
    done = run("solve", tmp_path / "absent.json", "--out", tmp_path / "no" / "answer.json", "--json")
    assert done.exit_code == 2
    assert json.loads(done.stdout)["error"]["what"] == "no such folder"
    assert "unknown file ending '.yaml'" in run("solve", "--out", tmp_path / "answer.yaml").stderr


def test_no_jobs(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "none.json"
    path.write_text(json.dumps({**DOCUMENT, "jobs": [], "throughputs": {"rates": {}}}))
    done = run("solve", path)
    assert done.exit_code == 0
    assert "0 jobs" in done.stdout


def test_compare_is_one_row_a_method(run: Run, classic: Path) -> None:
    done = run("compare", classic, "-p", "max_sum", "--methods", "exact, equal_share")
    assert done.exit_code == 0
    assert [line.split()[0] for line in done.stdout.split("\n") if "optimal" in line] == ["exact"]
    assert "equal_share" in done.stdout
    assert "greedy" not in done.stdout


def test_compare_json(run: Run, classic: Path) -> None:
    done = run("compare", classic, "-p", "max_sum", "--json")
    document = json.loads(done.stdout)
    assert document["bound"] == pytest.approx(6.0)
    assert {"method", "value", "bound", "gap", "status", "seconds"} <= set(document["methods"][0])
    assert "exact" in done.stderr


def test_compare_fails_only_when_no_method_solves(run: Run, stuck: Path) -> None:
    assert run("compare", stuck, "-p", "makespan").exit_code == 1


def test_plot_writes_a_picture_and_names_it(run: Run, classic: Path, tmp_path: Path) -> None:
    done = run("plot", classic, "-p", "max_sum", "--out", tmp_path / "x.png")
    assert done.exit_code == 0
    assert done.stdout.strip() == str(tmp_path / "x.png")
    assert (tmp_path / "x.png").stat().st_size > 1000


def test_plot_of_nothing(run: Run, stuck: Path, tmp_path: Path) -> None:
    done = run("plot", stuck, "-p", "makespan", "--out", tmp_path / "x.png")
    assert done.exit_code == 1
    assert "infeasible" in done.stderr
    assert not (tmp_path / "x.png").exists()
