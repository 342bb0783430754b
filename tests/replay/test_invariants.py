"""What every replay must satisfy, on random traces."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import gavelopt as go
from tests.replay.traces import failed, traces

DISCIPLINES = ("fcfs", "fcfs_backfill", "sjf", "sjf_backfill", "srtf", "priority", "las", "tiresias")
POLICIES = ("max_min", "max_min_fairness", "makespan", "ftf", "isolated", "gandiva", "fifo", "water_filling")
RELAXED = settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.too_slow])


@pytest.mark.parametrize("scheduler", DISCIPLINES)
@given(instance=traces(), restart=st.sampled_from([0.0, 7.0]))
@RELAXED
def test_disciplines(scheduler: str, instance: go.Instance, restart: float) -> None:
    options = {"quantum_s": 100.0} if scheduler == "las" else {}
    replay = go.replay(instance, scheduler, restart_s=restart, **options)
    assert not failed(replay)
    assert_everybody_finished(replay)
    assert_devices_are_held_once(replay)


@pytest.mark.parametrize("policy", POLICIES)
@given(instance=traces(), restart=st.sampled_from([0.0, 20.0]), pause=st.sampled_from([0.0, 500.0]))
@settings(RELAXED, max_examples=8)
def test_rounds(policy: str, instance: go.Instance, restart: float, pause: float) -> None:
    replay = go.replay(instance, policy, round_s=100.0, restart_s=restart, min_resolve_s=pause)
    assert not failed(replay)
    assert_everybody_finished(replay)
    assert_devices_are_held_once(replay)


@pytest.mark.parametrize("policy", ["max_min", "makespan", "isolated", "gandiva"])
@given(instance=traces())
@settings(RELAXED, max_examples=8)
def test_fluid(policy: str, instance: go.Instance) -> None:
    replay = go.replay(instance, policy, mode="fluid")
    assert not failed(replay)
    assert_everybody_finished(replay)


@pytest.mark.parametrize("mode", ["rounds", "fluid"])
@pytest.mark.parametrize("policy", ["max_min_fairness_packed", "gandiva", "fifo_packed"])
@given(instance=traces(), data=st.data())
@settings(RELAXED, max_examples=8)
def test_pairs(policy: str, mode: str, instance: go.Instance, data: st.DataObject) -> None:
    replay = go.replay(in_pairs(instance, data.draw(st.integers(0, 99))), policy, mode=mode)
    assert not failed(replay)
    assert_everybody_finished(replay)
    if mode == "rounds":
        assert_devices_are_held_once(replay)


def in_pairs(instance: go.Instance, seed: int) -> go.Instance:
    """The instance with rates of pairs: each member at a random part of its rate alone."""
    random, rates = np.random.default_rng(seed), instance.throughputs.rates
    couples = list(itertools.combinations(range(len(rates)), 2))
    together = [random.uniform(0.2, 1.0, (rates.shape[1], 2)) * rates[list(couple)].T for couple in couples]
    pairs = go.PairTable(couples, np.array(together).reshape(-1, rates.shape[1], 2), *rates.shape) if couples else None
    table = instance.throughputs
    return instance.replace(throughputs=go.ThroughputTable(rates, table.jobs, table.accelerators, pairs=pairs))


@given(instance=traces(at_once=True))
@settings(RELAXED, max_examples=25)
def test_makespan_bound_and_fluid_limit(instance: go.Instance) -> None:
    able = np.flatnonzero((instance.rates > 0).any(axis=1) & (np.asarray(instance.jobs.steps) > 0))
    if not len(able):
        return
    instance = instance.take(able.tolist())
    bound = go.solve(instance, "makespan").bound
    assert bound is not None
    fluid = go.replay(instance, "makespan", mode="fluid")
    assert fluid.makespan_s == pytest.approx(bound, rel=1e-6)
    for scheduler in ("srtf", "fcfs_backfill"):
        assert not failed(go.replay(instance, scheduler), bound_s=bound)
    assert not failed(go.replay(instance, "makespan", round_s=50.0), bound_s=bound)


@given(
    share=st.lists(st.integers(1, 20), min_size=1, max_size=8),
    rounds=st.integers(1, 60),
)
@settings(RELAXED, max_examples=60)
def test_deviation_bound_on_one_accelerator(share: list[int], rounds: int) -> None:
    """|received - X k| <= (1 + n X) / 2 rounds; max-min over equal rates gives X in proportion to the weights."""
    weight = np.array(share, dtype=float)
    count = len(weight)
    instance = go.Instance.from_arrays(np.ones((count, 1)), [1], weight=weight, steps=np.full(count, 1e6))
    time = weight / weight.sum()
    received = first_rounds(instance, rounds)
    assert (np.abs(received - time * rounds) <= (1 + count * time) / 2 + 1e-6).all()


def first_rounds(instance: go.Instance, rounds: int) -> np.ndarray:
    """(J,) rounds that each job had among the first ones."""
    jobs = go.JobSet(len(instance.jobs), weight=instance.jobs.weight, steps=np.full(len(instance.jobs), rounds + 5.0))
    short = instance.replace(jobs=jobs)  # nobody is done before the rounds that count are over
    log = go.replay(short, "max_min", round_s=1.0).log
    inside = np.clip(np.minimum(log.end_s, rounds) - log.start_s, 0.0, None)
    return np.bincount(log.job, weights=inside, minlength=len(instance.jobs))


def assert_everybody_finished(replay: go.Replay) -> None:
    able = (replay.instance.rates > 0).any(axis=1) | (np.asarray(replay.instance.jobs.steps) == 0)
    assert (replay.finished == able).all()


def assert_devices_are_held_once(replay: go.Replay) -> None:
    """Every segment has its whole gang, and no accelerator is in two segments at a time (but those of one pair)."""
    log, scale = replay.log, replay.instance.jobs.scale_factor
    held: dict[tuple[int, int], list[tuple[float, float, int]]] = {}
    for segment, devices in enumerate(replay.devices):
        assert len(set(devices)) == scale[log.job[segment]]
        for device in devices:
            key = (int(log.accelerator[segment]), device)
            held.setdefault(key, []).append((float(log.start_s[segment]), float(log.end_s[segment]), segment))
    for pieces in held.values():
        pieces.sort()
        for (_, end, one), (start, _, other) in itertools.pairwise(pieces):
            assert start >= end or log.partner[one] == log.job[other]
