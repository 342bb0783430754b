"""Runs in processes of their own: records, deadlines, crashes, what is known already."""

from __future__ import annotations

import dataclasses
import gzip
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import gavelopt as go
from gavelopt.bench.records import read_records
from gavelopt.bench.runner import Nursery, nursery_of_this_thread, run_all
from gavelopt.bench.suite import Suite


@pytest.fixture
def nursery(records: list[dict[str, Any]]) -> Nursery:
    """The process that the records of this thread were made by."""
    assert records
    return nursery_of_this_thread(1)


def of(records: list[dict[str, Any]], **wanted: Any) -> list[dict[str, Any]]:
    return [record for record in records if all(record[name] == value for name, value in wanted.items())]


def test_records_say_everything(records: list[dict[str, Any]], small: Suite) -> None:
    assert [record["key"] for record in records] == [run.key for run in small.runs]
    solved = of(records, kind="solve", method="exact")
    assert len(solved) == 6
    for record in solved:
        assert record["status"] == "optimal"
        assert record["bound_kind"] == "proved"
        assert record["gap"] <= 1e-6
        assert record["instance_of"]["size"] == [8, 3]
        assert len(record["instance_of"]["fingerprint"]) == 12
        assert min(record[name] for name in ("build_s", "solve_s", "judge_s", "wall_s", "peak_mib")) > 0
        assert record["machine"]["versions"]["numpy"]
        assert all(check["passed"] for check in record["checks"])
        assert {finding["title"] for finding in record["audit"]} >= {"envy-freeness", "Pareto efficiency"}
    prints = {(record["seed"], record["instance_of"]["fingerprint"]) for record in solved}
    assert len(prints) == len({fingerprint for _, fingerprint in prints}) == 3
    for record in of(solved, question="power_mean(p=-inf)"):
        here = go.solve(go.examples.gavel(8, seed=record["seed"]), "power_mean", p=-np.inf)
        assert record["value"] == pytest.approx(here.value, rel=1e-9)


def test_what_goes_wrong_is_a_row(records: list[dict[str, Any]]) -> None:
    (absent,) = of(records, status="absent")
    assert "nowhere/rates.csv" in absent["reason"]
    (mistake,) = of(records, question="no_such_policy")
    assert mistake["status"] == "failed"
    assert "unknown policy" in mistake["reason"]
    assert not mistake.get("crashed")


def test_replays_and_figures(records: list[dict[str, Any]]) -> None:
    assert [record["value"] for record in of(records, kind="replay")] == pytest.approx([35.0, 34.0])
    (figure,) = of(records, kind="figure")
    assert figure["value"] == pytest.approx(153.846, abs=1e-3)


def test_a_process_is_ended_at_its_deadline(nursery: Nursery, small: Suite) -> None:
    asked = {"run": small.runs[0].to_dict(), "deadline_s": 0.001, "data": None}
    late = nursery.ask(asked)
    assert late["status"] == "time_limit"
    assert late["value"] is None
    assert nursery.ask({**asked, "deadline_s": 60.0})["status"] == "optimal"  # the next process is a fresh one


def test_a_crash_is_a_row_with_its_last_words(nursery: Nursery, small: Suite) -> None:
    crashing = dataclasses.replace(small.runs[0], kind="nonsense").to_dict()
    record = nursery.ask({"run": crashing, "deadline_s": 60.0, "data": None})
    assert record["crashed"]
    assert "KeyError: 'nonsense'" in record["reason"]


def test_a_run_ends_with_its_runner(small: Suite) -> None:
    endless = dataclasses.replace(small.runs[0], kind="replay", instance={"family": "trace", "with": {"jobs": 20_000}})
    asked = dataclasses.replace(endless, policy={"name": "max_min"}).to_dict()
    server = Nursery(1)
    assert server.process.stdin is not None
    server.process.stdin.write(json.dumps({"run": asked, "deadline_s": 600.0, "data": None}) + "\n")
    server.close()
    assert server.process.returncode == 0


def test_a_warm_up_is_timed_apart(nursery: Nursery, small: Suite) -> None:
    warm = dataclasses.replace(small.runs[0], warm_up={"jobs": 3})
    record = nursery.ask({"run": warm.to_dict(), "deadline_s": 60.0, "data": None})
    assert record["warm_up_s"] > 0
    assert record["instance_of"]["size"] == [8, 3]


def test_an_interrupted_suite_is_taken_up(tmp_path: Path, small: Suite) -> None:
    path = tmp_path / "records.jsonl"
    first = run_all(small.runs[:2], path=path)
    whole = path.read_bytes()
    path.write_bytes(whole + b'{"format": "gavelopt-rec')
    again = run_all(small.runs[:3], path=path)
    assert path.read_bytes().startswith(whole)
    assert again[:2] == first
    assert [record["key"] for record in read_records(path)] == [run.key for run in small.runs[:3]]
    packed = tmp_path / "records.jsonl.gz"
    packed.write_bytes(gzip.compress(path.read_bytes()))
    assert read_records(packed) == read_records(path)


def test_a_file_of_something_else_is_refused(tmp_path: Path, small: Suite) -> None:
    path = tmp_path / "records.jsonl"
    path.write_text(json.dumps({"format": "other"}) + "\n")
    with pytest.raises(go.InputError, match="no record"):
        run_all(small.runs[:1], path=path)
    with pytest.raises(go.InputError, match="no such file"):
        read_records(tmp_path / "none.jsonl")
    with pytest.raises(go.InputError, match="unknown backend"):
        run_all(small.runs[:1], backend="dask")
