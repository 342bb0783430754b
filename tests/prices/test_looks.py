"""One look at the market against the definition, job by job: profits, costs of hulls, demand, its Jacobian, and plans."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import optimize

from gavelopt.engine.prices.build import build
from gavelopt.engine.prices.crowd import set_aside
from gavelopt.engine.prices.market import Crowd, Market, look_at, place
from gavelopt.engine.prices.plan import Plan
from gavelopt.engine.problem import Problem
from gavelopt.engine.registry import resolve
from tests.prices.cases import POLICIES, plain

STILL = np.zeros(4)


def market_of(policy: str, jobs: int = 300, threads: int = 1) -> Market:
    name, options = POLICIES[policy]
    problem = Problem(plain(jobs, 4, 20), resolve(name, options)[0])
    assert problem.utility is not None
    return build(problem.space, problem.utility, threads).market


def points_of(market: Market) -> np.ndarray:
    return market.table * market.gain[:, None]


def cheapest(points: np.ndarray, cost: np.ndarray, need: float) -> float:
    """The cost of a throughput by its definition: the cheapest mixture of types that reaches it."""
    found = optimize.linprog(
        cost, A_ub=np.vstack([-points[None, :], np.ones((1, 4))]), b_ub=[-need, 1.0], method="highs"
    )
    return float(found.fun)


def prices_near(market: Market, seed: int) -> np.ndarray:
    spread = np.random.default_rng(seed).uniform(0.3, 1.5, 4)
    return np.asarray(spread * np.median(points_of(market).max(axis=1) / market.use) * 0.3)


def test_profits_of_a_sum() -> None:
    market = market_of("max_sum")
    for seed in range(5):
        price = prices_near(market, seed)
        profit = np.maximum(points_of(market) - market.use[:, None] * price, 0.0)
        look = look_at(market, None, price, 0.0, STILL)
        assert look.total == pytest.approx(profit.max(axis=1).sum())
        taken = np.where(profit.max(axis=1) > 0, profit.argmax(axis=1), 4)
        assert look.demand == pytest.approx(np.bincount(taken, weights=market.use, minlength=5)[:4])


@pytest.mark.parametrize("policy", ["max_min of rates", "ftf"])
def test_costs_of_a_level(policy: str) -> None:
    market = market_of(policy, 60)
    points = points_of(market)
    for seed in range(3):
        price, level = prices_near(market, seed), 0.6 * market.ceiling
        offset = market.offset if len(market.offset) else np.zeros(60)
        bend = market.bend if len(market.bend) else np.zeros(60)
        need = np.maximum(level - offset, 0.0) / (1.0 - bend * level)
        cost = sum(cheapest(points[i], market.use[i] * price, need[i]) for i in range(60))
        assert look_at(market, None, price, level, STILL).total == pytest.approx(cost, rel=1e-9)
        placed = place(market, None, price, level)
        assert placed.reach == pytest.approx(need, rel=1e-12)
        assert float(price @ placed.demand) == pytest.approx(cost, rel=1e-9)


@pytest.mark.parametrize("policy", ["proportional_fairness", "p = 0.5", "p = -1"])
def test_wants_of_a_power_mean(policy: str) -> None:
    """No throughput gives a job a higher utility less cost than the one it takes."""
    market = market_of(policy, 40)
    points, p = points_of(market), market.power
    price = prices_near(market, 1)
    placed = place(market, None, price, 0.0)
    for i in range(40):
        weight = market.weight[i]

        def surplus(y: float, i: int = i, weight: float = weight) -> float:
            utility = weight * (np.log(y) if p == 0 else y**p / p)
            return float(utility - cheapest(points[i], market.use[i] * price, y))

        taken = surplus(placed.reach[i] * (1 - 1e-12))
        for y in points[i].max() * np.linspace(0.02, 0.999, 15):
            assert surplus(y) <= taken + 1e-7 * max(1.0, abs(taken))


@pytest.mark.parametrize("policy", POLICIES)
def test_demand_is_the_slope_of_cost(policy: str) -> None:
    """Demand against differences of what the look sums up (for a power mean, of cost less utility)."""
    market = market_of(policy)
    level = 0.5 * market.ceiling if np.isfinite(market.ceiling) else 0.0
    price = prices_near(market, 7)

    def worth(at: np.ndarray) -> float:
        if market.power in (1.0, -np.inf):
            sign = -1.0 if market.power == 1.0 else 1.0
            return sign * look_at(market, None, at, level, STILL).total
        placed = place(market, None, at, level)
        return float(at @ placed.demand) - placed.utility

    demand = look_at(market, None, price, level, STILL).demand
    for j in range(4):
        step = np.zeros(4)
        step[j] = 1e-7 * price[j]
        slope = (worth(price + step) - worth(price - step)) / (2 * step[j])
        assert slope == pytest.approx(demand[j], rel=1e-3, abs=1e-3 * float(demand.max()))


@pytest.mark.parametrize("policy", POLICIES)
def test_two_threads_and_lists_of_rows_see_the_same(policy: str) -> None:
    one, two = market_of(policy, 21_000), market_of(policy, 21_000, threads=2)
    level = 0.5 * one.ceiling if np.isfinite(one.ceiling) else 0.0
    price = prices_near(one, 3)
    whole = look_at(one, None, price, level, 0.01 * price)
    parts = look_at(two, None, price, level, 0.01 * price)
    listed = [look_at(one, rows, price, level, 0.01 * price) for rows in np.array_split(np.arange(21_000), 3)]
    assert parts.total == pytest.approx(whole.total)
    assert sum(each.total for each in listed) == pytest.approx(whole.total)
    assert sum(each.events for each in listed) == parts.events == whole.events
    for what in ("demand", "jacobian", "shift", "drift"):
        assert getattr(parts, what) == pytest.approx(getattr(whole, what), rel=1e-9, abs=1e-9)
        assert sum(getattr(each, what) for each in listed) == pytest.approx(getattr(whole, what), rel=1e-9, abs=1e-9)


@pytest.mark.parametrize("policy", POLICIES)
def test_who_is_set_aside_keeps_the_choice_within_the_box(policy: str) -> None:
    market = market_of(policy, 2_000)
    level = 0.5 * market.ceiling if np.isfinite(market.ceiling) else 0.0
    price = prices_near(market, 5)
    box = 0.02 * price
    _, few, _ = set_aside(Crowd(market, market.capacity), price, level, box)
    assert 0 < few.size < market.jobs
    rest = np.setdiff1d(np.arange(market.jobs), few.listed())
    random = np.random.default_rng(1)
    if market.power == 1.0:
        points, use = points_of(market)[rest], market.use[rest, None]

        def choice(at: np.ndarray) -> np.ndarray:
            return np.append(points - use * at, np.zeros((len(rest), 1)), axis=1).argmax(axis=1)

        before = choice(price)
        for _ in range(20):
            assert (choice(price + box * random.uniform(-1, 1, 4)) == before).all()
    elif market.power == -np.inf:
        before = place(market, rest, price, level)
        for _ in range(20):
            now = place(market, rest, price + box * random.uniform(-1, 1, 4), level)
            same = (now.a == before.a) & (now.b == before.b)
            assert same[before.share > 0].all()


def test_a_plan_written_out() -> None:
    """Types, shares, own rows, columns cut, and jobs that follow a row of the plan."""
    plan = Plan(
        np.array([0, 1, 2], dtype=np.int8),
        np.array([1, 2, 0], dtype=np.int8),
        np.array([0.25, 0.0, 0.5]),
        np.array([1]),
        np.array([[0.1, 0.2]]),
        np.array([1.0, 2.0]),
    )
    x = plan.dense(np.array([1.0, 1.0, 2.0]), 2, np.array([0, 1, 2])).reshape(3, 2)
    assert x == pytest.approx(np.array([[0.75, 0.125], [0.1, 0.1], [1.0, 0.0]]))
    assert plan.nbytes < 200
