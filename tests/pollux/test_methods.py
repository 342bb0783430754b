"""What the methods owe each other: order, proofs, repeatability."""

from __future__ import annotations

import numpy as np
import pytest

import gavelopt as go
from formulations.pollux.apps import sample
from formulations.pollux.fitness import PolluxFitness
from formulations.pollux.question import Question
from formulations.pollux.sia import configuration_set, within_scale_up

HEURISTICS = ("greedy", "pool", "sia", "isolated")


@pytest.mark.parametrize("p", [-10.0, -1.0, 0.0, 1.0, -np.inf])
@pytest.mark.parametrize(("jobs", "nodes"), [(6, 4), (24, 16), (30, 37), (40, 8)])
def test_pool_bounds_exact_bounds_the_rest(jobs: int, nodes: int, p: float) -> None:
    table = go.compare(sample(jobs, nodes, seed=jobs), "pollux_fitness", p=p, methods=("exact", *HEURISTICS))
    exact = table["exact"]
    assert exact.value is not None
    pool = go.solve(exact.instance, "pollux_fitness", p=p, method="pool")
    assert pool.bound >= exact.value * (1 - 1e-9)
    for name in HEURISTICS:
        assert table[name].value is not None, table[name].message
        assert table[name].value <= exact.value * (1 + 1e-9)


@pytest.mark.parametrize("p", [-1.0, -0.5, 0.0])
def test_greedy_is_within_one_per_cent(p: float) -> None:
    for seed, (jobs, nodes) in enumerate([(96, 64), (100, 61), (60, 75)]):
        solution = go.solve(sample(jobs, nodes, seed=seed), "pollux_fitness", p=p, method="greedy")
        assert solution.bound_kind == "proved"
        assert solution.gap <= 0.01


def test_greedy_at_one_is_the_concave_envelope() -> None:
    solution = go.solve(sample(24, 16, seed=0), "pollux_fitness", p=1.0, method="greedy")
    assert solution.status == "optimal"


def test_sia_uses_powers_of_two_and_whole_nodes() -> None:
    instance = sample(20, 16, seed=4)
    plan = np.asarray(go.solve(instance, "pollux_fitness", method="sia").plan)
    gpus, nodes = plan.sum(axis=1), (plan > 0).sum(axis=1)
    assert np.isin(gpus[nodes == 1], [1, 2, 4]).all()
    assert (gpus[nodes > 1] % 4 == 0).all()
    question = Question.of(go.Problem(instance, PolluxFitness()))
    assert configuration_set(question).sum() == 3 + 15


def test_sia_grows_a_job_by_at_most_the_factor() -> None:
    instance = sample(6, 8, seed=1)
    current = np.zeros((6, 8), dtype=np.int64)
    current[0, 0], current[1, 1] = 2, 1
    running = instance.replace(current=current)
    gpus = np.asarray(go.solve(running, "pollux_fitness", method="sia", scale_up=2).plan).sum(axis=1)
    assert gpus[0] <= 4
    assert gpus[1] <= 2
    question = Question.of(go.Problem(running, PolluxFitness()))
    allowed = within_scale_up(question, 2.0) & configuration_set(question)
    assert allowed[2:].sum(axis=1).tolist() == [1, 1, 1, 1]  # jobs that hold nothing start with one GPU


def test_sia_idle_cost_of_its_own() -> None:
    instance = sample(12, 2, seed=0)  # 8 GPUs for 12 jobs
    cheap = go.solve(instance, "pollux_fitness", method="sia", p=-0.5, base="least", idle_cost=1.1)
    assert (np.asarray(cheap.plan).sum(axis=1) == 0).any()
    with pytest.raises(go.InputError, match="idle_cost"):
        go.solve(instance, "pollux_fitness", method="sia", idle_cost=-1.0)


def test_rigid_and_strong_scaling_jobs_on_two_types() -> None:
    instance = sample(
        6,
        {"t4": 4, "a100": 1},
        seed=2,
        min_replicas=[2, 1, 1, 1, 1, 4],
        max_replicas=[2, 64, 64, 64, 64, 4],
        min_batch_size=None,
    )
    fixed = instance.jobs.max_batch_size.copy()
    jobs = instance.jobs.replace(min_batch_size=np.where(np.arange(6) == 1, fixed, instance.jobs.min_batch_size))
    solution = go.solve(instance.replace(jobs=jobs), "pollux_fitness", method="sia")
    gpus = np.asarray(solution.plan).sum(axis=1)
    assert gpus[0] in (0, 2)
    assert gpus[5] in (0, 4)
    batch = gpus[1] * solution.details["local_batch"][1] * (solution.details["accumulation"][1] + 1)
    assert gpus[1] == 0 or batch == fixed[1]


def test_methods_of_one_type_say_so_on_two() -> None:
    instance = sample(4, {"t4": 2, "a100": 1}, seed=0)
    for method in ("pool", "genetic"):
        solution = go.solve(instance, "pollux_fitness", method=method)
        assert solution.status == "failed"
        assert "one accelerator type" in solution.message


def test_genetic_repeats_with_its_seed_and_improves_when_warm() -> None:
    instance = sample(12, 8, seed=0)
    options = {"method": "genetic", "population": 40, "generations": 15}
    cold = go.solve(instance, "pollux_fitness", seed=1, **options)
    again = go.solve(instance, "pollux_fitness", seed=1, **options)
    assert np.array_equal(cold.plan, again.plan)
    warm = go.solve(instance, "pollux_fitness", seed=2, start=cold.details["population"], **options)
    assert warm.value >= cold.value * (1 - 1e-12)
    assert go.solve(instance, "pollux_fitness").value >= warm.value
    fed = go.solve(instance, "pollux_fitness", seed=2, start=np.asarray(cold.plan), **options)
    assert fed.value >= cold.value * (1 - 1e-12)
    with pytest.raises(go.InputError, match="start"):
        go.solve(instance, "pollux_fitness", start=np.zeros((2, 2)), **options)


def test_genetic_respects_every_rule_of_the_cluster() -> None:
    instance = sample(10, 6, seed=5, preemptible=[False] + [True] * 9, min_replicas=[1] * 9 + [3])
    current = np.zeros((10, 6), dtype=np.int64)
    current[0, :2] = 2
    solution = go.solve(
        instance.replace(current=current), "pollux_fitness", method="genetic", population=30, generations=10
    )
    assert all(check.passed for check in solution.checks)
    assert (np.asarray(solution.plan)[0] == current[0]).all()


def test_genetic_makes_room_for_jobs_that_stay() -> None:
    """Two distributed jobs share both nodes; the second of them may not be moved, so the first must give way."""
    instance = sample(3, 2, seed=0, preemptible=[True, False, True]).replace(current=[[2, 2], [1, 1], [0, 0]])
    solution = go.solve(instance, "pollux_fitness", method="genetic", population=20, generations=5)
    assert solution.status in ("optimal", "bounded"), solution.message
    assert np.asarray(solution.plan)[1].tolist() == [1, 1]


def test_isolated_gives_equal_shares() -> None:
    solution = go.solve(sample(8, 8, seed=0), "pollux_fitness", method="isolated")
    assert np.asarray(solution.plan).sum(axis=1).tolist() == [4] * 8
    assert solution.value == pytest.approx(1.001)  # each as fast as on its equal share


@pytest.mark.parametrize(
    ("method", "option", "value"),
    [
        ("genetic", "population", 0),
        ("genetic", "population", 2.5),
        ("genetic", "generations", -1),
        ("greedy", "within", -1.0),
        ("greedy", "within", "tight"),
        ("sia", "scale_up", 0.5),
    ],
)
def test_options_out_of_range_are_named(method: str, option: str, value: object) -> None:
    with pytest.raises(go.InputError, match=option):
        go.solve(sample(2, 1), "pollux_fitness", method=method, **{option: value})


def test_unknown_options_are_named() -> None:
    with pytest.raises(go.UnknownName, match="populaton"):
        go.solve(sample(2, 1), "pollux_fitness", method="genetic", populaton=3)
