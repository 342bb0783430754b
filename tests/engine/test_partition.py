"""POP: parts of the cluster for parts of the jobs, held against our bound."""

from __future__ import annotations

import numpy as np
import pytest

import gavelopt as go

POLICIES = ("max_sum", "max_min", "makespan", "proportional_fairness", "power_mean", "ftf")


@pytest.fixture(scope="module")
def question() -> go.Instance:
    return go.examples.gavel(jobs=60, cluster="v100:12,p100:8,k80:12", seed=3)


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("parts", [1, 3, 8])
def test_never_beats_the_optimum_and_its_own_bound_holds(question: go.Instance, policy: str, parts: int) -> None:
    best, found = go.solve(question, policy), go.solve(question, policy, method="pop", parts=parts, seed=1)
    assert best.value is not None
    assert found.value is not None
    assert found.bound is not None
    sign = 1.0 if best.policy.sense == "max" else -1.0
    slack = 1e-7 * abs(best.value)
    assert sign * found.value <= sign * best.value + slack
    assert sign * found.bound >= sign * best.value - slack
    if parts == 1:
        assert found.value == pytest.approx(best.value, rel=1e-6)
        assert found.status == "optimal"


def test_each_part_keeps_to_its_slice(question: go.Instance) -> None:
    found = go.solve(question, "max_sum", method="pop", parts=4, seed=5)
    assert found.allocation is not None
    order = np.random.default_rng(5).permutation(len(question.jobs))
    for rows in np.array_split(order, 4):
        used = question.jobs.scale_factor[rows] @ found.allocation.matrix[rows]
        assert (used <= question.cluster.count / 4 + 1e-9).all()


def test_more_parts_than_jobs_and_no_jobs() -> None:
    instance = go.examples.tiny()
    found = go.solve(instance, "max_sum", method="pop", parts=50)
    assert found.solved
    empty = go.Instance.from_arrays(np.zeros((0, 2)), [1, 1])
    assert go.solve(empty, "max_sum", method="pop").value == 0.0


@pytest.mark.parametrize(("option", "value"), [("parts", 0), ("parts", 2.5), ("backend", "threds")])
def test_refuses(question: go.Instance, option: str, value: object) -> None:
    with pytest.raises(go.InputError):
        go.solve(question, "max_sum", method="pop", **{option: value})


@pytest.mark.parametrize("backend", ["threading", "loky"])
def test_backends_agree(question: go.Instance, backend: str) -> None:
    here = go.solve(question, "max_sum", method="pop", parts=3)
    there = go.solve(question, "max_sum", method="pop", parts=3, backend=backend, workers=2)
    assert here.value == there.value


def test_ray_cluster_agrees(question: go.Instance) -> None:
    """A real Ray cluster on this machine: the road past one machine."""
    ray = pytest.importorskip("ray", reason="the extra 'ray' is not installed")
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False, logging_level="ERROR")
    try:
        here = go.solve(question, "max_sum", method="pop", parts=3)
        there = go.solve(question, "max_sum", method="pop", parts=3, backend="ray", workers=2)
        assert here.value == there.value
    finally:
        ray.shutdown()
