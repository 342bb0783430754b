"""Water filling by bottlenecks: against programs of the tests' own, against itself over all columns, and false certificates."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import gavelopt as go
from formulations.gavel.water_filling import WaterFilling, starting_weights, water_groups
from gavelopt.engine.filling import Filling
from gavelopt.engine.filling_path import Path
from gavelopt.engine.filling_prices import Prices
from gavelopt.engine.filling_programs import Programs
from gavelopt.engine.forms import Task
from gavelopt.engine.problem import Answer, Problem
from gavelopt.judge.levels import Referee, Round, WaterGroups
from tests.gavel import oracle
from tests.gavel_all import reference
from tests.gavel_all.questions import Question, by_hand

RULES = ("fairness", "fifo")


def drawn(seed: int) -> tuple[Question, reference.Weights]:
    """A small question of any kind: flat or by entity, gangs, missing rates, ties, plenty or a crowd."""
    rng = np.random.default_rng(seed)
    jobs, types = int(rng.integers(1, 12)), int(rng.integers(1, 4))
    rates = rng.uniform(0.2, 5.0, (jobs, types)) if rng.random() < 0.6 else rng.choice([0.0, 1.0, 2.0], (jobs, types))
    count = rng.integers(1, max(3, int(jobs * rng.choice([0.4, 1.0, 2.0]))), types)
    weight, scale = rng.choice([1.0, 2.0, 5.0], jobs), rng.choice([1.0, 1.0, 2.0], jobs)
    question = by_hand(rates, count, scale=scale, weight=weight)
    if rng.random() < 0.4:
        return question, reference.flat(question.plain.weight)
    entities = {f"e{k}": (float(rng.choice([1.0, 2.0])), str(rng.choice(RULES))) for k in range(3)}
    owner = [f"e{k}" for k in rng.integers(0, 3, jobs)]
    grouped = replace(
        question,
        columns={"entity": owner, "arrival_s": np.arange(jobs, dtype=float)},
        entities=tuple(go.Entity(name, share, rule) for name, (share, rule) in entities.items()),
    )
    return grouped, reference.by_entity(owner, weight, entities)


def crowd(jobs: int, load: float, entities: int = 0, types: int = 4, seed: int = 0) -> go.Instance:
    """Distinct jobs; with entities, half of these queues."""
    return go.examples.crowd(jobs, types, load, seed=seed, entities=entities, rules=RULES)


def answered(instance: go.Instance) -> tuple[Problem, Answer]:
    problem = Problem(instance, WaterFilling())
    return problem, problem.policy.methods[0].run(problem)


@pytest.mark.parametrize("start", range(0, 120, 30))
def test_levels_are_those_of_linear_programs(start: int) -> None:
    for seed in range(start, start + 30):
        question, weights = drawn(seed)
        p = question.plain
        proportional = oracle.references(p)["proportional"]
        if not (proportional > 0).all():  # no level to speak of
            continue
        solution = go.solve(question.instance(), "water_filling")
        assert all(check.passed for check in solution.checks), (seed, solution)
        expected = reference.water_levels(reference.columns(question, sharing=False), proportional, p.scale, weights)
        np.testing.assert_allclose(solution.levels, expected, rtol=2e-6, atol=1e-7, err_msg=str(seed))


@pytest.mark.parametrize(("load", "entities"), [(0.4, 0), (0.9, 0), (0.9, 6), (2.0, 6)])
def test_prices_find_what_programs_over_all_columns_find(load: float, entities: int) -> None:
    """Two ways to the next bottleneck, with nothing but the path in common; more jobs than one price step leaves open."""
    instance = crowd(330, load, entities, seed=3)
    problem = Problem(instance, WaterFilling())
    assert problem.utility is not None
    rate, scale = go.equal_share_rate(instance, problem.space), instance.jobs.scale_factor.astype(float)
    groups = water_groups(instance)
    filling = Filling.of(Task(problem.space, problem.utility), rate, scale, groups)
    space = filling.classes.space
    prices, programs = filling.by(Prices(space, np.inf), ""), filling.by(Programs(filling.classes), "")
    assert prices.levels is not None
    np.testing.assert_allclose(prices.levels, programs.levels, rtol=1e-7)
    assert prices.details["bottlenecks"] <= instance.cluster.count.size


@pytest.mark.parametrize(("load", "entities"), [(0.7, 0), (1.0, 10), (2.0, 0), (4.0, 10)])
def test_a_thousand_distinct_jobs(load: float, entities: int) -> None:
    """Certified, at no more bottlenecks than types; and the order of the jobs, which decides on samples, does not matter."""
    instance = crowd(1000, load, entities, types=8, seed=1)
    solution = go.solve(instance, "water_filling")
    assert solution.status == "optimal", solution.message
    assert solution.details["bottlenecks"] <= 8
    assert solution.details["programs"] <= 100
    order = np.random.default_rng(0).permutation(1000)
    jobs = instance.jobs
    turned = go.Instance.from_arrays(
        instance.throughputs.rates[order],
        instance.cluster.count,
        scale=jobs.scale_factor[order],
        weight=jobs.weight[order],
        entity=None if jobs.entity is None else [jobs.entity[i] for i in order],
        arrival_s=jobs.arrival_s[order],
    )
    turned = go.Instance(turned.cluster, turned.jobs, turned.throughputs, instance.entities)
    again = go.solve(turned, "water_filling")
    assert solution.levels is not None
    np.testing.assert_allclose(again.levels, solution.levels[order], rtol=1e-8)


def test_rates_over_six_decades() -> None:
    rng = np.random.default_rng(2)
    rates = 10.0 ** rng.uniform(-3, 3, (400, 5))
    instance = go.Instance.from_arrays(rates, [40.0] * 5, scale=rng.choice([1, 2, 4], 400), weight=np.ones(400))
    assert go.solve(instance, "water_filling").status == "optimal"


@pytest.mark.parametrize("seed", range(6))
def test_weights_over_eight_decades_too(seed: int) -> None:
    """Levels of all sizes next to one another, ten bottlenecks at most, each with prices over as many decades."""
    rng = np.random.default_rng(seed)
    rates, weight = 10.0 ** rng.uniform(-3, 3, (100, 10)), 10.0 ** rng.uniform(-4, 4, 100)
    count, scale = rng.integers(1, 12, 10).astype(float), rng.choice([1, 2, 4], 100)
    solution = go.solve(go.Instance.from_arrays(rates, count, scale=scale, weight=weight), "water_filling")
    assert solution.status == "optimal", solution.message
    residual = {check.name: check.residual for check in solution.checks}
    assert residual["every job saturated"] < 1e-6
    assert residual["prices fit the allocation"] < 1e-10


def test_plenty_for_everybody_needs_no_price() -> None:
    rng = np.random.default_rng(0)
    rates = rng.uniform(1.0, 3.0, (50, 3))
    solution = go.solve(go.Instance.from_arrays(rates, [50.0] * 3), "water_filling")
    np.testing.assert_allclose(solution.levels, rates.max(axis=1) / rates.mean(axis=1), rtol=1e-12)
    assert solution.status == "optimal"
    assert solution.details["bottlenecks"] == 0


def test_ties_at_ceilings_by_hand() -> None:
    """Three accelerators, equal jobs of weights 1, 1, 2, 4 and 4: water 1/4 fills the two of weight 4, which leaves 1 for
    weights 1, 1, 2 that have 1/4, 1/4, 1/2: full by then."""
    solution = go.solve(by_hand([[1.0]] * 5, [3.0], weight=[1, 1, 2, 4, 4]).instance(), "water_filling")
    np.testing.assert_allclose(solution.levels, [0.25, 0.25, 0.5, 1.0, 1.0], atol=1e-12)


def test_weight_left_behind_at_a_ceiling_stays_in_the_entity() -> None:
    """Four accelerators, two fair entities of equal weight. "a" has one job of weight 9 and one of weight 1, "b" four jobs.
    At water 10/9 the heavy job is full, the light one has 1/9, each of "b" 5/18; from then on all of "a" is the light
    one's, which is full at water 2, where "b" has 1/2 each. Then "b" has the rest: 4 - 2 = 2, as it has."""
    question = by_hand([[1.0]] * 6, [4.0], weight=[9, 1, 1, 1, 1, 1])
    columns = {"entity": ["a", "a", "b", "b", "b", "b"]}
    entities = (go.Entity("a", 1.0, "fairness"), go.Entity("b", 1.0, "fairness"))
    instance = replace(question, columns=columns, entities=entities).instance()
    np.testing.assert_allclose(go.solve(instance, "water_filling").levels, [1, 1, 0.5, 0.5, 0.5, 0.5], atol=1e-12)


def test_who_can_run_nowhere_has_level_0_and_holds_nobody_up() -> None:
    question = by_hand([[1.0, 2.0], [1.0, 1.0], [2.0, 1.0]], [1.0, 1.0], scale=[1, 4, 1])
    solution = go.solve(question.instance(), "water_filling")
    np.testing.assert_allclose(solution.levels, [4 / 3, 0.0, 4 / 3], atol=1e-12)


def test_a_time_limit_is_kept() -> None:
    assert go.solve(crowd(2000, 1.0, seed=1), "water_filling", time_limit=1e-3).status == "time_limit"


def test_weights_at_the_start() -> None:
    question = by_hand([[1.0]] * 5, [4.0], weight=[1, 2, 1, 1, 1])
    columns = {"entity": ["a", "a", "b", "b", "b"], "arrival_s": [0.0, 0.0, 3.0, 1.0, 1.0]}
    entities = (go.Entity("a", 3.0, "fairness"), go.Entity("b", 1.0, "fifo"))
    np.testing.assert_allclose(
        starting_weights(replace(question, columns=columns, entities=entities).instance()), [1, 2, 0, 1, 0]
    )
    np.testing.assert_allclose(starting_weights(question.instance()), [1, 2, 1, 1, 1])


def test_the_path_is_that_of_one_event_after_the_other() -> None:
    """Against weights by definition, from one stop to the next."""
    for seed in range(40):
        rng = np.random.default_rng(seed)
        jobs, size = int(rng.integers(1, 15)), int(rng.integers(1, 5))
        groups = WaterGroups(
            rng.integers(0, size, jobs),
            rng.choice([1.0, 2.0, 5.0], jobs),
            rng.permutation(jobs).astype(float),
            rng.uniform(0.5, 2.0, size),
            rng.random(size) < 0.4,
        )
        scale, top = rng.choice([1.0, 2.0], jobs), rng.choice([0.5, 1.0, 2.0], jobs)
        path = Path(groups, np.ones(jobs), scale, np.zeros(jobs), top, np.ones(jobs, dtype=bool))
        for water in (0.0, *rng.uniform(0.0, path.end, 5), path.end):
            np.testing.assert_allclose(path.at(water), _one_by_one(groups, scale, top, water), rtol=1e-9, atol=1e-12)


def _one_by_one(groups: WaterGroups, scale: np.ndarray, top: np.ndarray, water: float) -> np.ndarray:
    level = np.zeros(len(top))
    while water > 0:
        speed = np.zeros(len(top))
        for group, share in enumerate(groups.share):
            left = [i for i in np.flatnonzero(groups.member == group) if level[i] < top[i] * (1 - 1e-12)]
            if left and groups.queue[group]:
                head = min(left, key=lambda i: groups.place[i])
                speed[head] = share / scale[head]
            elif left:
                total = sum(groups.weight[i] for i in left)
                for i in left:
                    speed[i] = share * groups.weight[i] / total / scale[i]
        rising = speed > 0
        if not rising.any():
            break
        step = min(water, float(((top - level)[rising] / speed[rising]).min()))
        level, water = level + step * speed, water - step
    return level


@pytest.mark.parametrize(("load", "entities"), [(0.7, 0), (1.0, 8), (4.0, 0)])
def test_false_certificates_are_rejected(load: float, entities: int) -> None:
    instance = crowd(60, load, entities, seed=5)
    problem, answer = answered(instance)
    policy, space, rounds = problem.policy, problem.space, answer.proof

    def passes(proof: tuple[Round, ...], given: go.Instance = instance) -> bool:
        return all(check.passed for check in policy.examine(given, space, answer.x, proof))

    assert passes(rounds)
    rng, rising = np.random.default_rng(1), np.flatnonzero(rounds[-1].after > 0)
    for factor in (1.01, 0.99, 1.0001, 0.9999):
        for job in rng.choice(rising, 5, replace=False):
            for first in range(len(rounds)):
                false = [
                    r if k < first else replace(r, after=np.where(np.arange(60) == job, factor, 1.0) * r.after)
                    for k, r in enumerate(rounds)
                ]
                assert not passes(tuple(false)), (factor, job, first)
    low, high = rising[np.argmin(rounds[-1].after[rising])], np.argmax(rounds[-1].after)
    swap = np.arange(60)
    swap[[low, high]] = high, low
    assert not passes(tuple(replace(r, after=r.after[swap]) for r in rounds))
    assert not passes(tuple(replace(r, prices=None, worth=None) for r in rounds))
    assert not passes(rounds[:-1])
    assert len(rounds) == 1 or not passes(rounds[::-1])


def test_other_weights_are_another_question() -> None:
    instance = crowd(40, 4.0, seed=5)
    problem, answer = answered(instance)
    weight = instance.jobs.weight.copy()
    assert answer.levels is not None
    weight[np.argmin(np.where(answer.levels > 0, answer.levels, np.inf))] *= 1.01
    other = go.Instance.from_arrays(
        instance.throughputs.rates, instance.cluster.count, scale=instance.jobs.scale_factor, weight=weight
    )
    checks = problem.policy.examine(other, problem.space, answer.x, answer.proof)
    assert not all(check.passed for check in checks)


def test_wrong_prices_prove_nothing() -> None:
    instance = crowd(60, 1.0, seed=5)
    problem, answer = answered(instance)
    reference_rate = go.equal_share_rate(instance, problem.space)
    first = answer.proof[0]
    for prices in (first.prices * 1.001, first.prices + 1e-6, np.zeros_like(first.prices), -first.prices):
        referee = Referee(
            problem.space, reference_rate, instance.jobs.scale_factor.astype(float), water_groups(instance)
        )
        referee.take(replace(first, prices=prices))
        assert referee.left > 1e-6


@pytest.mark.parametrize("price", [1e-16, 1e-14, 1e-13, 1e-11, 1e-3])
def test_a_price_on_what_is_plentiful_rules_nothing_out(price: float) -> None:
    """Eight jobs share A; two have B for themselves and rise on to 5/4. A price of B as small as rounding makes A's proof
    hardly worse, but must not say that B is full: neither that its jobs have nothing left, nor a price of any sign there."""
    instance = by_hand([[1.0, 0.0]] * 8 + [[0.0, 4.0]] * 2, [1.0, 4.0]).instance()
    problem, answer = answered(instance)
    np.testing.assert_allclose(answer.levels, [0.625] * 8 + [1.25] * 2)
    first, rate = answer.proof[0], go.equal_share_rate(instance, problem.space)
    level = first.after
    x = np.zeros((10, 2))
    x[:8, 0], x[8:, 1] = (level * rate)[:8], (level * rate)[8:] / 4.0
    false = replace(first, prices=first.prices + np.array([0.0, price]))
    worth = np.append(np.zeros(8), np.ones(2))
    any_sign = Round(level, np.array([0.0, float(worth @ (level * rate)) / 4.0]), worth)
    for second in (Round(level), any_sign):
        checks = problem.policy.examine(instance, problem.space, x.ravel(), (false, second))
        assert not all(check.passed for check in checks), second


@pytest.mark.parametrize("absurd", [1e308, -1e308, np.inf, np.nan])
def test_absurd_levels_on_the_way_prove_nothing(absurd: float) -> None:
    """Differences of such levels are no numbers, and no number is not larger than a limit."""
    instance = crowd(20, 2.0, 3, seed=5)
    problem, answer = answered(instance)
    for part in (slice(0, 20), slice(0, 20, 2)):
        level = np.zeros(20)
        level[part] = absurd
        checks = problem.policy.examine(instance, problem.space, answer.x, (Round(level), Round(-level), *answer.proof))
        assert not all(check.passed for check in checks)


@pytest.mark.filterwarnings("error")
def test_a_type_without_accelerators_is_all_that_is_left() -> None:
    question = by_hand([[0, 0, 1], [1, 1, 0], [1, 1, 0], [1, 1, 0]], [2.0, 0.0, 1.0])
    columns = {"entity": ["a", "b", "b", "b"], "arrival_s": [0.0, 1.0, 2.0, 3.0]}
    entities = (go.Entity("a", 1.0, "fairness"), go.Entity("b", 1.0, "fifo"))
    solution = go.solve(replace(question, columns=columns, entities=entities).instance(), "water_filling")
    assert solution.status == "optimal"
    np.testing.assert_allclose(solution.levels, [3.0, 1.5, 1.5, 0.0], atol=1e-12)


def test_who_is_settled_but_not_quite_proved_final() -> None:
    """Prices settle job 2, whose worth is next to nothing; the judge leaves it rising, so programs have to answer."""
    rates = [
        [0, 0, 18.49, 0],
        [0.002732, 0, 0.08105, 0],
        [50.05, 43.1, 878.4, 0],
        [119.7, 0.005072, 17.28, 0.01368],
        [1.269, 0.001367, 3.804, 11.43],
        [0.1371, 0.05856, 0.01334, 4.72],
        [0.07343, 0.03504, 0.2289, 56.98],
        [0.006449, 51.72, 0.09805, 0],
    ]
    scale, weight = [1, 4, 1, 1, 2, 1, 2, 2], [8.236, 32.21, 0.2337, 0.3358, 26.3, 15.55, 0.1976, 9.301]
    instance = go.Instance.from_arrays(rates, [3.0, 2.0, 1.0, 2.0], scale=scale, weight=weight)
    solution = go.solve(instance, "water_filling")
    assert solution.status == "optimal", solution.message
