"""Jobs that learn over time: the arithmetic of one job by hand, and what re-planning buys."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import gavelopt as go
from formulations.pollux.apps import jobs_of
from formulations.pollux.fitness import PolluxFitness


def simulate(
    where: go.Cluster,
    jobs: go.ElasticJobs,
    arrival_s: Any,
    curves: Sequence[go.TrainingCurve],
    policy: PolluxFitness | None = None,
    **options: Any,
) -> go.ElasticReplay:
    trace = go.ElasticTrace(where, jobs, arrival_s, curves)
    return go.replay(trace, policy or PolluxFitness(), **options)


def cluster(nodes: int) -> go.Cluster:
    return go.Cluster({"t4": 4 * nodes}, per_node=[4])


def steady(total: float, noise: float = 50.0) -> go.TrainingCurve:
    return go.TrainingCurve([total / 2, total], [1.0, 1.0], [noise, noise])


def test_one_job_alone_takes_its_work_over_its_speed() -> None:
    jobs = jobs_of(["cifar10"], [50.0], max_replicas=1)
    instance = go.ElasticInstance(cluster(1), jobs)
    speed = float(instance.goodput[0, 0]) / 128
    found = simulate(cluster(1), jobs, [30.0], [steady(100 * speed)], round_s=60.0)
    assert found.finish_s[0] == pytest.approx(60.0 + 100.0)  # planned at the next full minute
    assert found.jct_s[0] == pytest.approx(130.0)
    assert found.preemptions.tolist() == [0]
    assert found.solves == 2


def test_a_job_doubles_its_replicas_and_pays_for_every_move() -> None:
    jobs = jobs_of(["cifar10"], [500.0])
    instance = go.ElasticInstance(cluster(1), jobs)
    one, two = instance.goodput[0, 0] / 128, instance.goodput[0, 1] / 128
    work = 60 * one + (60 - 30) * two - 1e-6  # a minute on one GPU, half a minute on two after the restart
    found = simulate(cluster(1), jobs, [0.0], [steady(work, 500.0)], PolluxFitness(restart="none"))
    assert found.finish_s[0] == pytest.approx(120.0, abs=1e-3)
    assert found.preemptions.tolist() == [1]
    free = simulate(cluster(1), jobs, [0.0], [steady(work, 500.0)], PolluxFitness(restart="none"), explore=False)
    assert free.finish_s[0] < found.finish_s[0]


def test_the_noise_scale_of_the_epoch_counts() -> None:
    curve = go.TrainingCurve([10.0, 20.0], [1.0, 2.0], [5.0, 600.0])
    assert curve.gradient(0.0) == (1.0, 5.0)
    assert curve.gradient(15.0) == (2.0, 600.0)
    assert curve.gradient(99.0) == (2.0, 600.0)
    jobs = jobs_of(["cifar10"], [1.0])
    quiet, noisy = (
        simulate(cluster(2), jobs, [0.0], [go.TrainingCurve([5e3], [1.0], [noise])], explore=False)
        for noise in (1.0, 900.0)
    )
    assert noisy.finish_s[0] < quiet.finish_s[0]  # large batches teach more where gradients are noisy


def test_a_workload_runs_to_its_end_and_sharing_by_fitness_beats_equal_shares(shared_data: Path) -> None:
    folder = shared_data / "pollux_sia"
    trace = pd.read_csv(folder / "workloads" / "workloads" / "workload-6.csv")
    trace = trace[trace["application"].isin(["cifar10", "ncf"])].head(12)
    rows = {
        app: pd.read_csv(folder / "profiles_t4" / app / f"validation-{b}.csv")
        for app, b in (("cifar10", 128), ("ncf", 256))
    }
    curves = [
        go.TrainingCurve(rows[app]["progress"], rows[app]["grad_sqr"], rows[app]["grad_var"])
        for app in trace["application"]
    ]
    jobs = jobs_of(list(trace["application"]), np.ones(12))
    exact, equal = (
        simulate(cluster(2), jobs, trace["time"], curves, method=method) for method in ("exact", "isolated")
    )
    assert not np.isnan(exact.finish_s).any()
    assert (exact.finish_s > exact.arrival_s).all()
    assert exact.jct_s.mean() < equal.jct_s.mean()
    assert np.nanmax(exact.gaps) < 0.05


def test_bad_input_is_named() -> None:
    jobs = jobs_of(["ncf"], [1.0])
    with pytest.raises(go.InputError, match="one a job"):
        simulate(cluster(1), jobs, [0.0, 1.0], [steady(1.0)])
    with pytest.raises(go.InputError, match="round_s"):
        simulate(cluster(1), jobs, [0.0], [steady(1.0)], round_s=0.0)
    with pytest.raises(go.InputError, match="progress must rise"):
        go.TrainingCurve([2.0, 1.0], [1.0, 1.0], [1.0, 1.0])
    with pytest.raises(go.InputError, match="equal length"):
        go.TrainingCurve([1.0], [1.0, 1.0], [1.0])
