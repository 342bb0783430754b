"""Gavel's traces: the makespan trace on 8:16:24, space sharing, generated traces."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest

import gavelopt as go
from tests.replay.traces import failed


@pytest.fixture(scope="module")
def makespan_trace(shared_data: Path) -> go.Instance:
    """100 jobs at time 0 on 8 v100, 16 p100, 24 k80, with the rates measured on the physical cluster."""
    folder = shared_data / "gavel"
    found = go.read(
        folder / "traces" / "physical_minimize_makespan.trace",
        cluster="8:16:24",
        throughputs=folder / "physical_cluster_throughputs.json",
    )
    assert isinstance(found, go.Instance)
    return found


def test_rounds_realise_the_makespan_policy(makespan_trace: go.Instance) -> None:
    bound = go.solve(makespan_trace, "makespan").bound
    assert bound == pytest.approx(17.093 * 3600, rel=1e-4)
    replay = go.replay(makespan_trace, "makespan")
    assert replay.makespan_s <= 1.03 * bound
    assert not failed(replay, bound_s=bound)
    fluid = go.replay(makespan_trace, "makespan", mode="fluid")
    assert fluid.makespan_s == pytest.approx(bound, rel=1e-6)


def test_awareness_pays(makespan_trace: go.Instance) -> None:
    aware, agnostic = (go.replay(makespan_trace, name) for name in ("makespan", "min_total_duration"))
    assert agnostic.makespan_s >= 1.15 * aware.makespan_s
    aware, agnostic = (go.replay(makespan_trace, name) for name in ("max_min", "max_min_fairness"))
    assert agnostic.mean_jct_s >= 1.15 * aware.mean_jct_s


def test_arrivals_leases_and_deviation(shared_data: Path) -> None:
    folder = shared_data / "gavel"
    trace = go.read(
        folder / "traces" / "physical_max_min_fairness.trace",
        cluster="8:16:24",
        throughputs=folder / "physical_cluster_throughputs.json",
    )
    replay = go.replay(trace, "max_min", min_resolve_s=1920)
    assert not failed(replay)
    assert replay.finished.all()
    assert 0 < replay.kept < replay.renewable
    assert replay.promised_s is not None
    assert replay.received_s is not None
    # all that was received is in the log, and the deviation is the difference to what was promised
    by_log = np.bincount(replay.log.job, weights=replay.log.held_s, minlength=len(trace.jobs))
    np.testing.assert_allclose(replay.received_s.sum(axis=1), by_log, rtol=1e-6)
    np.testing.assert_allclose(replay.deviation_s, np.abs(replay.promised_s - replay.received_s).max(axis=1))
    paid = go.replay(trace, "max_min", min_resolve_s=1920, restart_s=30.0)
    assert paid.mean_jct_s > replay.mean_jct_s
    assert not failed(paid)


@pytest.mark.parametrize("mode", ["rounds", "fluid"])
@pytest.mark.parametrize("policy", ["max_min_fairness_packed", "gandiva"])
def test_pairs_share_accelerators(mode: str, policy: str) -> None:
    jobs, types = 7, ["fast", "slow"]
    rates = np.outer(np.linspace(1.0, 2.0, jobs), [3.0, 1.0])
    couples = list(itertools.combinations(range(jobs), 2))
    together = np.array([np.stack([0.8 * rates[a], 0.7 * rates[b]], axis=1) for a, b in couples])
    names = [f"job{number}" for number in range(jobs)]
    table = go.ThroughputTable(rates, names, types, pairs=go.PairTable(couples, together, jobs, len(types)))
    trace = go.JobSet(names, steps=np.linspace(1e4, 3e4, jobs), arrival_s=np.arange(jobs) * 500.0)
    replay = go.replay(go.Instance(go.Cluster(types, [2, 1]), trace, table), policy, mode=mode)
    assert not failed(replay)
    assert replay.finished.all()
    shared = replay.log.partner >= 0
    assert shared.any()
    if mode == "rounds":
        mates = {(int(j), int(p)) for j, p in zip(replay.log.job[shared], replay.log.partner[shared], strict=True)}
        assert all((b, a) in mates for a, b in mates)
        assert all(replay.devices)


def test_generated_traces_are_the_seed_s() -> None:
    generator = go.TraceGenerator(
        go.examples.gavel_profiles(), go.Cluster.from_spec("36:36:36"), priorities=True, slos=True
    )
    one, same, other = generator(200, 5.0, seed=1), generator(200, 5.0, seed=1), generator(200, 5.0, seed=2)
    np.testing.assert_array_equal(one.jobs.steps, same.jobs.steps)
    np.testing.assert_array_equal(one.jobs.arrival_s, same.jobs.arrival_s)
    assert (one.jobs.steps != other.jobs.steps).any()
    gaps = np.diff(generator(4000, 5.0).jobs.arrival_s)
    assert gaps.mean() == pytest.approx(720.0, rel=0.06)
    assert set(one.jobs.weight.tolist()) == {1.0, 5.0}
    assert one.jobs.deadline_s is not None
    assert (one.jobs.deadline_s > one.jobs.arrival_s).all()


@pytest.mark.parametrize("policy", ["max_min_fairness", "gandiva", "max_min_fairness_packed"])
def test_a_replay_is_the_seed_s(policy: str) -> None:
    generator = go.TraceGenerator(go.examples.gavel_profiles(), go.Cluster.from_spec("v100:3,p100:2,k80:2"))
    trace = generator(25, 2.0, seed=4)
    one, same = (go.replay(trace, policy, seed=5) for _ in range(2))
    np.testing.assert_array_equal(one.finish_s, same.finish_s)
    np.testing.assert_array_equal(one.log.end_s, same.log.end_s)
