"""Requests on the clock of all replays: a placement under ``go.replay``, its figures, file, text and picture."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

import gavelopt as go
from gavelopt.cli import app

DOCUMENT = {
    "format": "gavelopt/1",
    "kind": "placement",
    "cluster": {"accelerators": [{"name": "v100", "count": 2, "memory_gib": 13}]},
    "profiles": [
        {"model": name, "stage_latency_s": [latency], "stage_weight_gib": [5.0]}
        for name, latency in (("slow", 0.4), ("quick", 0.1))
    ],
    "models": [{"name": "slow", "slo_s": 1.0, "rate_rps": 1.5}, {"name": "quick", "slo_s": 0.3, "rate_rps": 2.0}],
    "overheads": {"request_s": 0.0, "per_stage": 0.0},
    "duration_s": 100,
    "seed": 3,
}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """The instance on disk."""
    path = tmp_path / "serving.json"
    path.write_text(json.dumps(DOCUMENT))
    return path


def test_a_plan_and_a_policy(file: Path) -> None:
    instance = go.read(file)
    each = go.Placement([go.DeviceGroup(go.Configuration(1, 1), (m,)) for m in range(2)])
    replay = go.replay(instance, each)
    plain = go.serving.simulate_serving(instance, each)
    np.testing.assert_array_equal(replay.latency_s, plain.latency_s)
    best = go.replay(instance, "placement", method="search")
    assert best.attainment == go.solve(instance, "placement", method="search").value
    assert best.attainment >= replay.attainment
    assert best.solves == 1
    assert best.scheduler == "placement, search"


def test_every_answer_by_the_rules(file: Path) -> None:
    """First come, first served on each group; a request that would be late is dropped at once and holds up nobody."""
    instance = go.read(file)
    each = go.Placement([go.DeviceGroup(go.Configuration(1, 1), (m,)) for m in range(2)])
    replay = go.replay(instance, each)
    for model, (work, objective) in enumerate(((0.4, 1.0), (0.1, 0.3))):
        mine, free = np.flatnonzero(replay.workload.model == model), 0.0
        for request in mine.tolist():
            arrival = replay.arrival_s[request]
            end = max(arrival, free) + work
            late = end - arrival > objective
            assert np.isnan(replay.completed_s[request]) == late
            if not late:
                assert replay.completed_s[request] == pytest.approx(end, abs=1e-4)
                free = end
    assert (replay.jct_s[replay.finished] >= 0.1 - 1e-6).all()


def test_figures_file_text_and_picture(file: Path, tmp_path: Path) -> None:
    replay = go.replay(go.read(file), "placement")
    figures = replay.summary()
    assert figures["attainment"] == pytest.approx(figures["finished"] / figures["requests"])
    assert figures["slo_violations"] == figures["requests"] - figures["finished"]
    time, part = replay.cdf()
    assert len(time) == figures["finished"]
    assert part[-1] == 1.0
    frame = pd.read_csv(replay.save(tmp_path / "r.csv"))
    assert len(frame) == len(replay.workload)
    assert int((~frame["late"]).sum()) == int(replay.good.sum())
    assert len(json.loads(replay.save(tmp_path / "r.json").read_text())["requests"]) == len(frame)
    assert f"{len(replay.workload):,} requests in time" in str(replay)
    assert len(replay.plot(tmp_path / "r.png").axes) == 2
    assert (tmp_path / "r.png").stat().st_size > 5000


def test_command_line(file: Path) -> None:
    runner = CliRunner()
    found = runner.invoke(app, ["replay", str(file)])
    assert found.exit_code == 0
    assert "requests in time" in found.stdout
    found = runner.invoke(app, ["replay", str(file), "-s", "placement", "--json", "-m", "search", "--set", "beam=1"])
    assert json.loads(found.stdout)["summary"]["requests"] > 300
    assert runner.invoke(app, ["replay", str(file), "-s", "max_min"]).exit_code == 2
    assert runner.invoke(app, ["replay", str(file), "--round-s", "5"]).exit_code == 2
