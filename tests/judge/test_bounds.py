"""Multipliers that are wrong in every way make the bound weak, never false."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

import gavelopt as go
from gavelopt.engine.exact import exact
from gavelopt.engine.problem import Problem
from gavelopt.judge.certify import Multipliers, upper_bound
from gavelopt.model.utility import Utility
from tests.gavel import oracle
from tests.gavel.instances import Array, Plain

JOBS, TYPES = 4, 3
WILD = st.one_of(
    st.floats(-10, 10), st.sampled_from((0.0, np.nan, np.inf, -np.inf, 1e300, 1e-300, -0.0, 1e12)), st.floats(0, 1e-3)
)
CALM = st.floats(0.01, 10.0)
CHECKS = settings(max_examples=60, deadline=None, derandomize=True, database=None)


@st.composite
def questions(draw: st.DrawFn) -> Plain:
    rates = draw(arrays(float, (JOBS, TYPES), elements=st.one_of(CALM, st.just(0.0))))
    rates[:, 0] = np.maximum(rates[:, 0], 0.05)  # everybody can run somewhere
    count = np.array(draw(st.lists(st.sampled_from((2.0, 3.0, 7.5)), min_size=TYPES, max_size=TYPES)))
    scale = np.array(draw(st.lists(st.sampled_from((1.0, 2.0)), min_size=JOBS, max_size=JOBS)))
    weight = np.array(draw(st.lists(st.sampled_from((1.0, 5.0, 0.2)), min_size=JOBS, max_size=JOBS)))
    none = np.zeros(JOBS)
    return Plain(rates, count, scale, weight, np.ones(JOBS), none, none, ("a", "b", "c"))


@st.composite
def wild(draw: st.DrawFn) -> Multipliers:
    """Multipliers of the right shapes and of any content."""
    per_job = arrays(float, JOBS, elements=WILD)
    maybe = st.one_of(st.none(), per_job)
    prices = draw(arrays(float, TYPES, elements=WILD))
    return Multipliers(prices, draw(maybe), draw(maybe), draw(maybe), draw(maybe))


def optimum(p: Plain, power: float) -> tuple[Utility, float]:
    """A utility over the jobs and its largest value (linear programs of the tests' own), or that of good allocations."""
    offset = np.zeros(JOBS)
    if power == 1.0:
        return Utility(1.0, p.weight, offset, np.ones(JOBS)), oracle.largest_sum(p, p.weight)
    if power == -np.inf:
        return Utility(-np.inf, 1.0 / p.weight, offset, np.ones(JOBS)), oracle.largest_minimum(p, 1.0 / p.weight)
    share = p.weight if power == 0.0 else p.weight / p.weight.sum()
    utility, space = Utility(power, p.scale, offset, share), p.instance().space()
    return utility, max(utility.value(space.rate(x)) for x in some_allocations(p))


@pytest.mark.parametrize("power", [1.0, -np.inf, 0.0, 0.5, -1.0, -3.0])
@CHECKS
@given(question=questions(), given_=wild())
def test_wild_multipliers_never_prove_less_than_the_optimum(power: float, question: Plain, given_: Multipliers) -> None:
    utility, best = optimum(question, power)
    bound = upper_bound(question.instance().space(), utility, given_)
    assert bound >= best - 1e-7 * max(abs(best), 1.0)


@pytest.mark.parametrize("power", [1.0, -np.inf, 0.0, -1.0])
@CHECKS
@given(question=questions(), factor=st.floats(0.0, 1e6), noise=arrays(float, TYPES, elements=st.floats(-1, 1)))
def test_true_multipliers_prove_the_optimum_and_distorted_ones_stay_above(
    power: float, question: Plain, factor: float, noise: Array
) -> None:
    policy = _policy(power)
    problem = Problem(question.instance(), policy)
    assert problem.utility is not None
    found = exact(problem, aggregate=False).multipliers
    assert found is not None
    assert found.prices is not None
    best = problem.utility.value(problem.space.rate(exact(problem).x))
    room = 1e-6 * max(abs(best), float(question.weight.sum()))
    assert best - room <= upper_bound(problem.space, problem.utility, found) <= best + room
    distorted = Multipliers(found.prices * factor + noise, found.emphasis, found.at, found.time)
    assert upper_bound(problem.space, problem.utility, distorted) >= best - room


def _policy(power: float) -> go.Policy:
    names: dict[float, tuple[str, dict[str, Any]]] = {
        1.0: ("max_sum", {}),
        -np.inf: ("max_min", {}),
        0.0: ("proportional_fairness", {}),
        -1.0: ("power_mean", {"p": -1.0}),
    }
    name, options = names[power]
    tiny = go.Instance.from_arrays([[1.0]], [1.0])
    return go.solve(tiny, name, **options).policy


@CHECKS
@given(
    question=questions(),
    given_=wild(),
    bend=arrays(float, JOBS, elements=st.floats(0, 5)),
    cap=st.sampled_from((np.inf, 0.3)),
)
def test_saturated_minima(question: Plain, given_: Multipliers, bend: Array, cap: float) -> None:
    """min_i r_i / (1 + b_i r_i), as in finish-time fairness, against the best of many random allocations."""
    utility = Utility(-np.inf, np.ones(JOBS), np.zeros(JOBS), np.ones(JOBS), saturation=bend, cap=cap)
    space = question.instance().space()
    best = max(utility.value(space.rate(x)) for x in some_allocations(question))
    assert upper_bound(space, utility, given_) >= best - 1e-9


def some_allocations(p: Plain, number: int = 50) -> list[Array]:
    """Feasible allocations: random ones scaled into the base constraints, and max-min ones for random targets."""
    rng = np.random.default_rng(7)
    found = [oracle.most_even(p, rng.uniform(0.1, 1.0, JOBS))[1] for _ in range(5)]
    for _ in range(number):
        X = rng.random((JOBS, TYPES)) ** 3
        X /= np.maximum(X.sum(axis=1, keepdims=True), 1.0)
        X /= np.maximum(p.scale @ X / p.count, 1.0)
        found.append(X)
    return [X.ravel() for X in found]


@CHECKS
@given(question=questions(), given_=wild(), part=st.floats(0.0, 0.99))
def test_floors(question: Plain, given_: Multipliers, part: float) -> None:
    """Wild prices of floors: the bound still covers the best allocation that keeps them. Two floors: the larger counts."""
    space = question.instance().space()
    level, even = oracle.most_even(question, np.ones(JOBS))
    floors = [
        go.RateFloor("slo", np.full(JOBS, part * level)),
        go.RateFloor("contract", np.where(np.arange(JOBS) % 2, part * level, 0.0)),
    ]
    utility = Utility(1.0, question.weight, np.zeros(JOBS), np.ones(JOBS))
    kept = [x for x in [even.ravel(), *some_allocations(question)] if (space.rate(x) >= part * level).all()]
    best = max(utility.value(space.rate(x)) for x in kept)
    assert upper_bound(space, utility, given_, floors) >= best - 1e-9


@dataclass(frozen=True)
class Pairing:
    """Columns given as matrices: singles, and pairs that share one gang."""

    space: go.AllocationSpace
    rate: Array
    member: Array
    use: Array


def paired(p: Plain) -> Pairing:
    """Every job alone and every two jobs of equal gangs together, each at 70 % of its rate, on every type."""
    columns = [((i,), c) for i in range(JOBS) for c in range(TYPES)]
    columns += [((i, k), c) for i in range(JOBS) for k in range(i) if p.scale[i] == p.scale[k] for c in range(TYPES)]
    rate, member = np.zeros((JOBS, len(columns))), np.zeros((JOBS, len(columns)))
    use = np.zeros((TYPES, len(columns)))
    for at, (members, column) in enumerate(columns):
        for job in members:
            rate[job, at] = p.effective[job, column] * (0.7 if len(members) == 2 else 1.0)
            member[job, at] = 1.0
        use[column, at] = p.scale[members[0]]
    names = p.instance()
    space = go.AllocationSpace.from_columns(
        names.jobs.names, names.cluster.accelerators, names.cluster.count, rate, member, use
    )
    return Pairing(space, rate, member, use)


@pytest.mark.parametrize("power", [1.0, -np.inf])
@CHECKS
@given(question=questions(), given_=wild())
def test_columns_of_several_jobs(power: float, question: Plain, given_: Multipliers) -> None:
    pairing = paired(question)
    rows = oracle.sparse.csr_matrix(np.vstack([pairing.member, pairing.use]))
    limit = np.concatenate([np.ones(JOBS), question.count])
    width = pairing.rate.shape[1]
    if power == 1.0:
        utility = Utility(1.0, question.weight, np.zeros(JOBS), np.ones(JOBS))
        cost = question.weight @ pairing.rate
        best = float(cost @ oracle.solve(-cost, rows, limit, [(0.0, None)] * width))
    else:
        utility = Utility(-np.inf, 1.0 / question.weight, np.zeros(JOBS), np.ones(JOBS))
        above = np.hstack([-pairing.rate / question.weight[:, None], np.ones((JOBS, 1))])
        wide = oracle.sparse.vstack([oracle.sparse.hstack([rows, np.zeros((rows.shape[0], 1))]), above])
        cost = np.append(np.zeros(width), -1.0)
        box = [(0.0, None)] * (width + 1)
        best = float(oracle.solve(cost, oracle.sparse.csr_matrix(wide), np.append(limit, np.zeros(JOBS)), box)[-1])
    assert upper_bound(pairing.space, utility, given_) >= best - 1e-7 * max(1.0, best)


def test_emphasis_that_sums_to_infinity_proves_nothing_false() -> None:
    """Parts of an infinite sum are all 0; a minimum weighted by them would be proved to be 0."""
    rates = np.ones((4, 1))
    space = go.Instance.from_arrays(rates, [4.0]).space()
    utility = Utility(-np.inf, np.ones(4), np.zeros(4), np.ones(4))
    absurd = Multipliers(np.zeros(1), np.full(4, np.inf), None)
    assert upper_bound(space, utility, absurd) >= 1.0
