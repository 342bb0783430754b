"""The audit's formulas against plain linear programs and hand counts of our own."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import optimize

import gavelopt as go
from gavelopt.judge.evenness import jain
from gavelopt.judge.fairness import bundles, entitlements, envy, fair_rates
from gavelopt.judge.ideal import most
from gavelopt.testing import instances
from tests.audit.cases import TABLES, measured


def best_use(rates: np.ndarray, bundle: np.ndarray, gang: float) -> float:
    """max T.x, s x_j <= b_j, sum x <= 1, by a solver."""
    solved = optimize.linprog(-rates, A_ub=np.ones((1, len(rates))), b_ub=[1.0], bounds=[(0, b / gang) for b in bundle])
    return float(-solved.fun)


@settings(max_examples=60, deadline=None)
@given(instances(min_jobs=2, max_jobs=5, decades=2.0), st.integers(0, 2**32 - 1))
def test_the_best_bundle_is_that_of_a_linear_program(instance: go.Instance, seed: int) -> None:
    rng = np.random.default_rng(seed)
    held = rng.uniform(0, 2, instance.rates.shape) * rng.integers(0, 2, instance.rates.shape)
    right = entitlements(instance)
    found = envy(instance, held, right)
    for job in range(len(instance.jobs)):
        gang = float(instance.jobs.scale_factor[job])
        others = [
            best_use(instance.rates[job], held[k] * right[job] / right[k], gang)
            for k in range(len(instance.jobs))
            if not np.array_equal(held[k] / right[k], held[job] / right[job])
        ]
        assert found.rate[job] == pytest.approx(max(others, default=0.0), rel=1e-7, abs=1e-12)


@settings(max_examples=60, deadline=None)
@given(instances(min_jobs=1, max_jobs=5, decades=2.0), st.integers(0, 2**32 - 1))
def test_the_most_is_that_of_a_linear_program_and_proved(instance: go.Instance, seed: int) -> None:
    rng = np.random.default_rng(seed)
    space = instance.space()
    worth = rng.uniform(0, 1, len(instance.jobs)) / np.where(space.ceiling > 0, space.ceiling, 1.0)
    start = go.isolated_share(instance) * rng.uniform(0, 1)
    floor = np.einsum("jr,jr->j", instance.rates, start)
    rate, member, use = (matrix.toarray() for matrix in space.matrices)
    solved = optimize.linprog(
        -(worth @ rate),
        A_ub=np.vstack([member, use, -rate]),
        b_ub=np.concatenate([space.time, space.capacity, -floor]),
        bounds=[(0, None if usable else 0) for usable in space.usable],
    )
    found = most(space, worth, floor)
    assert found is not None
    assert found.value == pytest.approx(-solved.fun, rel=1e-6, abs=1e-9)
    assert found.bound == pytest.approx(found.value, rel=1e-6, abs=1e-9)
    assert (found.rate >= floor * (1 - 1e-7) - 1e-9).all()


def test_floors_that_cannot_be_met_have_no_most() -> None:
    instance = go.Instance.from_arrays([[4.0], [4.0]], [1.0])
    assert most(instance.space(), np.ones(2), np.array([3.0, 3.0])) is None


def sharing(kinds: int, jobs: int, seed: int) -> go.Instance:
    """``jobs`` jobs of a few kinds on two types, any two of which may share."""
    rng = np.random.default_rng(seed)
    rates = rng.uniform(1, 4, (kinds, 2))
    members = [(a, b) for a in range(kinds) for b in range(a, kinds)]
    shared = np.array([[rates[a] * rng.uniform(0.3, 0.9), rates[b] * rng.uniform(0.3, 0.9)] for a, b in members])
    pairs = go.PairTable(members, shared.transpose(0, 2, 1), kinds, 2)
    table = go.ThroughputTable(rates, jobs, ["fast", "slow"], kind=rng.integers(0, kinds, jobs), pairs=pairs)
    return go.Instance(go.Cluster(["fast", "slow"], [1, 1]), go.JobSet(table.jobs), table)


def every_pair(space: go.AllocationSpace) -> go.AllocationSpace:
    """The space with all pair columns of all jobs, either way round."""
    family = space.family
    if family is None:
        return space
    columns = [
        (entry, i, k)
        for entry, (a, b) in enumerate(family.members.tolist())
        for i in np.flatnonzero(family.kind == a)
        for k in np.flatnonzero(family.kind == b)
        if i != k
    ]
    entry, first, second = np.array(columns).T
    return space.with_columns(entry, first, second)


@pytest.mark.parametrize("seed", range(12))
def test_pair_columns_come_in_as_if_all_had_been_listed(seed: int) -> None:
    rng = np.random.default_rng(seed)
    instance = sharing(kinds=int(rng.integers(1, 4)), jobs=int(rng.integers(2, 8)), seed=seed)
    space = instance.space(sharing=True)
    whole = every_pair(space)
    rate, member, use = (matrix.toarray() for matrix in whole.matrices)
    start = np.einsum("jr,jr->j", instance.rates, go.isolated_share(instance)) * (rng.random(len(instance.jobs)) < 0.5)
    solved = optimize.linprog(
        -rate.sum(axis=0),
        A_ub=np.vstack([member, use, -rate]),
        b_ub=np.concatenate([whole.time, whole.capacity, -start]),
    )
    found = most(space, np.ones(len(instance.jobs)), start)
    assert found is not None
    assert found.value == pytest.approx(-solved.fun, rel=1e-8)
    assert found.bound == pytest.approx(found.value, rel=1e-8)
    assert (found.rate >= start * (1 - 1e-9)).all()
    assert all(c.passed for c in go.audit(instance, go.Allocation(found.space, found.x)).checks)


@pytest.mark.parametrize("seed", range(4))
def test_a_wasteful_shared_allocation_has_a_witness(seed: int) -> None:
    instance = sharing(kinds=3, jobs=7, seed=seed)
    solution = go.solve(instance, "max_min", space_sharing=True)
    assert solution.allocation is not None
    assert solution.audit()["sharing_incentive"].holds is not None
    halved = go.Allocation(solution.allocation.space, solution.allocation.x / 2)
    found = go.audit(instance, halved)
    assert found["pareto_efficiency"].holds is False
    assert found.witness is not None
    assert (found.witness.rates >= halved.rates * (1 - 1e-7)).all()
    assert go.audit(instance, found.witness).feasible
    assert go.audit(instance, found.witness, tolerance=1e-5)["pareto_efficiency"].holds is True


def test_shared_accelerators_count_half_for_each_member() -> None:
    table = go.ThroughputTable(
        [[4.0], [4.0], [4.0]], ["a", "b", "c"], ["v100"], pairs=go.PairTable([[0, 1]], [[[3.0, 3.0]]], 3, 1)
    )
    instance = go.Instance(go.Cluster({"v100": 2}), go.JobSet(table.jobs), table)
    space = instance.space(sharing=True).with_columns(np.array([0]), np.array([0]), np.array([1]))
    allocation = go.Allocation(space, np.array([0.0, 0.0, 1.0, 1.0]))
    np.testing.assert_allclose(bundles(allocation), [[0.5], [0.5], [1.0]])
    found = go.audit(instance, allocation)
    assert found.feasible
    assert found["envy_freeness"].violations[0].jobs == ("a", "c")
    assert found["envy_freeness"].figure == pytest.approx(4 / 3)
    assert found["pareto_efficiency"].holds is True


@pytest.mark.parametrize("table", TABLES)
def test_merged_envy_is_the_envy_of_every_pair_of_jobs(shared_data: Path, table: str) -> None:
    instance = measured(shared_data, table, 64, "12:12:12", weighted=True)
    solution = go.solve(instance, "max_min")
    assert solution.allocation is not None
    held, right = bundles(solution.allocation), entitlements(instance)
    found = envy(instance, held, right)
    for job in range(0, 64, 7):
        gang = float(instance.jobs.scale_factor[job])
        every = [best_use(instance.rates[job], held[k] * right[job] / right[k], gang) for k in range(64) if k != job]
        assert found.rate[job] == pytest.approx(max(every), rel=1e-7)


def test_fair_rates_with_equal_entitlements_are_the_isolated_ones(shared_data: Path) -> None:
    instance = measured(shared_data, "simulation", 64, "36:36:36")
    expected = np.einsum("jr,jr->j", instance.rates, go.isolated_share(instance))
    np.testing.assert_allclose(fair_rates(instance, entitlements(instance, "equal")), expected, rtol=1e-12)


@given(st.lists(st.floats(0, 10), min_size=1, max_size=8))
def test_jain_lies_between_one_in_n_and_one(values: list[float]) -> None:
    index = jain(np.array(values))
    if index is None:
        assert not any(value**2 > 0 for value in values)
    else:
        assert 1 / len(values) - 1e-9 <= index <= 1 + 1e-9


@pytest.mark.parametrize("entitlement", ["fair", [1.0], [1.0, -1.0]])
def test_entitlements_are_positive_one_a_job(entitlement: object) -> None:
    instance = go.Instance.from_arrays([[4.0], [4.0]], [1.0])
    with pytest.raises(go.InputError, match="entitlement"):
        entitlements(instance, entitlement)
