"""The lecture's table, exactly."""

from __future__ import annotations

import numpy as np
import pytest

import gavelopt as go
from tests.replay.traces import failed, lecture

TABLE = [
    ("fcfs", None, [30, 10, 34, 66], 35.0, 70.0),
    ("srtf", None, [39, 10, 25, 62], 34.0, 66.0),
    ("priority", [3, 1, 2, 4], [30, 53, 51, 40], 43.5, 53.0),
]


@pytest.mark.parametrize(("scheduler", "weight", "jct", "mean", "makespan"), TABLE, ids=[row[0] for row in TABLE])
def test_lecture_table(
    scheduler: str, weight: list[float] | None, jct: list[float], mean: float, makespan: float
) -> None:
    replay = go.replay(lecture(weight), scheduler)
    np.testing.assert_allclose(replay.jct_s, jct, rtol=0, atol=1e-9)
    assert replay.mean_jct_s == pytest.approx(mean, abs=1e-9)
    assert replay.makespan_s == pytest.approx(makespan, abs=1e-9)
    assert not failed(replay)


def test_shortest_remaining_interrupts_once() -> None:
    replay = go.replay(lecture(), "srtf")
    assert replay.preemptions.tolist() == [1, 0, 0, 0]
    assert replay.queueing_s.tolist() == [0, 0, 0, 22]  # the last job (40 s) starts when the third is done, at 26 s
    first = [(float(a), float(b)) for a, b in zip(replay.log.start_s, replay.log.end_s, strict=True)]
    assert (0.0, 1.0) in first
    assert (10.0, 39.0) in first  # the first job goes on when the second is done


def test_restart_costs_time_once_for_each_interruption() -> None:
    free, paid = (go.replay(lecture(), "srtf", restart_s=cost) for cost in (0.0, 3.0))
    assert paid.jct_s[0] - free.jct_s[0] == pytest.approx(3.0)
    assert paid.log.restart_s.sum() == pytest.approx(3.0)
    assert not failed(paid)


def test_least_attained_service_takes_turns() -> None:
    instance = go.Instance.from_arrays(np.ones((2, 1)), [1], steps=[20, 20], arrival_s=[0, 5])
    replay = go.replay(instance, "las", quantum_s=10.0)
    # 0 runs to 10; 1 (nothing yet) from 10 to 20; both have had 10: 0 came first and ends at 30; 1 ends at 40
    np.testing.assert_allclose(replay.finish_s, [30.0, 40.0], atol=1e-4)


def test_tiresias_falls_through_its_queues() -> None:
    instance = go.Instance.from_arrays(np.ones((2, 1)), [1], steps=[100, 10], arrival_s=[0, 60])
    replay = go.replay(instance, "tiresias", thresholds_s=(50.0,))
    np.testing.assert_allclose(replay.finish_s, [110.0, 70.0], atol=1e-4)  # past 50 s the long job gives way


def test_backfill_passes_a_gang_that_does_not_fit() -> None:
    instance = go.Instance.from_arrays(np.ones((3, 1)), [2], steps=[10, 10, 10], scale=[1, 2, 1])
    assert go.replay(instance, "fcfs").finish_s.tolist() == [10, 20, 30]
    assert go.replay(instance, "fcfs_backfill").finish_s.tolist() == [10, 20, 10]
    assert go.replay(instance, "fcfs", backfill=True).finish_s.tolist() == [10, 20, 10]


def test_the_fastest_free_type_is_taken() -> None:
    instance = go.Instance.from_arrays([[1.0, 4.0], [1.0, 4.0]], [1, 1], steps=[40, 40], accelerators=["slow", "fast"])
    replay = go.replay(instance, "fcfs")
    assert replay.finish_s.tolist() == [10, 40]
    np.testing.assert_allclose(replay.utilization, [1.0, 0.25])


def test_a_long_queue_costs_little() -> None:
    """10,000 jobs, twice what the cluster can do, so that thousands wait: an event must not look at all of them."""
    random = np.random.default_rng(0)
    duration, gang = random.exponential(1000.0, 10_000), random.choice([1, 2, 4], size=10_000)
    arrival = np.cumsum(random.exponential((duration * gang).mean() / 64 / 2, 10_000))
    instance = go.Instance.from_arrays(np.ones((10_000, 1)), [64], scale=gang, steps=duration, arrival_s=arrival)
    go.replay(lecture(), "fcfs")  # compile
    for scheduler in ("fcfs", "sjf"):
        replay = go.replay(instance, scheduler)
        assert replay.finished.all()
        assert replay.utilization[0] > 0.9
        assert replay.seconds < 10.0


def test_late_in_a_long_trace_the_clock_still_moves() -> None:
    """At 10^8 s the next moment in floating point is 1.5e-8 s away, more than what is left of a job after rounding."""
    random = np.random.default_rng(0)
    arrival = 1e8 + np.cumsum(random.exponential(50.0, 500))
    instance = go.Instance.from_arrays(np.full((500, 1), 0.3), [2], steps=random.uniform(1, 30, 500), arrival_s=arrival)
    for scheduler in ("fcfs", "srtf", "las"):
        replay = go.replay(instance, scheduler)
        assert replay.finished.all()
        np.testing.assert_allclose(replay.log.steps.sum(), np.sum(instance.jobs.steps), rtol=1e-6)
