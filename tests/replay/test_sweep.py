"""Sweeps: every cell once, on joblib or on Ray, taken up where a run was interrupted."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest
from typer.testing import CliRunner

import gavelopt as go
from gavelopt.cli import app


@pytest.fixture
def generator() -> go.TraceGenerator:
    """Single-accelerator jobs on six accelerators."""
    return go.TraceGenerator(go.examples.gavel_profiles(), go.Cluster.from_spec("v100:2,p100:2,k80:2"))


def test_sweep_resumes(generator: go.TraceGenerator, tmp_path: Path) -> None:
    path = tmp_path / "sweep.jsonl"
    part = go.sweep(generator, ["fcfs"], [0.5], [0, 1], jobs=20, path=path)
    assert len(path.read_text().splitlines()) == 2
    with path.open("a") as lines:
        lines.write('{"scheduler": "fc')  # a run that was killed while it wrote
    both = go.sweep(
        generator, ["fcfs", "srtf"], [0.5, None], [0, 1], jobs=20, path=path, workers=2, backend="threading"
    )
    assert both[:2] == part
    assert len(both) == len(path.read_text().splitlines()) == 8
    assert [(row["scheduler"], row["load"], row["seed"]) for row in both[-2:]] == [("srtf", None, 0), ("srtf", None, 1)]
    one = go.replay(generator(20, 0.5, 1), "fcfs", seed=1)
    assert both[1]["mean_jct_s"] == pytest.approx(one.mean_jct_s)
    again = go.sweep(generator, ["fcfs"], [0.5], [0], jobs=21, path=path)  # other jobs: not the same row
    assert again[0]["jobs"] == 21
    path.write_text("nonsense\n")
    with pytest.raises(go.InputError, match="row of a sweep"):
        go.sweep(generator, ["fcfs"], [0.5], jobs=20, path=path)


def test_another_generator_is_another_sweep(generator: go.TraceGenerator, tmp_path: Path) -> None:
    path = tmp_path / "sweep.jsonl"
    larger = go.TraceGenerator(go.examples.gavel_profiles(), go.Cluster.from_spec("v100:4,p100:2,k80:2"))
    (one,), (other,) = (go.sweep(each, ["fcfs"], [2.0], jobs=30, path=path) for each in (generator, larger))
    assert other["mean_jct_s"] < one["mean_jct_s"]
    assert len(path.read_text().splitlines()) == 2


def test_refuses(generator: go.TraceGenerator) -> None:
    with pytest.raises(go.UnknownName, match="threading"):
        go.sweep(generator, ["fcfs"], [1.0], backend="threads")
    with pytest.raises(go.InputError, match="workers"):
        go.sweep(generator, ["fcfs"], [1.0], workers=0)
    with pytest.raises(go.UnknownName, match="fcfs"):
        go.sweep(generator, ["fcsf"], [1.0], jobs=3)


def test_on_ray(generator: go.TraceGenerator, tmp_path: Path) -> None:
    """A real Ray cluster on this machine: the road past one machine."""
    ray = pytest.importorskip("ray", reason="the extra 'ray' is not installed")
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False, logging_level="ERROR")
    path = tmp_path / "sweep.jsonl"
    cells = {"schedulers": ["fcfs", "max_min"], "loads": (load for load in (0.5, 2.0))}
    try:
        there = go.sweep(generator, **cells, jobs=20, workers=2, backend="ray", path=path)
    finally:
        ray.shutdown()
    here = go.sweep(generator, ["fcfs", "max_min"], [0.5, 2.0], jobs=20)
    assert len(path.read_text().splitlines()) == len(there) == 4
    assert [row["mean_jct_s"] for row in there] == [row["mean_jct_s"] for row in here]


KILLED = """
import sys
import gavelopt as go

generator = go.TraceGenerator(go.examples.gavel_profiles(), go.Cluster.from_spec("v100:2,p100:2,k80:2"))
go.sweep(generator, ["fcfs"], [0.5], range(4000), jobs=20, path=sys.argv[1])
"""


def test_a_killed_sweep_goes_on_where_it_was(generator: go.TraceGenerator, tmp_path: Path) -> None:
    path = tmp_path / "sweep.jsonl"
    with subprocess.Popen([sys.executable, "-c", KILLED, str(path)], stderr=subprocess.PIPE) as process:
        began = time.monotonic()
        while (not path.exists() or path.read_text().count("\n") < 3) and process.poll() is None:
            assert time.monotonic() - began < 60
            time.sleep(0.02)
        process.kill()
    before = [json.loads(line) for line in path.read_text().splitlines() if line.endswith("}")]
    assert 3 <= len(before) < 4000
    rows = go.sweep(generator, ["fcfs"], [0.5], range(len(before) + 2), jobs=20, path=path)
    after = [json.loads(line) for line in path.read_text().splitlines()]
    assert after[: len(before)] == before  # what was done is not done again
    assert len(after) == len(before) + 2
    assert [row["seed"] for row in rows] == list(range(len(before) + 2))


def test_command_line(tmp_path: Path) -> None:
    path, runner = tmp_path / "sweep.jsonl", CliRunner()
    arguments = ["sweep", "-s", "fcfs,srtf", "--rates", "2,none", "--seeds", "2", "--generate", "15"]
    cluster = ["--cluster", "v100:2,p100:2,k80:2", "--results", str(path)]
    found = runner.invoke(app, [*arguments, *cluster, "--json"])
    assert found.exit_code == 0
    rows = json.loads(found.stdout)["replays"]
    assert len(rows) == 8 == len(path.read_text().splitlines())
    found = runner.invoke(app, [*arguments, *cluster])
    assert "at once" in found.stdout
    assert len(path.read_text().splitlines()) == 8
    for wrong in (["--rates", "fast"], ["--seeds", "0"], ["-s", "fcsf"], ["--durations", "lognormal"]):
        assert runner.invoke(app, ["sweep", "--generate", "3", *wrong]).exit_code == 2
