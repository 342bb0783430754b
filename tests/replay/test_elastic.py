"""Elastic jobs on the clock of all replays: the rules by hand, the invariants on random traces, the figures."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

import gavelopt as go
from formulations.pollux.apps import APPS, jobs_of
from gavelopt.cli import app
from gavelopt.io.schema import violations
from gavelopt.io.write import write_instance
from tests.replay.traces import failed


def cluster(nodes: int) -> go.Cluster:
    return go.Cluster({"t4": 4 * nodes}, per_node=[4], cost_per_hour=[3.6])


def steady(total: float, noise: float = 50.0) -> go.TrainingCurve:
    return go.TrainingCurve([total / 2, total], [1.0, 1.0], [noise, noise])


@st.composite
def elastic_traces(draw: st.DrawFn) -> go.ElasticTrace:
    """Up to six jobs of a few minutes on one to three nodes."""
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    count = draw(st.integers(1, 6))
    apps = [APPS[i] for i in random.integers(len(APPS), size=count)]
    jobs = jobs_of(apps, random.uniform(1.0, 900.0, count), restart_s=float(random.choice([0.0, 30.0, 100.0])))
    supply = cluster(draw(st.integers(1, 3)))
    alone = go.ElasticInstance(supply, jobs).goodput[:, 0] / jobs.init_batch_size
    curves = [steady(speed * random.uniform(20, 900), random.uniform(1, 900)) for speed in alone]
    return go.ElasticTrace(supply, jobs, np.round(random.uniform(0, 900, count), -1), curves)


@given(trace=elastic_traces(), method=st.sampled_from(["exact", "sia", "isolated", "greedy"]))
@settings(deadline=None, max_examples=12)
def test_invariants(trace: go.ElasticTrace, method: str) -> None:
    replay = go.replay(trace, "pollux_fitness", method=method)
    assert not failed(replay)
    assert replay.finished.all()
    assert (replay.start_s % 60 == 0).all()  # plans are made at full minutes
    for segment, devices in enumerate(replay.devices):
        on_node = np.bincount(np.array(devices) // 4, minlength=trace.instance.nodes)
        assert on_node.tolist() == replay.places[segment].tolist()


def test_a_delay_longer_than_a_round_is_owed_in_the_next() -> None:
    """One GPU at first, then two: 100 s of standing still are one whole round and 40 s of the next."""
    jobs = jobs_of(["cifar10"], [500.0], max_replicas=2, restart_s=100.0)
    speed = go.ElasticInstance(cluster(1), jobs).goodput[0, :2] / 128
    trace = go.ElasticTrace(cluster(1), jobs, [0.0], [steady(60 * speed[0] + 20 * speed[1] - 1e-6, 500.0)])
    replay = go.replay(trace, "pollux_fitness", restart="none")
    assert replay.finish_s[0] == pytest.approx(60 + 100 + 20, abs=1e-3)
    assert replay.log.restart_s.tolist() == [0.0, 100.0]
    assert replay.log.gang.tolist() == [1, 2]
    assert replay.preemptions.tolist() == [1]
    assert not failed(replay)
    free = go.replay(trace, "pollux_fitness", restart="none", restart_s=0.0)
    assert free.finish_s[0] == pytest.approx(60 + 20, abs=1e-3)


def test_figures_and_files(tmp_path: Path) -> None:
    jobs = jobs_of(["cifar10", "cifar10"], [50.0, 50.0], max_replicas=1)
    speed = float(go.ElasticInstance(cluster(1), jobs).goodput[0, 0]) / 128
    trace = go.ElasticTrace(cluster(1), jobs, [30.0, 7000.0], [steady(100 * speed), steady(60 * speed)])
    replay = go.replay(trace, "pollux_fitness")
    np.testing.assert_allclose(replay.finish_s, [160.0, 7080.0])  # planned at 60 s and at 7020 s
    np.testing.assert_allclose(replay.queueing_s, [30.0, 20.0])
    np.testing.assert_allclose(replay.ideal_s, [100.0, 60.0])
    assert replay.cost == pytest.approx(160 * 0.001)
    assert replay.solves == 3  # nobody is there in between, and nobody plans
    figures = replay.summary()
    assert figures["mean_jct_s"] == pytest.approx((130 + 80) / 2)
    assert figures["utilization"]["t4"] == pytest.approx(160 / 4 / 7050)
    assert "pollux_fitness (rounds): 2 of 2 jobs done" in str(replay)
    document = json.loads(replay.save(tmp_path / "e.json").read_text())
    assert [row["gpu_s"] for row in document["jobs"]] == pytest.approx([100.0, 60.0])
    figure = replay.plot(tmp_path / "e.png")
    assert len(figure.axes[2].patches) == len(replay.log) == 2


def test_the_checks_find_what_is_wrong() -> None:
    jobs = jobs_of(["cifar10", "ncf"], [50.0, 900.0])
    trace = go.ElasticTrace(cluster(1), jobs, [0.0, 0.0], [steady(3000.0), steady(9000.0)])
    replay = go.replay(trace, "pollux_fitness")
    assert not failed(replay)

    def names(**changes: object) -> set[str]:
        return {check.name for check in failed(dataclasses.replace(replay, **changes))}

    assert "no node overfull" in names(places=replay.places + 3)
    assert "not faster than ideal" in names(finish_s=replay.finish_s / 50)


def test_a_job_without_a_configuration_is_named_and_the_horizon_ends_a_replay() -> None:
    jobs = jobs_of(["cifar10", "ncf"], [50.0, 900.0], min_replicas=[9, 1], max_replicas=[64, 64])
    trace = go.ElasticTrace(cluster(1), jobs, [0.0, 0.0], [steady(3e3), steady(3e5)])
    replay = go.replay(trace, "pollux_fitness")
    assert replay.finished.tolist() == [False, True]
    assert any("cifar10-0" in warning for warning in replay.warnings)
    short = go.replay(trace, "pollux_fitness", horizon_s=60.0)
    assert not short.finished.any()
    assert not failed(short)
    nobody = go.ElasticTrace(cluster(1), jobs.take(np.zeros(0, dtype=int)), [], [])
    assert go.replay(nobody, "pollux_fitness").solves == 0


MISTAKES = [
    ({"scheduler": "max_min"}, "elastic"),
    ({"scheduler": "pollux_fitness", "mode": "fluid"}, "mode"),
    ({"scheduler": "pollux_fitness", "min_resolve_s": 5.0}, "min_resolve_s"),
    ({"scheduler": "pollux_fitness", "round_s": 0.0}, "round_s"),
    ({"scheduler": "pollux_fitness", "horizon": 5.0}, "horizon"),
]


@pytest.mark.parametrize(("options", "words"), MISTAKES)
def test_mistakes_are_explained(options: dict[str, object], words: str) -> None:
    trace = go.ElasticTrace(cluster(1), jobs_of(["ncf"], [1.0]), [0.0], [steady(10.0)])
    with pytest.raises(go.InputError, match=words):
        go.replay(trace, **options)  # type: ignore[arg-type]
    with pytest.raises(go.InputError, match="ElasticTrace"):
        go.replay(trace.instance, "pollux_fitness")  # type: ignore[arg-type]


def test_a_trace_in_a_file(tmp_path: Path) -> None:
    jobs = jobs_of(["cifar10", "ncf", "cifar10"], [2.0, 30.0, 2.0], restart_s=10.0)
    learns = go.TrainingCurve([4e3, 9e3], [1.0, 2.0], [50.0, 600.0])
    trace = go.ElasticTrace(cluster(1), jobs, [0.0, 70.0, 90.0], [learns, steady(9e4), learns], name="three")
    file = write_instance(trace, tmp_path / "trace.json")
    document = json.loads(Path(file).read_text())
    assert not violations(document)
    assert len(document["runs"]) == 2
    back = go.read(file)
    assert "3 jobs" in CliRunner().invoke(app, ["inspect", str(file)]).stdout
    assert back.name == "three"
    one, same = (go.replay(found, "pollux_fitness") for found in (trace, back))
    np.testing.assert_array_equal(one.finish_s, same.finish_s)
    found = CliRunner().invoke(app, ["replay", str(file), "--method", "sia", "--json"])
    assert json.loads(found.stdout)["summary"]["finished"] == 3
    for path, value, words in (
        (("jobs", 0, "run"), "run7", r"jobs\[0\].run"),
        (("jobs", 1, "age_s"), 5.0, "age_s"),
        (("runs", "run0", "progress"), [5.0, 4.0], "runs.run0"),
        (("jobs", 2, "perf"), None, r"jobs\[2\].perf"),
    ):
        wrong = json.loads(json.dumps(document))
        place = wrong
        for key in path[:-1]:
            place = place[key]
        place[path[-1]] = value
        (tmp_path / "wrong.json").write_text(json.dumps(wrong))
        with pytest.raises(go.InputError, match=words):
            go.read(tmp_path / "wrong.json")
