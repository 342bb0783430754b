"""The judge of elastic plans: it refuses what cannot be, and no price makes its bound false."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import gavelopt as go
from formulations.pollux.apps import sample
from formulations.pollux.fitness import PolluxFitness
from gavelopt.judge.elastic import judge_plan
from gavelopt.judge.elastic_search import GaveUp, Search, searched_bound
from gavelopt.judge.verdict import Verdict
from tests.pollux.brute import best_fitness, best_on_idle_cluster
from tests.pollux.instances import POWERS, busy, tiny

NodePrices = go.elastic.bounds.NodePrices


def verdict(instance: go.ElasticInstance, plan: object, **policy: object) -> Verdict:
    return judge_plan(instance, PolluxFitness(**policy), plan, None, 1e-6)


def empty(instance: go.ElasticInstance) -> np.ndarray:
    return np.zeros((len(instance.jobs), instance.nodes))


@pytest.mark.parametrize(
    ("name", "rows"),
    [
        ("capacity", [[3, 0, 0], [2, 0, 0], [0, 0, 0]]),
        ("whole GPUs", [[0.5, 0, 0], [0, 0, 0], [0, 0, 0]]),
        ("whole GPUs", [[-1, 0, 0], [0, 0, 0], [0, 0, 0]]),
        ("whole GPUs", [[np.nan, 0, 0], [0, 0, 0], [0, 0, 0]]),
        ("one distributed job a node", [[1, 1, 0], [0, 1, 1], [0, 0, 0]]),
        ("configuration", [[1, 0, 0], [0, 0, 0], [0, 0, 0]]),
    ],
)
def test_each_constraint_is_checked_by_name(name: str, rows: list[list[float]]) -> None:
    instance = sample(3, 3, seed=0, min_replicas=[2, 1, 1])
    found = verdict(instance, rows)
    assert found.status == "failed"
    assert name in [check.name for check in found.checks if not check.passed]
    assert name in found.message


def test_one_type_and_what_may_not_be_moved() -> None:
    two = sample(2, {"t4": 1, "a100": 1}, seed=0)
    mixed = verdict(two, [[1, 1], [0, 0]])
    assert "one type" in mixed.message
    stays = sample(2, 2, seed=0, preemptible=False).replace(current=np.array([[1, 0], [0, 0]]))
    moved = verdict(stays, [[0, 1], [0, 0]])
    assert "not to be moved" in moved.message
    assert verdict(stays, [[1, 0], [0, 2]]).status == "bounded"


def test_wrong_shapes_are_no_plans() -> None:
    instance = sample(2, 2, seed=0)
    for plan in (None, np.zeros(4), np.zeros((3, 2))):
        assert verdict(instance, plan).status == "failed"


def test_the_value_is_the_declaration_at_the_goodput_that_counts() -> None:
    instance = sample(2, 2, seed=1, age_s=[90.0, 90.0], restarts=[1, 1]).replace(current=np.array([[1, 0], [0, 2]]))
    policy = PolluxFitness(p=1.0)
    plan = np.array([[1, 0], [2, 0]])  # the first stays, the second moves: factor (90 - 30) / (90 + 30)
    reference, ways = policy.reference_goodput(instance), instance.configurations
    one, two = ways.labels.index("t4 x 1"), ways.labels.index("t4 x 2")
    x = [instance.goodput[0, one] / reference[0], 0.5 * instance.goodput[1, two] / reference[1]]
    assert verdict(instance, plan, p=1.0).value == pytest.approx(np.mean(x) + 1e-3)


@pytest.mark.parametrize("number", range(30))
def test_no_prices_make_the_bound_false(number: int) -> None:
    """Whatever multipliers anybody hands in, the bound stays above the optimum that enumeration finds."""
    random = np.random.default_rng(number)
    instance, policy = tiny(number), PolluxFitness()
    best = best_on_idle_cluster(instance, policy, POWERS)
    size = (instance.nodes, 4)
    plan = np.zeros((len(instance.jobs), instance.nodes))
    for p, optimum in zip(POWERS, best, strict=True):
        for _ in range(4):
            scale = 10 ** random.uniform(-3, 1)
            slot = scale * random.normal(0.5, 1.0, size)
            part = None if random.random() < 0.3 else scale * random.random(size)
            prices = NodePrices(slot=slot, part=part, unit=float(10 ** random.uniform(-1, 1)), pool=True)
            found = judge_plan(instance, replace(policy, p=p), plan, prices, 1e-6)
            assert found.bound is not None
            assert found.bound >= optimum * (1 - 1e-9)


@pytest.mark.parametrize("number", range(8))
def test_nor_do_prices_of_rows_that_stay(number: int) -> None:
    random = np.random.default_rng(number)
    instance = busy(number, pinned=number % 2 == 0)
    for p in (-1.0, 1.0, -np.inf):
        policy = PolluxFitness(p=p)
        optimum = best_fitness(instance, policy)
        for _ in range(4):
            slot, part = random.random((3, 4)), random.random((3, 4))
            prices = NodePrices(slot=slot, part=part, kept=random.random((3, 2)))
            found = judge_plan(instance, policy, instance.current, prices, 1e-6)
            assert found.bound >= optimum * (1 - 1e-9)


def test_nonsense_as_prices_is_no_proof_and_no_crash() -> None:
    instance = sample(3, 2, seed=0)
    worst = NodePrices(slot=np.full((2, 4), np.nan), part=np.full((2, 4), np.inf), unit=1.0)
    found = judge_plan(instance, PolluxFitness(), empty(instance), worst, 1e-6)
    assert found.bound is not None
    assert np.isfinite(found.bound)


def test_the_search_proves_what_prices_leave_open() -> None:
    instance, policy = sample(4, 3, seed=2), PolluxFitness()
    solution = go.solve(instance, policy)
    prices = NodePrices.per_gpu(instance, np.array([0.3]), 1.0)
    speedups = policy.speedups(instance)
    best = searched_bound(speedups, -1.0, policy.unallocated, True, prices, np.asarray(solution.plan))
    assert best is not None
    assert go.elastic.mean_of(best / 4, -1.0) == pytest.approx(solution.value)
    equal = go.solve(instance, policy, method="isolated")
    assert equal.value < solution.value
    found = searched_bound(speedups, -1.0, policy.unallocated, True, prices, np.asarray(equal.plan))
    assert found == pytest.approx(best)  # the search also finds what is better than the plan at hand


def test_the_search_gives_up_rather_than_guess(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gavelopt.judge.elastic_search.STEPS", 3)
    instance, policy = sample(4, 3, seed=2), PolluxFitness()
    speedups = policy.speedups(instance)
    shape = (4, len(instance.configurations) + 2)
    with pytest.raises(GaveUp):
        Search(speedups, True, np.zeros(shape), np.zeros(shape), 0.0).best_above(-1.0)
    prices = NodePrices.per_gpu(instance, np.zeros(1), 1.0)
    assert searched_bound(speedups, -1.0, 1e-3, True, prices, empty(instance).astype(int)) is None


def test_power_means_do_not_overflow() -> None:
    values = np.array([1e-3, 1.0, 2.0])
    mean = go.elastic.bounds.power_mean
    assert mean(values, -1000.0) == pytest.approx(1e-3 * 3 ** (1 / 1000))
    assert mean(values, 0.0) == pytest.approx(np.exp(np.log(values).mean()))
    assert mean(values, 1.0) == pytest.approx(values.mean())
    assert mean(values, -np.inf) == 1e-3
    assert mean(values, 1e-9) == pytest.approx(mean(values, -1e-9), rel=1e-6)
