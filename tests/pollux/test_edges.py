"""Odd questions: nothing to place, nowhere to place it, everybody alike, powers beyond arithmetic, odd nodes."""

from __future__ import annotations

import numpy as np
import pytest

import gavelopt as go
from formulations.pollux.apps import sample
from formulations.pollux.fitness import PolluxFitness
from tests.pollux.brute import best_fitness, best_on_idle_cluster
from tests.pollux.instances import tiny

METHODS = ("exact", "greedy", "pool", "sia", "isolated")


def cluster(nodes: int, per_node: int, jobs: int, seed: int = 0) -> go.ElasticInstance:
    """Jobs of the six applications on nodes of another size than four."""
    return go.ElasticInstance(go.Cluster({"t4": nodes * per_node}, per_node=[per_node]), sample(jobs, 4, seed).jobs)


def alike(count: int, nodes: int) -> go.ElasticInstance:
    """One job, many times."""
    one = sample(1, nodes, 0).jobs
    columns = {name: np.repeat(getattr(one, name), count, axis=0) for name in one.COLUMNS}
    return sample(1, nodes, 0).replace(jobs=go.ElasticJobs(count, **columns))


@pytest.mark.parametrize("method", METHODS)
def test_no_jobs_and_no_gpus(method: str) -> None:
    assert go.solve(sample(0, 2), "pollux_fitness", method=method).value == 0
    nowhere = go.solve(cluster(0, 4, 3), "pollux_fitness", method=method)
    assert nowhere.value == pytest.approx(1e-3)  # everybody counts as epsilon
    assert nowhere.status == "optimal"


@pytest.mark.parametrize("method", METHODS)
def test_one_gpu(method: str) -> None:
    alone = go.solve(cluster(1, 1, 1), "pollux_fitness", method=method)
    assert (alone.value, alone.status) == (pytest.approx(1.001), "optimal")
    three = go.solve(cluster(1, 1, 3), "pollux_fitness", method=method)
    assert np.asarray(three.plan).sum() == 1


@pytest.mark.parametrize("p", [-1.0, 0.0, 1.0, -np.inf])
@pytest.mark.parametrize(("jobs", "nodes"), [(7, 3), (20, 16), (64, 16), (65, 16)])
def test_jobs_that_are_all_alike(jobs: int, nodes: int, p: float) -> None:
    solution = go.solve(alike(jobs, nodes), "pollux_fitness", p=p)
    assert solution.status == "optimal"
    assert np.asarray(solution.plan).sum() <= 4 * nodes
    assert solution.value <= go.solve(alike(jobs, nodes), "pollux_fitness", p=p, method="pool").bound * (1 + 1e-9)


@pytest.mark.parametrize("p", [-1.0, 1.0, -np.inf])
def test_many_more_jobs_than_gpus(p: float) -> None:
    solution = go.solve(sample(500, 16), "pollux_fitness", p=p)
    assert solution.status == "optimal"
    assert solution.seconds < 20


@pytest.mark.parametrize("per_node", [1, 2, 8])
def test_nodes_of_another_size(per_node: int) -> None:
    instance = cluster(16 // per_node, per_node, 5)
    exact = go.solve(instance, "pollux_fitness")
    assert exact.status == "optimal"
    for method in METHODS[1:]:
        assert go.solve(instance, "pollux_fitness", method=method).value <= exact.value * (1 + 1e-9)


def test_a_type_without_gpus_changes_nothing() -> None:
    both, one = sample(4, {"t4": 2, "a100": 0}), sample(4, {"t4": 2})
    assert go.solve(both, "pollux_fitness").value == pytest.approx(go.solve(one, "pollux_fitness").value)


def test_jobs_that_need_more_than_there_is_stay_idle() -> None:
    instance = sample(3, 1, min_replicas=[50, 1, 1])
    for method in METHODS:
        solution = go.solve(instance, "pollux_fitness", method=method)
        assert np.asarray(solution.plan)[0].sum() == 0
    assert go.solve(instance, "pollux_fitness").status == "optimal"


@pytest.mark.parametrize("p", [-30.0, -100.0, -1e3, -1e6])
@pytest.mark.parametrize("number", range(5))
def test_powers_beyond_arithmetic(number: int, p: float) -> None:
    """Below -100 the smallest speedup decides, and the mean of J terms is within J^(-1/p) of it."""
    instance = tiny(number)
    (best,) = best_on_idle_cluster(instance, PolluxFitness(), [-np.inf])
    solution = go.solve(instance, "pollux_fitness", p=p)
    assert solution.status in ("optimal", "bounded")
    assert best * (1 - 1e-9) <= solution.value <= solution.bound * (1 + 1e-9)
    assert solution.bound <= best * len(instance.jobs) ** (-1 / p) * (1 + 1e-6)
    for method in METHODS[1:]:
        assert go.solve(instance, "pollux_fitness", p=p, method=method).value <= solution.bound * (1 + 1e-9)


@pytest.mark.parametrize("epsilon", [1e-300, 1e-12, 1.0, 1e6])
def test_any_cost_of_idleness(epsilon: float) -> None:
    solution = go.solve(sample(8, 6, seed=2), "pollux_fitness", unallocated=epsilon)
    assert solution.status == "optimal"


def test_gains_far_below_the_cost_of_idleness_are_not_lost() -> None:
    """One of three jobs must stay idle, which costs a million times what the choice between the others is worth."""
    jobs = sample(3, {"t4": 1, "a100": 1}, seed=225).jobs.replace(min_replicas=[1, 1, 3], max_replicas=[6, 1, 10])
    instance = go.ElasticInstance(go.Cluster({"t4": 0, "a100": 4}, per_node=[4, 2]), jobs)
    policy = PolluxFitness(unallocated=1e-6, one_distributed_per_node=False)
    solution = go.solve(instance, policy, tolerance=1e-9)
    assert solution.value == pytest.approx(best_fitness(instance, policy), rel=1e-9)
    assert solution.bound >= solution.value * (1 - 1e-12)


def test_nodes_that_allow_much_less_than_their_gpus_do() -> None:
    """Eight small GPUs and four large ones for two jobs of three GPUs or more: levels far below what GPUs alone allow."""
    jobs = sample(2, {"t4": 1, "a100": 1}, seed=711).jobs.replace(min_replicas=[3, 3], max_replicas=[5, 4])
    instance = go.ElasticInstance(go.Cluster({"t4": 8, "a100": 4}, per_node=[4, 2]), jobs)
    for p in (-10.0, -30.0, -100.0):
        policy = PolluxFitness(p=p, unallocated=0.1)
        solution = go.solve(instance, policy, tolerance=1e-9)
        assert solution.status == "optimal"
        assert solution.value == pytest.approx(best_fitness(instance, policy), rel=1e-9)
