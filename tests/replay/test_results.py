"""Figures, files and pictures of a replay; what replay refuses; sweeps; the command line."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

import gavelopt as go
from gavelopt.cli import app
from gavelopt.replay.log import Log
from tests.replay.traces import failed, lecture


@pytest.fixture
def priced() -> go.Instance:
    """The lecture's jobs at 3.6 an hour for a GPU, deadlines at 35, 35, 35 and 80 s."""
    instance = lecture()
    jobs = go.JobSet(4, steps=instance.jobs.steps, arrival_s=instance.jobs.arrival_s, deadline_s=[35, 35, 35, 80])
    return instance.replace(jobs=jobs, cluster=go.Cluster(["gpu"], [2], cost_per_hour=[3.6]))


def test_figures_by_hand(priced: go.Instance) -> None:
    replay = go.replay(priced, "fcfs")
    figures = replay.summary()
    assert figures["cost"] == pytest.approx((30 + 10 + 25 + 40) * 0.001)
    assert figures["utilization"]["gpu"] == pytest.approx(105 / 140)
    assert figures["slo_violations"] == 0
    assert go.replay(priced, "srtf").late.tolist() == [True, False, False, False]
    assert figures["mean_queueing_s"] == pytest.approx((0 + 0 + 9 + 26) / 4)
    np.testing.assert_allclose(replay.percentile([0, 100]), [10, 66])
    time, part = replay.cdf()
    np.testing.assert_allclose(time, [10, 30, 34, 66])
    assert part.tolist() == [0.25, 0.5, 0.75, 1.0]
    edges, share = replay.usage(7)  # bins of 10 s: both GPUs busy to 30 s, then to 35 s, then one
    np.testing.assert_allclose(edges, np.arange(0, 80, 10))
    np.testing.assert_allclose(share[:, 0], [1, 1, 1, 0.75, 0.5, 0.5, 0.5])


def test_finish_time_fairness_by_hand() -> None:
    """Two jobs of 10 s on one GPU: always 2 present until 10 s, then 1."""
    replay = go.replay(go.Instance.from_arrays(np.ones((2, 1)), [1], steps=[10, 10]), "fcfs")
    # the first: N = 2, isolated 20 s, done in 10; the second: N = 1.5 on average, isolated 15 s, done in 20
    np.testing.assert_allclose(replay.rho, [0.5, 20 / 15])


def test_files(priced: go.Instance, tmp_path: Path) -> None:
    replay = go.replay(priced, "fcfs")
    document = json.loads(replay.save(tmp_path / "r.json").read_text())
    assert document["format"] == "gavelopt-replay/1"
    assert document["summary"]["mean_jct_s"] == pytest.approx(35.0)
    np.testing.assert_allclose([row["jct_s"] for row in document["jobs"]], [30, 10, 34, 66])
    for ending in ("csv", "parquet"):
        path = replay.save(tmp_path / f"r.{ending}")
        frame = pd.read_csv(path) if ending == "csv" else pd.read_parquet(path)
        np.testing.assert_allclose(frame["jct_s"], [30, 10, 34, 66])
        np.testing.assert_allclose(frame["gpu_s"], [30, 10, 25, 40])
    with pytest.raises(go.InputError):
        replay.save(tmp_path / "r.txt")


@pytest.mark.parametrize(("scheduler", "axes"), [("fcfs", 3), ("max_min", 3)])
def test_picture_shows_every_segment(scheduler: str, axes: int, tmp_path: Path) -> None:
    replay = go.replay(lecture(), scheduler, **({"round_s": 5.0} if scheduler == "max_min" else {}))
    figure = replay.plot(tmp_path / "r.png")
    assert (tmp_path / "r.png").stat().st_size > 5000
    assert len(figure.axes) == axes
    assert len(figure.axes[2].patches) == len(replay.log)
    assert len(go.replay(lecture(), "max_min", mode="fluid").plot(tmp_path / "f.png").axes) == 2


def test_text_says_the_figures(priced: go.Instance) -> None:
    text = str(go.replay(priced, "srtf"))
    for words in ("srtf (events): 4 of 4 jobs done", "34 s", "1 job", "preemptions      1"):
        assert words in text


def test_jobs_that_cannot_run_never_finish_and_are_named() -> None:
    instance = go.Instance.from_arrays([[1.0], [1.0]], [2], scale=[1, 4], steps=[5, 5])
    for scheduler, mode in (("fcfs", None), ("max_min", "rounds"), ("max_min", "fluid")):
        replay = go.replay(instance, scheduler, mode=mode)
        assert replay.finished.tolist() == [True, False]
        assert any("j1" in warning for warning in replay.warnings)


MISTAKES = [
    ({"scheduler": "fcsf"}, "fcfs"),
    ({"scheduler": "fcfs", "mode": "rounds"}, "no mode"),
    ({"scheduler": "max_min", "mode": "events"}, "no mode"),
    ({"scheduler": "fcfs", "quantum_s": 1.0}, "option of scheduler"),
    ({"scheduler": "las", "quantum_s": 0.0}, "quantum_s"),
    ({"scheduler": "tiresias", "thresholds_s": (5.0, 3.0)}, "thresholds_s"),
    ({"scheduler": "tiresias", "thresholds_s": 5.0}, "list"),
    ({"scheduler": "las", "quantum_s": "long"}, "quantum_s"),
    ({"scheduler": "fcfs", "backfill": "yes"}, "backfill"),
    ({"scheduler": "max_min", "mode": "fluid", "restart_s": 3.0}, "restart"),
    ({"scheduler": "max_min", "round_s": 0.0}, "round_s"),
    ({"scheduler": "pollux_fitness"}, "training"),
]


@pytest.mark.parametrize(("options", "words"), MISTAKES)
def test_mistakes_are_explained(options: dict[str, object], words: str) -> None:
    with pytest.raises(go.InputError, match=words):
        go.replay(lecture(), **options)  # type: ignore[arg-type]


def test_unknown_steps_are_refused() -> None:
    instance = go.Instance.from_arrays(np.ones((2, 1)), [1], steps=[5, np.nan])
    with pytest.raises(go.InputError, match="j1"):
        go.replay(instance, "fcfs")


def tampered(replay: go.Replay, **columns: np.ndarray) -> go.Replay:
    names = [field.name for field in dataclasses.fields(Log)]
    given = {name: columns.get(name, getattr(replay.log, name)) for name in names}
    return dataclasses.replace(replay, log=Log(**given))


def test_the_checks_find_what_is_wrong() -> None:
    replay = go.replay(lecture(), "fcfs")
    log = replay.log

    def names(wrong: go.Replay) -> set[str]:
        return {check.name for check in failed(wrong)}

    assert "nothing held twice" in names(tampered(replay, start_s=np.zeros(4)))
    assert "no job before its arrival" in names(tampered(replay, start_s=log.start_s - 10))
    assert "steps add up" in names(tampered(replay, steps=log.steps * 0.9))
    assert "steps as time allows" in names(tampered(replay, end_s=log.end_s + 5))
    assert "finish is the end of the last segment" in names(tampered(replay, end_s=log.end_s + 5))
    assert "work conserving" in names(tampered(replay, start_s=log.start_s + 3))
    assert "not faster than ideal" in names(dataclasses.replace(replay, finish_s=replay.finish_s - 5))
    assert "one life" in names(tampered(replay, job=np.array([0, 0, 2, 3])))
    too_large = dataclasses.replace(
        replay, instance=replay.instance.replace(jobs=go.JobSet(4, steps=[30, 10, 25, 40], scale_factor=[3, 1, 1, 1]))
    )
    assert "gangs whole" in names(too_large)
    rounds = go.replay(lecture(), "max_min", round_s=10.0)
    assert not failed(rounds)
    assert "work conserving" in names(tampered(rounds, start_s=rounds.log.start_s + np.array([3.0, 0, 0, 0, 0])))
    at_once = go.replay(go.Instance.from_arrays(np.ones((2, 1)), [1], steps=[5, 5]), "fcfs")
    assert not failed(at_once, bound_s=10.0)
    assert {check.name for check in failed(at_once, bound_s=11.0)} == {"makespan not below its bound"}


def test_command_line(tmp_path: Path) -> None:
    runner = CliRunner()
    found = runner.invoke(app, ["replay", "--generate", "30", "--rate", "4", "-s", "srtf", "--json"])
    assert found.exit_code == 0
    document = json.loads(found.stdout)
    assert document["summary"]["finished"] == 30
    out, picture = tmp_path / "r.csv", tmp_path / "r.png"
    found = runner.invoke(app, ["replay", "-s", "max_min", "--out", str(out), "--plot", str(picture)])
    assert found.exit_code == 0
    assert "max_min (rounds): 12 of 12 jobs done" in found.stdout
    assert len(pd.read_csv(out)) == 12
    assert picture.exists()
    found = runner.invoke(app, ["replay", "-s", "fcfs,max_min"])
    assert found.exit_code == 0
    assert {"fcfs", "max_min"} <= {line.split()[0] for line in found.stdout.splitlines() if line.strip()}
    assert runner.invoke(app, ["replay", "-s", "maxmin"]).exit_code == 2


def test_import_loads_no_numba() -> None:
    heavy = "numba", "pandas", "cvxpy", "matplotlib"
    code = f"import sys, gavelopt; sys.exit(sum(name in sys.modules for name in {heavy!r}))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
