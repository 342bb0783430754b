"""The schedulers that Gavel was measured against, and Nash welfare with discounts, against their definitions."""

from __future__ import annotations

from dataclasses import replace
from itertools import permutations, product
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import gavelopt as go
from tests.gavel import oracle
from tests.gavel_all.questions import by_hand, draw

QUEUES = ("fifo", "fifo_perf", "fifo_packed", "tiresias")
CHECKS = settings(max_examples=25, deadline=None, derandomize=True, database=None)


@CHECKS
@given(seed=st.integers(0, 2**32 - 1))
def test_allox_is_the_best_of_all_queues(seed: int) -> None:
    """Total completion time over every assignment of up to 4 jobs to up to 3 accelerators, in every order."""
    rng = np.random.default_rng(seed)
    jobs, count = int(rng.integers(1, 5)), rng.integers(1, 3, 2)
    rates = rng.uniform(0.2, 5.0, (jobs, 2)) * (rng.random((jobs, 2)) < 0.8)
    rates[:, 0] = np.maximum(rates[:, 0], 0.1)
    steps, elapsed = rng.uniform(10, 1000, jobs), rng.choice([0.0, 50.0], jobs)
    solution = go.solve(by_hand(rates, count, steps=steps, elapsed=elapsed).instance(), "allox")
    machines = [j for j in range(2) for _ in range(count[j])]
    best = np.inf
    for places in product(range(len(machines)), repeat=jobs):
        total = elapsed.sum()
        for at, column in enumerate(machines):
            queue = [i for i in range(jobs) if places[i] == at]
            if any(rates[i, column] == 0 for i in queue):
                total = np.inf
                break
            lengths = [steps[i] / rates[i, column] for i in queue]
            total += min((float(np.cumsum(order).sum()) for order in permutations(lengths)), default=0.0)
        best = min(best, total)
    assert solution.status == "optimal", solution
    assert solution.value == pytest.approx(best, rel=1e-9)


def test_allox_considers_the_oldest() -> None:
    """alpha 0.5 of four jobs on one accelerator: the two that are oldest, the shorter of them first."""
    instance = by_hand([[1.0]] * 4, [1.0], steps=[10.0, 20.0, 30.0, 5.0], elapsed=[0.0, 9.0, 8.0, 1.0]).instance()
    solution = go.solve(instance, "allox", alpha=0.5)
    assert solution.value == pytest.approx(20.0 + 50.0 + 17.0)
    assert solution.allocation is not None
    np.testing.assert_array_equal(solution.allocation.matrix.ravel(), [0, 1, 0, 0])


@pytest.mark.parametrize("policy", QUEUES)
@pytest.mark.parametrize("seed", range(3))
def test_no_accelerator_is_held_twice(policy: str, seed: int, shared_data: Path) -> None:
    """Gavel's fifo puts 128 jobs (222 accelerators) on 36 V100s."""
    question = draw(shared_data / "gavel" / "simulation_throughputs.json", 128, "36:36:36", seed=seed)
    solution = go.solve(question.instance(), policy, seed=seed)
    allocation = solution.allocation
    assert allocation is not None
    assert all(check.passed for check in solution.checks)
    _, member, use = allocation.space.matrices
    assert (use @ allocation.x <= [36, 36, 36]).all()
    whole = member @ allocation.x
    np.testing.assert_array_equal(whole, np.round(whole))  # whole jobs, all the time
    assert (whole <= 1).all()


def test_the_queue_stops_at_the_first_that_does_not_fit() -> None:
    instance = by_hand([[1.0, 2.0]] * 4, [2.0, 1.0], scale=[1, 2, 2, 1], arrival_s=[0.0, 1.0, 2.0, 3.0]).instance()
    started = {}
    for name, options in (("fifo_perf", {}), ("backfill", {"backfill": True})):
        allocation = go.solve(instance, "queue" if options else name, **options).allocation
        assert allocation is not None
        started[name] = allocation.matrix
    np.testing.assert_array_equal(started["fifo_perf"], [[0, 1], [1, 0], [0, 0], [0, 0]])
    np.testing.assert_array_equal(started["backfill"], [[0, 1], [1, 0], [0, 0], [0, 0]])
    roomy = by_hand([[1.0, 2.0]] * 4, [3.0, 1.0], scale=[1, 2, 2, 1], arrival_s=[0.0, 1.0, 2.0, 3.0]).instance()
    filled = go.solve(roomy, "queue", backfill=True).allocation
    assert filled is not None
    np.testing.assert_array_equal(filled.matrix, [[0, 1], [1, 0], [0, 0], [1, 0]])


def test_least_attained_service_goes_first() -> None:
    instance = by_hand([[1.0]] * 3, [1.0], elapsed=[100.0, 10.0, 50.0]).instance()
    allocation = go.solve(instance, "tiresias").allocation
    assert allocation is not None
    np.testing.assert_array_equal(allocation.matrix.ravel(), [0, 1, 0])


@pytest.mark.parametrize(("together", "joins"), [(0.8, True), (0.75, False), (0.5, False)])
def test_the_head_of_the_queue_joins_above_one_and_a_half(together: float, joins: bool) -> None:
    """Two jobs, one accelerator; together each runs at a part of its rate alone, and 2 x 0.75 is not above 1.5."""
    question = by_hand([[2.0], [4.0]], [1.0], {(0, 1): [[2.0 * together, 4.0 * together]]})
    assert go.solve(question.instance(), "fifo_packed").value == pytest.approx(6.0 * together if joins else 2.0)


@pytest.mark.parametrize("seed", range(4))
def test_gandiva_splits_every_type_evenly_over_its_combinations(seed: int, shared_data: Path) -> None:
    question = draw(shared_data / "gavel" / "simulation_throughputs.json", 24, "4:4:4", seed=seed, gangs=(1,))
    solution = go.solve(question.instance(), "gandiva", seed=seed)
    again = go.solve(question.instance(), "gandiva", seed=seed)
    assert solution.allocation is not None
    assert again.allocation is not None
    np.testing.assert_array_equal(solution.allocation.x, again.allocation.x)
    assert all(check.passed for check in solution.checks)
    _, member, use = solution.allocation.space.matrices
    x = solution.allocation.x
    assert (use @ x <= 4 + 1e-9).all()
    time = np.asarray(member @ x)
    # C combinations share 12 accelerators: everybody has 12 / C of its time, less where zero cells are left empty
    assert time.max() <= min(1.0, 12 / 12) + 1e-9
    assert (member.sum(axis=0) <= 2).all()
    assert go.solve(question.instance(), "max_sum", space_sharing=True).value >= solution.value


@pytest.mark.parametrize("seed", range(3))
def test_discounts_are_what_a_job_costs_the_others(seed: int) -> None:
    """f_i = prod over the others of (utility with i) / (utility without i), from the central path of the tests' own."""
    rng = np.random.default_rng(seed)
    question = by_hand(rng.uniform(0.5, 5, (4, 2)), [1.0, 1.0], weight=rng.choice([1.0, 2.0], 4))
    p = question.plain
    slope = p.scale / (p.weight * oracle.references(p)["proportional"])

    def utilities(keep: np.ndarray) -> np.ndarray:
        part = replace(p, rates=p.rates[keep], scale=p.scale[keep], weight=p.weight[keep], steps=p.steps[keep])
        part = replace(part, elapsed=p.elapsed[keep], isolated_elapsed=p.isolated_elapsed[keep])
        T = part.effective * slope[keep, None]
        even = oracle.most_even(part, slope[keep])[1]
        X = oracle.central_point(part, T, np.full(len(keep), 1 / len(keep)), 0.0, even, gap=1e-8)
        return np.asarray((T * X).sum(axis=1))

    everybody = np.arange(4)
    with_all = utilities(everybody)
    expected = [
        float(np.prod(with_all[everybody != i] / utilities(everybody[everybody != i]))) for i in everybody.tolist()
    ]
    solution = go.solve(question.instance(), "strategy_proof")
    np.testing.assert_allclose(solution.levels, expected, rtol=1e-4)
    assert solution.allocation is not None
    np.testing.assert_allclose(solution.allocation.rates * slope, with_all * expected, rtol=1e-3)
    assert solution.value <= solution.bound


def test_lying_about_one_rate_does_not_pay_under_discounts() -> None:
    """A job reports one of its rates k-fold; its true throughput falls or stays."""
    rng = np.random.default_rng(1)
    rates = rng.uniform(0.5, 5, (4, 2))
    truth = go.solve(by_hand(rates, [1.0, 1.0]).instance(), "strategy_proof").allocation
    assert truth is not None
    honest = (rates * truth.matrix).sum(axis=1)
    for job, column, factor in product(range(4), range(2), (0.5, 0.9, 1.1, 2.0)):
        told = rates.copy()
        told[job, column] *= factor
        lied = go.solve(by_hand(told, [1.0, 1.0]).instance(), "strategy_proof").allocation
        assert lied is not None
        assert (rates[job] * lied.matrix[job]).sum() <= honest[job] * (1 + 1e-4)
