"""The serving rules: worked by hand, and the compiled simulator against the plain reading, bit by bit."""

from __future__ import annotations

import numpy as np
import pytest

import gavelopt as go
from formulations.alpaserve.examples import random_instance
from gavelopt.judge.serving_rules import serve
from tests.alpaserve.placements import random_code, tiny


def test_one_queue_is_first_come_first_served() -> None:
    instance = tiny([[0.0, 0.5, 0.6, 4.0]], stages={1: (1.0,)}, slo=2.0)
    report = go.serving.simulate_serving(instance, instance.placement([((1, 1), ["m0"])]))
    # answered at 1, 2; the third would be answered at 3, after 2.4 s: dropped, so the fourth finds an idle device
    assert report.latency_s.tolist() == pytest.approx([1.0, 1.5, np.nan, 1.0], nan_ok=True)
    assert report.group.tolist() == [0, 0, -1, 0]
    assert report.attainment == 0.75
    assert report.busy_s.tolist() == pytest.approx([3.0])
    assert report.span_s == 5.0


def test_a_pipeline_overlaps_requests() -> None:
    instance = tiny([[0.0, 0.0, 0.0]], stages={2: (1.0, 2.0)})
    report = go.serving.simulate_serving(instance, instance.placement([((2, 1), ["m0"])]))
    # the second stage is the slow one: 3, then every 2 seconds
    assert report.latency_s.tolist() == pytest.approx([3.0, 5.0, 7.0])


def test_the_shortest_queue_is_the_one_whose_last_stage_is_free_first() -> None:
    instance = tiny([[0.0, 0.1, 0.2, 5.0, 5.0]], stages={1: (1.0,)})
    report = go.serving.simulate_serving(instance, instance.placement([((1, 1), ["m0"]), ((1, 1), ["m0"])]))
    # equal clocks: the lower group; later the longer idle one first
    assert report.group.tolist() == [0, 1, 0, 1, 0]


def test_overheads_and_the_boundary() -> None:
    instance = tiny([[0.0]], stages={1: (1.0,)}, slo=1.0, overheads=go.Overheads(0.011, 0.009))
    placement = instance.placement([((1, 1), ["m0"])])
    assert go.serving.simulate_serving(instance, placement).attainment == 0.0  # 1 x the latency can never be met
    enough = tiny([[0.0]], stages={1: (1.0,)}, slo=1.0201, overheads=go.Overheads(0.011, 0.009))
    assert go.serving.simulate_serving(enough, placement).latency_s[0] == pytest.approx(1.009 + 0.011, abs=1e-7)


def test_only_counted_requests_count() -> None:
    instance = tiny([[0.0, 0.1, 0.2, 9.0]], stages={1: (1.0,)}, slo=1.5)
    counted = instance.replace(workload=go.Workload(instance.workload.arrival_s, instance.workload.model, (1, 4)))
    placement = instance.placement([((1, 1), ["m0"])])
    assert go.serving.simulate_serving(instance, placement).attainment == 0.5
    assert go.serving.simulate_serving(counted, placement).attainment == pytest.approx(1 / 3)
    assert go.serving.ServingSimulator(counted).good([counted.code(placement)])[0] == 1


def test_the_compiled_simulator_is_the_plain_reading_on_1000_random_cases() -> None:
    for seed in range(1000):
        instance = random_instance(seed, requests=60)
        code = random_code(instance, seed)
        group, seconds = serve(instance, instance.decode(code), instance.workload)
        simulator = go.serving.ServingSimulator(instance)
        fast_group, fast_seconds = simulator.trace(code)
        assert np.array_equal(group, fast_group), seed
        assert np.array_equal(seconds, fast_seconds, equal_nan=True), seed
        assert simulator.good([code])[0] == (group >= 0).sum(), seed


def test_many_placements_in_one_call_and_giving_up() -> None:
    instance = random_instance(7)
    codes = [random_code(instance, seed) for seed in range(40)]
    simulator = go.serving.ServingSimulator(instance)
    alone = np.array([int(simulator.good([code])[0]) for code in codes])
    assert np.array_equal(simulator.good(codes), alone)
    limit = int(simulator.requests - np.median(alone))
    limited = simulator.good(codes, failures=limit)
    assert np.array_equal(limited, np.where(simulator.requests - alone > limit, -1, alone))
    racing = simulator.good(codes, best_only=True)
    assert racing.max() == alone.max()
    assert np.argmax(racing) == np.argmax(alone)
    assert all(mine in (-1, theirs) for mine, theirs in zip(racing, alone, strict=True))


def test_more_than_64_models() -> None:
    arrivals = [[float(i)] for i in range(70)]
    instance = tiny(arrivals, stages={1: (0.5,)}, devices=1, weight=0.01)
    names = [f"m{i}" for i in range(0, 70, 2)]
    report = go.serving.simulate_serving(instance, instance.placement([((1, 1), names)]))
    assert report.good.tolist() == [i % 2 == 0 for i in range(70)]


def test_the_report_adds_up() -> None:
    instance = random_instance(4)
    code = random_code(instance, 1)
    report = go.serving.simulate_serving(instance, instance.decode(code))
    served, missed = go.serving.ServingSimulator(instance).tally(code)
    assert served.sum() == report.good.sum()
    assert missed.sum() == (~report.good).sum()
    asked = instance.workload.per_model(len(instance.models))
    with np.errstate(invalid="ignore"):
        assert report.attainment_per_model == pytest.approx(1 - missed / asked, nan_ok=True)
    assert (report.utilization <= 1 + 1e-9).all()
    low, high = report.percentile([50, 99])
    assert low <= high <= float(np.nanmax(instance.models.slo_s)) + 1e-6
