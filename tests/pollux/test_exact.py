"""The exact method against enumeration, for every kind of question that it answers."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import numpy as np
import pytest

import gavelopt as go
from formulations.pollux.apps import sample
from formulations.pollux.exact import exact
from formulations.pollux.fitness import PolluxFitness
from gavelopt.engine.grading import grade
from tests.pollux.brute import best_fitness, best_on_idle_cluster, placeable
from tests.pollux.instances import POWERS, busy, crossing_is_cheap, tiny


def agrees(solution: go.Solution, best: float) -> None:
    """The value is the optimum, and the bound is on the right side of it."""
    assert solution.status in ("optimal", "bounded"), solution.message
    assert solution.value == pytest.approx(best, rel=1e-9)
    assert solution.bound >= best * (1.0 - 1e-9)


@pytest.mark.parametrize("first", range(0, 200, 20))
def test_equals_enumeration_for_every_power(first: int) -> None:
    for number in range(first, first + 20):
        instance = tiny(number)
        best = best_on_idle_cluster(instance, PolluxFitness(), POWERS)
        for p, value in zip(POWERS, best, strict=True):
            solution = go.solve(instance, "pollux_fitness", p=p, tolerance=1e-9)
            agrees(solution, value)
            assert solution.status == "optimal", (number, p, solution.gap)


@pytest.mark.parametrize("p", [-1.0, 1.0, -np.inf])
@pytest.mark.parametrize("number", range(6))
@pytest.mark.parametrize("pinned", [False, True])
def test_restarts_and_jobs_that_stay(number: int, pinned: bool, p: float) -> None:
    instance, policy = busy(number, pinned=pinned), PolluxFitness(p=p)
    agrees(go.solve(instance, policy, tolerance=1e-9), best_fitness(instance, policy))


@pytest.mark.parametrize("p", [-1.0, 0.0, -np.inf])
@pytest.mark.parametrize("number", range(5))
def test_several_accelerator_types(number: int, p: float) -> None:
    instance, policy = sample(3, {"t4": 2, "a100": 1}, seed=number), PolluxFitness(p=p)
    agrees(go.solve(instance, policy, tolerance=1e-9), best_fitness(instance, policy))


@pytest.mark.parametrize("p", [-1.0, 1.0, -np.inf])
@pytest.mark.parametrize("number", range(5))
@pytest.mark.parametrize("running", [False, True])
def test_distributed_jobs_may_share_nodes(number: int, running: bool, p: float) -> None:
    instance = crossing_is_cheap(busy(number, 2) if running else sample(3, 3, seed=number))
    policy = PolluxFitness(p=p, one_distributed_per_node=False)
    agrees(go.solve(instance, policy, tolerance=1e-9), best_fitness(instance, policy))


@pytest.mark.parametrize("p", [-1.0, 1.0])
@pytest.mark.parametrize("number", range(6))
def test_several_nodes_better_than_one(number: int, p: float) -> None:
    instance, policy = crossing_is_cheap(sample(4, 3, seed=number)), PolluxFitness(p=p)
    agrees(go.solve(instance, policy, tolerance=1e-9), best_fitness(instance, policy))


@pytest.mark.parametrize("p", [-1.0, 1.0, -np.inf])
@pytest.mark.parametrize("number", range(5))
def test_limits_on_replicas_and_pipelines(number: int, p: float) -> None:
    random = np.random.default_rng(number)
    least = random.integers(1, 4, 4)
    limits = {"min_replicas": least, "max_replicas": least + random.integers(0, 4, 4)}
    instance = sample(4, 3, seed=number, **limits, gpus_per_replica=random.integers(1, 3, 4))
    policy = PolluxFitness(p=p)
    solution = go.solve(instance, policy, tolerance=1e-9)
    agrees(solution, best_fitness(instance, policy))
    gpus, size = np.asarray(solution.plan).sum(axis=1), instance.jobs.gpus_per_replica
    assert (gpus % size == 0).all()
    runs = gpus > 0
    assert (gpus[runs] >= (least * size)[runs]).all()
    assert (gpus[runs] <= (instance.jobs.max_replicas * size)[runs]).all()


def test_all_jobs_may_be_pinned() -> None:
    instance = busy(3)
    stays = instance.replace(jobs=instance.jobs.replace(preemptible=False))
    solution = go.solve(stays, "pollux_fitness")
    held = instance.current.any(axis=1)
    assert (np.asarray(solution.plan)[held] == instance.current[held]).all()


@pytest.mark.parametrize("p", [-1.0, 1.0, -np.inf])
def test_a_row_beside_a_distributed_job_that_stays_cannot_be_kept(p: float) -> None:
    """Two jobs share both nodes, as a scheduler without the rule may leave them; one of them may not be moved."""
    instance = sample(3, 2, seed=674, min_replicas=[1, 2, 1], max_replicas=[4, 3, 3], preemptible=[False, True, True])
    running = instance.replace(current=[[2, 2], [1, 1], [0, 0]])
    policy = PolluxFitness(p=p, restart=0.5)
    agrees(go.solve(running, policy, tolerance=1e-9), best_fitness(running, policy))


def test_a_heavy_restart_keeps_everything_where_it_is() -> None:
    instance = busy(5)
    solution = go.solve(instance, "pollux_fitness", restart=0.0)
    held = instance.current.any(axis=1)
    assert (np.asarray(solution.plan)[held] == instance.current[held]).all()


@pytest.mark.parametrize("number", range(6))
def test_leximin_raises_the_worst_one_after_the_other(number: int) -> None:
    instance = sample(3, 2, seed=number)
    policy = PolluxFitness(p=-np.inf)
    x = np.sort(go.solve(instance, policy, lexicographic=True).details["speedup"])
    best = max(sorted(vector) for vector in _speedup_vectors(instance, policy))
    assert x == pytest.approx(np.array(best), rel=1e-9)


def _speedup_vectors(instance: go.ElasticInstance, policy: PolluxFitness) -> list[list[float]]:
    """Speedups of every combination of configurations that can be placed."""
    ways = instance.configurations
    kinds = [(0, False), *zip(ways.gpus.tolist(), ways.spread.tolist(), strict=True)]
    x = np.concatenate([np.zeros((3, 1)), instance.goodput / policy.reference_goodput(instance)[:, None]], axis=1)
    found = []
    for choice in product(range(len(kinds)), repeat=3):
        chosen = tuple(sorted((kinds[c] for c in choice if c), reverse=True))
        if sum(g for g, _ in chosen) <= 8 and placeable(2, 4, chosen, True):
            found.append([float(x[j, c]) for j, c in enumerate(choice)])
    return found


@pytest.mark.parametrize("jobs", [160, 64])
def test_as_many_jobs_as_gpus_or_more(jobs: int) -> None:
    solution = go.solve(sample(jobs, 16, seed=3), "pollux_fitness")
    assert solution.status == "optimal"
    assert np.asarray(solution.plan).sum() == 64


def test_middle_sizes_are_certified() -> None:
    for seed, (jobs, nodes, gap) in enumerate([(50, 37, 1e-3), (97, 61, 2e-4), (150, 101, 1e-4), (192, 128, 1e-4)]):
        instance = sample(jobs, nodes, seed=seed)
        problem = go.Problem(instance, PolluxFitness())
        verdict = grade(problem, replace(exact(problem), claimed_bound=None))  # what the judge proves by itself
        assert verdict.bound_kind == "proved"
        assert verdict.gap is not None
        assert verdict.gap <= gap


def test_a_time_limit_leaves_a_feasible_plan_with_a_bound() -> None:
    for p in (-1.0, -np.inf):
        solution = go.solve(sample(96, 64, seed=1), "pollux_fitness", p=p, time_limit=1e-3)
        assert solution.status == "bounded"
        assert 0 < solution.value <= solution.bound
