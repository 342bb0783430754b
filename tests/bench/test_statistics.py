"""Shares, geometric means, intervals, and the promises, on planted records."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from gavelopt.bench.promises import broken, off_target, within
from gavelopt.bench.statistics import best_bound, gaps, geometric, interval, optimum, profile, rows, share


def record(method: str, value: float | None, bound: float | None = None, **more: Any) -> dict[str, Any]:
    """A record of one question, more is better, bounds proved."""
    exact = method == "exact"
    gap = None if value is None or bound is None else abs(bound - value) / abs(bound)
    return {
        **{
            "kind": "solve",
            "suite": "s",
            "system": "Gavel",
            "question": "q",
            "instance": "i",
            "seed": 0,
            "method": method,
        },
        **{"guarantee": "exact" if exact else "heuristic", "sense": "max", "value": value, "bound": bound},
        **{"bound_kind": None if bound is None else "proved", "gap": gap, "solve_s": 1.0, "reason": "why"},
        "status": "failed" if value is None else "optimal" if gap == 0 else "bounded",
        **more,
    }


def test_shares_by_hand() -> None:
    assert share(record("a", 8.0), 10.0) == pytest.approx(0.8)
    assert share(record("a", 12.5, sense="min"), 10.0) == pytest.approx(0.8)
    assert share(record("a", math.log(0.5) * 4, log_weight=4.0), 0.0) == pytest.approx(0.5)
    assert share(record("a", 0.0), 0.0) == 1.0
    assert share(record("a", 0.0), 1.0) == 0.0
    assert share(record("a", -1.0), 1.0) is None
    assert share(record("a", None), 1.0) is None


def test_the_reference_is_the_tightest_proved_bound() -> None:
    group = [record("a", 5.0, 9.0), record("b", 6.0, 7.0), record("c", 1.0, 6.5, bound_kind="claimed")]
    assert best_bound(group) == 7.0
    assert best_bound([{**r, "sense": "min"} for r in group]) == 9.0
    assert best_bound([record("a", 1.0)]) is None
    assert optimum(group) is None
    assert optimum([*group, record("exact", 6.5, 6.5)]) == 6.5


def test_a_row_by_hand() -> None:
    found = []
    for seed, (best, heuristic, seconds) in enumerate([(10.0, 8.0, 0.5), (10.0, 5.0, 0.125), (4.0, None, 1.0)]):
        found += [record("exact", best, best, seed=seed), record("greedy", heuristic, seed=seed, solve_s=seconds)]
    exact, greedy = rows(found)
    assert (exact.method, exact.asked, exact.optimal) == ("exact", 3, 3)
    assert exact.of_exact is not None
    assert exact.of_exact.value == exact.of_exact.low == 1.0
    assert (greedy.asked, greedy.solved, greedy.optimal) == (3, 2, 0)
    assert greedy.of_exact is not None
    assert greedy.of_exact.value == pytest.approx(math.sqrt(0.8 * 0.5))
    assert greedy.of_exact.least == 0.5
    assert greedy.of_exact.low is None  # two instances have no interval
    assert greedy.times is not None
    assert greedy.times.value == pytest.approx(0.25)
    assert greedy.reasons == ("failed: why",)


def test_geometric_means() -> None:
    assert geometric([]) is None
    assert geometric([None, None]) is None
    mean = geometric([2.0, 8.0, None])
    assert mean is not None
    assert (mean.value, mean.count) == (pytest.approx(4.0), 2)
    zero = geometric([0.0, 1.0, 1.0])
    assert zero is not None
    assert zero.value == 0.0


def test_the_interval_covers_about_as_often_as_it_says() -> None:
    random = np.random.default_rng(0)
    hits = 0
    for _ in range(100):
        low, high = interval(random.normal(0.3, 1.0, 40))
        assert low is not None
        assert high is not None
        hits += low <= math.exp(0.3) <= high
    assert 85 <= hits <= 100


def test_gaps_and_profiles() -> None:
    group = [record("exact", 10.0, 10.0), record("greedy", 8.0), record("lost", None)]
    assert [(r["method"], gap) for r, gap in gaps(group)] == [("exact", 0.0), ("greedy", pytest.approx(0.2))]
    lines = profile(group, ["exact", "greedy", "lost"])
    assert [lines[name].tolist() for name in lines] == [[0.0], [pytest.approx(0.2)], [math.inf]]


def test_promises_that_are_kept() -> None:
    assert broken([record("exact", 10.0, 10.0), record("greedy", 10.0 * (1 + 1e-7)), record("lost", None)]) == []
    assert broken([record("greedy", 9.0, 10.0), record("exact", 10.0, 10.0, instance="another")]) == []


@pytest.mark.parametrize("sense", ["max", "min"])
def test_promises_that_are_broken(sense: str) -> None:
    better = 10.001 if sense == "max" else 9.999
    found = broken([record("exact", 10.0, 10.0, sense=sense), record("greedy", better, sense=sense)])
    assert len(found) == 2  # it beats the bound, and the optimum
    assert "greedy" in found[0]
    alone = broken(
        [record("exact", 10.0, 10.0, bound_kind="claimed", sense=sense), record("greedy", better, sense=sense)]
    )
    assert len(alone) == 1
    assert "optimum" in alone[0]


def test_a_crash_breaks_a_promise() -> None:
    assert "SIGSEGV" in broken([record("exact", None, crashed=True, reason="ended with SIGSEGV")])[0]


def test_published_figures_have_a_tolerance() -> None:
    near, far, none = (record("", value, published={"value": 1.0, "tolerance": 0.1}) for value in (1.05, 1.2, None))
    assert within(near)
    assert within(record("", 2.0, published={"value": 1.0, "tolerance": 0.1, "at_least": True}))
    assert not within(record("", 0.8, published={"value": 1.0, "tolerance": 0.1, "at_least": True}))
    assert off_target([near, far, none, record("a", 3.0)]) == [far, none]
