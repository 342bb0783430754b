"""inspect, convert and policies."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import gavelopt as go
from tests.cli.conftest import Run


def test_inspect_tells_what_a_file_holds(run: Run, classic: Path) -> None:
    done = run("inspect", classic)
    assert done.exit_code == 0
    assert "training instance  classic" in done.stdout
    assert "7200 to 14400" in done.stdout
    document = json.loads(run("inspect", classic, "--json").stdout)
    assert document["jobs"]["count"] == 3
    assert [row["name"] for row in document["accelerators"]] == ["v100", "k80"]
    assert document["table"]["rows"] == 3


def test_inspect_without_a_file_is_the_example(run: Run) -> None:
    done = run("inspect")
    assert done.exit_code == 0
    assert "v100" in done.stdout
    assert "embedded example" in done.stderr


def test_inspect_a_trace_by_itself(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "few.trace"
    path.write_text("A3C\tcmd\t.\t-n\t0\t100\t1\t1\t-1\t0\nA3C\tcmd\t.\t-n\t0\t300\t2\t1\t-1\t5\n")
    done = run("inspect", path)
    assert done.exit_code == 0
    assert "trace of 10 columns" in done.stdout
    assert "100 to 300" in done.stdout
    assert json.loads(run("inspect", path, "--json").stdout)["jobs"]["accelerators_wanted"] == 3


def test_inspect_throughputs_by_themselves(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "table.json"
    path.write_text(json.dumps({"v100": {"('A3C', 1)": {"null": 5.0}}, "k80": {"('A3C', 1)": {"null": 6.0}}}))
    done = run("inspect", path)
    assert done.exit_code == 0
    assert "1 measured key" in done.stdout
    assert "slower on a newer accelerator" in done.stdout
    assert json.loads(run("inspect", path, "--json").stdout)["table"]["inverted_rows"] == 1


@pytest.mark.parametrize("name", ["out.json", "out.csv", "out.parquet"])
def test_convert_keeps_the_question(run: Run, classic: Path, tmp_path: Path, name: str) -> None:
    done = run("convert", classic, tmp_path / name)
    assert done.exit_code == 0
    assert done.stdout.strip() == str(tmp_path / name)
    assert go.solve(go.read(tmp_path / name), "makespan").value == pytest.approx(6300.0)


def test_policies_lists_every_registered_name(run: Run) -> None:
    done = run("policies")
    assert done.exit_code == 0
    assert all(row["name"] in done.stdout for row in go.policies())
    assert json.loads(run("policies", "--json").stdout)[0].keys() >= {"name", "methods", "summary", "reference"}


def test_one_policy_is_shown_with_its_mathematics(run: Run) -> None:
    done = run("policies", "makespan")
    assert "minimise    max_i  n_i / tput_i" in done.stdout
    assert "agnostic = False" in done.stdout
    assert "OSDI 2020" in done.stdout
    assert json.loads(run("policies", "min_total_duration", "--json").stdout)["alias_of"] == "makespan"
