"""Cases at the edge: nobody, one job, ties, gaps of a year, restarts longer than turns, gangs larger than a server."""

from __future__ import annotations

import numpy as np
import pytest

import gavelopt as go
from tests.replay.traces import failed

EVERY = [
    *((name, None) for name in ("fcfs", "fcfs_backfill", "sjf", "sjf_backfill", "srtf", "priority", "las", "tiresias")),
    *((name, mode) for name in ("max_min", "makespan", "gandiva", "fifo", "isolated") for mode in ("rounds", "fluid")),
]
every = pytest.mark.parametrize(("scheduler", "mode"), EVERY)


@every
def test_nobody(scheduler: str, mode: str | None) -> None:
    replay = go.replay(go.Instance.from_arrays(np.ones((0, 2)), [1, 1], steps=[]), scheduler, mode=mode)
    assert np.isnan(replay.mean_jct_s)
    assert replay.summary()["jobs"] == 0
    assert "0 of 0 jobs" in str(replay)
    assert not failed(replay)


@every
def test_one_job_takes_its_work_over_its_best_rate(scheduler: str, mode: str | None) -> None:
    trace = go.Instance.from_arrays([[1.0, 4.0]], [1, 1], steps=[80], arrival_s=[7.0])
    replay = go.replay(trace, scheduler, mode=mode)
    if scheduler not in ("isolated", "gandiva"):  # these give it half of the time on each type
        assert replay.finish_s[0] == pytest.approx(27.0)
    assert replay.finished.all()
    assert not failed(replay)


@every
def test_a_year_between_two_jobs(scheduler: str, mode: str | None) -> None:
    year = 365 * 86400.0
    trace = go.Instance.from_arrays(np.ones((3, 1)), [1], steps=[50, 50, 50], arrival_s=[0, year, 2 * year])
    replay = go.replay(trace, scheduler, mode=mode)
    np.testing.assert_allclose(replay.jct_s, 50.0, atol=1e-3)
    assert len(replay.log) == 3


@every
def test_equal_jobs_tie_as_listed(scheduler: str, mode: str | None) -> None:
    trace = go.Instance.from_arrays(np.ones((6, 1)), [2], steps=np.full(6, 100.0))
    replay = go.replay(trace, scheduler, mode=mode, **({"round_s": 100.0} if mode == "rounds" else {}))
    assert not failed(replay)
    assert replay.makespan_s == pytest.approx(300.0)
    if mode is None:
        assert replay.finish_s.tolist() == [100, 100, 200, 200, 300, 300]


@every
def test_a_job_that_nobody_can_run_is_named_and_holds_up_nobody(scheduler: str, mode: str | None) -> None:
    trace = go.Instance.from_arrays([[1.0], [0.0], [1.0]], [2], scale=[1, 1, 8], steps=[10, 10, 10])
    replay = go.replay(trace, scheduler, mode=mode)
    assert replay.finished.tolist() == [True, False, False]
    assert any("j1, j2" in warning for warning in replay.warnings)


def test_a_policy_that_starves_is_told() -> None:
    """The least cost without deadlines is to run nobody; rounds lend what nobody claims, fluid mode does not."""
    trace = go.Instance.from_arrays(np.ones((2, 1)), [1], steps=[10, 10], cost_per_hour=[1.0])
    fluid = go.replay(trace, "min_cost", mode="fluid")
    assert not fluid.finished.any()
    assert any("granted nothing" in warning for warning in fluid.warnings)
    assert go.replay(trace, "min_cost", mode="rounds").finished.all()


def test_a_gang_over_several_servers() -> None:
    """Eight accelerators in servers of four: the gang of six takes one whole server and half of the other."""
    cluster = go.Cluster(["gpu"], [8], per_node=[4])
    table = go.ThroughputTable(np.ones((3, 1)), ["wide", "a", "b"], ["gpu"])
    jobs = go.JobSet(["wide", "a", "b"], scale_factor=[6, 2, 4], steps=[10, 20, 10], arrival_s=[0, 0, 1])
    replay = go.replay(go.Instance(cluster, jobs, table), "fcfs")
    assert replay.devices == ((0, 1, 2, 3, 4, 5), (6, 7), (0, 1, 2, 3))
    assert replay.finish_s.tolist() == [10, 20, 20]


@pytest.mark.parametrize(
    ("scheduler", "options"),
    [("max_min", {"round_s": 100.0, "restart_s": 100.0}), ("las", {"quantum_s": 60.0, "restart_s": 30.0})],
)
def test_a_turn_must_outlast_a_restart(scheduler: str, options: dict[str, float]) -> None:
    """Jobs that take turns would restart for ever."""
    trace = go.Instance.from_arrays(np.ones((3, 1)), [2], scale=[2, 2, 2], steps=[500, 500, 500])
    with pytest.raises(go.InputError, match="never work"):
        go.replay(trace, scheduler, **options)
    just = {name: value - 1e-3 if name == "restart_s" else value for name, value in options.items()}
    short = trace.replace(jobs=go.JobSet(3, scale_factor=[2, 2, 2], steps=[1.0, 1.0, 1.0]))
    assert go.replay(short, scheduler, **just).finished.all()


def test_a_restart_longer_than_a_job_is_paid_once_for_each_interruption() -> None:
    trace = go.Instance.from_arrays(np.ones((2, 1)), [1], steps=[100, 10], arrival_s=[0, 50])
    replay = go.replay(trace, "srtf", restart_s=1e4)
    assert replay.finish_s.tolist() == [60 + 1e4 + 50, 60]
    assert not failed(replay)


@every
def test_late_in_a_long_trace_short_jobs_still_end(scheduler: str, mode: str | None) -> None:
    """At 10^7 s the next moment in floating point is 2e-9 s away: more than a billionth of a job of a millisecond."""
    random = np.random.default_rng(0)
    arrival = 1e7 + np.sort(random.uniform(0, 100, 12))
    trace = go.Instance.from_arrays(np.full((12, 1), 0.3), [2], steps=random.uniform(1e-4, 1e-3, 12), arrival_s=arrival)
    replay = go.replay(trace, scheduler, mode=mode)
    assert replay.finished.all()
    assert replay.jct_s.max() < 360.0
