"""On every shape the price engine has the value of the exact method, and the judge's certificate."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pytest

import gavelopt as go
from gavelopt.engine.prices import method
from tests.prices.cases import POLICIES, SHAPES, plain


@cache
def instance_of(shape: str) -> go.Instance:
    return SHAPES[shape]()


def same(fast: go.Solution, exact: go.Solution, policy: str) -> None:
    assert fast.status == exact.status == "optimal", (fast.message, exact.message)
    assert fast.value is not None
    assert exact.value is not None
    if policy == "proportional_fairness":  # logarithms: what counts is the geometric mean
        assert fast.value == pytest.approx(exact.value, abs=2e-6 * float(fast.instance.jobs.weight.sum()))
    else:
        assert fast.value == pytest.approx(exact.value, rel=2e-6)


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("shape", SHAPES)
def test_fast_is_exact(shape: str, policy: str) -> None:
    name, options = POLICIES[policy]
    fast = go.solve(instance_of(shape), name, method="fast", **options)
    same(fast, go.solve(instance_of(shape), name, method="exact", **options), name)
    assert "did not reach" not in fast.attempts[-1].detail


@pytest.mark.parametrize("policy", POLICIES)
def test_a_few_jobs_without_the_small_program(policy: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The engine itself on 1 to 12 jobs, where single jobs are as large as the cluster."""
    monkeypatch.setattr(method, "HANDFUL", 0)
    name, options = POLICIES[policy]
    for seed in range(6):
        instance = plain(1 + 2 * seed, 3, seed, capacity=[4.0, 6.0, 5.0])
        same(go.solve(instance, name, method="fast", **options), go.solve(instance, name, **options), name)


def test_by_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    """The three jobs of ``examples.tiny``, whose optima are derived in its docstring."""
    monkeypatch.setattr(method, "HANDFUL", 0)
    for policy, value in (("max_sum", 6.0), ("makespan", 6300.0), ("max_min", 32 / 39)):
        assert go.solve(go.examples.tiny(), policy, method="fast").value == pytest.approx(value, rel=1e-9)


def test_proportional_fairness_by_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    """n jobs of one rate share one accelerator: each has 1/n, and weights do not change the shares' ratio w_i / sum w."""
    monkeypatch.setattr(method, "HANDFUL", 0)
    weight = np.array([1.0, 2.0, 5.0])
    instance = go.Instance.from_arrays([[2.0], [7.0], [1.0]], [1.0], weight=weight)
    solution = go.solve(instance, "proportional_fairness", method="fast")
    assert solution.allocation is not None
    assert solution.allocation.matrix[:, 0] == pytest.approx(weight / weight.sum(), rel=1e-6)


def test_a_sum_ends_in_a_vertex() -> None:
    """At most one job a type is split: that is what makes rounding cheap."""
    solution = go.solve(go.examples.crowd(20_000, 5, 3.0, seed=1), "max_sum", method="fast", tolerance=1e-9)
    assert solution.status == "optimal"
    assert solution.allocation is not None
    x = solution.allocation.matrix
    assert ((x > 1e-9) & (x < 1 - 1e-9)).any(axis=1).sum() <= 5


@pytest.mark.parametrize("policy", ["max_sum", "max_min", "proportional_fairness"])
def test_one_thread_or_two(policy: str) -> None:
    instance = go.examples.crowd(45_000, 3, 3.0, seed=2)
    one, two = (go.solve(instance, policy, method="fast", threads=threads) for threads in (1, 2))
    same(one, two, policy)


def test_not_merging_is_the_same() -> None:
    instance = go.examples.crowd(3_000, 4, 3.0, kinds=700, seed=4)
    for policy in ("max_sum", "makespan", "proportional_fairness"):
        merged, apart = (go.solve(instance, policy, method="fast", aggregate=how) for how in (True, False))
        same(merged, apart, policy)


@pytest.mark.parametrize(
    ("policy", "options", "words"),
    [
        ("max_sum", {"slo": "require"}, "rate floors"),
        ("max_min", {"space_sharing": True}, "share columns"),
    ],
)
def test_what_prices_do_not_solve_is_solved_exactly_and_says_so(
    policy: str, options: dict[str, Any], words: str
) -> None:
    measured = go.ThroughputTable(
        [[2.0, 1.0]] * 3, ["a", "b", "c"], ["x", "y"], pairs=go.PairTable([[0, 1]], [[[1.5, 1.5], [0.9, 0.9]]], 3, 2)
    )
    jobs = go.JobSet(["a", "b", "c"], steps=[100.0] * 3, deadline_s=[1e3, 1e3, 1e3])
    instance = go.Instance(go.Cluster(["x", "y"], [1, 1]), jobs, measured)
    solution = go.solve(instance, policy, method="fast", **options)
    assert solution.status == "optimal"
    assert words in solution.attempts[-1].detail
    assert solution.value == pytest.approx(go.solve(instance, policy, method="exact", **options).value, rel=1e-6)


def test_prices_that_do_not_close_the_gap_are_left_to_the_exact_method(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(method, "solve_market", lambda built, problem: (None, ""))
    solution = go.solve(go.examples.crowd(400, 3, seed=1), "max_sum", method="fast")
    assert solution.status == "optimal"
    assert "did not reach the tolerance" in solution.attempts[-1].detail


@pytest.mark.parametrize(
    ("fails", "words"), [(True, "the exact method failed"), (False, "the exact method left more open")]
)
def test_what_prices_found_is_kept_where_the_exact_method_does_worse(
    fails: bool, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    instance = go.examples.crowd(400, 3, seed=1)
    nothing = go.Answer(np.zeros(400 * 3), go.Multipliers(np.zeros(3)))

    def worse(task: object, merged: object) -> go.Answer:
        if fails:
            raise go.SolverError("no")
        return nothing

    monkeypatch.setattr(method, "by_program", worse)
    solution = go.solve(instance, "proportional_fairness", method="fast", tolerance=1e-15)
    assert words in solution.attempts[-1].detail
    assert solution.status in ("bounded", "optimal")
    assert solution.gap is not None
    assert solution.gap <= 1e-6


@pytest.mark.parametrize(("power", "types", "load", "seed"), [(-8.0, 8, 0.3, 3), (-4.0, 16, 0.4, 5), (0.5, 16, 0.4, 5)])
def test_prices_are_found_where_there_is_room_to_spare(power: float, types: int, load: float, seed: int) -> None:
    instance = go.examples.crowd(20_000, types, load, seed=seed)
    solution = go.solve(instance, "power_mean", p=power, method="fast")
    assert solution.status == "optimal"
    assert solution.details["engine"] == "prices"


def test_auto_takes_prices_where_they_pay() -> None:
    large = go.solve(go.examples.crowd(6_000, 3, seed=1), "max_sum")
    assert large.method == "fast"
    assert "prices are faster" in large.attempts[0].detail
    assert go.solve(go.examples.crowd(100, 3, seed=1), "max_sum").method == "exact"


def test_a_deadline_that_has_passed_is_no_crash() -> None:
    solution = go.solve(go.examples.crowd(6_000, 3, seed=1), "makespan", method="fast", time_limit=1e-6)
    assert solution.status in ("time_limit", "bounded", "optimal")
    assert solution.status != "time_limit" or solution.message


def test_reliability_in_small() -> None:
    """Twelve seeds over types, loads, kinds and sizes; benchmarks/prices_reliability.py does 200."""
    random = np.random.default_rng(0)
    for seed in range(12):
        types, load = (1, 3, 4, 8, 16)[seed % 5], (0.5, 1.0, 2.0, 4.0, 12.0)[random.integers(5)]
        kinds = (1, 26, 500, None)[seed % 4]
        instance = go.examples.crowd(int(random.integers(300, 1500)), types, load, kinds, seed)
        for name, options in (POLICIES[key] for key in ("max_sum", "max_min of rates", "makespan", "p = 0.5")):
            solution = go.solve(instance, name, method="fast", **options)
            assert solution.status == "optimal", (seed, name, solution.message)
            assert solution.bound_kind == "proved"
            assert "did not reach" not in solution.attempts[-1].detail
