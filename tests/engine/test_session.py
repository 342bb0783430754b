"""Sessions: any history of changes ends where a cold solve of the same jobs ends."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import gavelopt as go

POLICIES = ("max_sum", "max_min", "proportional_fairness")


def start(jobs: int = 20) -> go.Instance:
    return go.examples.gavel(jobs=jobs, cluster="v100:4,p100:3,k80:4", seed=2)


changes = st.lists(
    st.one_of(
        st.tuples(st.just("add"), st.floats(0.1, 50), st.floats(0.1, 50), st.sampled_from([1, 2, 4])),
        st.tuples(st.just("remove"), st.integers(0, 10_000)),
        st.tuples(st.just("weight"), st.integers(0, 10_000), st.sampled_from([0.5, 1.0, 5.0])),
        st.tuples(st.just("resize"), st.integers(0, 8)),
    ),
    max_size=8,
)


@pytest.mark.parametrize("policy", POLICIES)
@settings(max_examples=25, deadline=None, derandomize=True)
@given(history=changes)
def test_warm_value_is_the_cold_value(policy: str, history: list[tuple]) -> None:  # type: ignore[type-arg]
    session = go.Session(start(), policy)
    session.solve()
    for number, (what, *values) in enumerate(history):
        if what == "add":
            rates = {"v100": values[0], "k80": values[1]}
            session.add({"name": f"new{number}", "rates": rates, "scale_factor": values[2], "steps": 100.0})
        elif what == "remove":
            session.remove(session.jobs[values[0] % len(session)])
        elif what == "weight":
            session.update(session.jobs[values[0] % len(session)], weight=values[1])
        else:
            session.resize({"p100": values[0]})
        warm = session.solve()
    warm = session.solve()
    cold = go.solve(session.instance(), policy)
    assert warm.status == cold.status
    if cold.value is not None:
        assert warm.value == pytest.approx(cold.value, rel=1e-6, abs=1e-9)


@pytest.mark.parametrize("policy", ["max_sum", "max_min", "makespan", "ftf", "proportional_fairness", "power_mean"])
def test_warm_prices_end_at_the_cold_value(policy: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same with so many jobs that prices are searched for, from where the last answer left them."""
    monkeypatch.setattr("gavelopt.engine.prices.PAYS", 0)
    random = np.random.default_rng(4)
    session = go.Session(go.examples.crowd(600, 3, 3.0, seed=3), policy)
    session.solve()
    resumed = 0
    for number in range(8):
        if number % 4 == 0:
            session.add({"name": f"n{number}", "rates": {"a0": 1.0, "a2": random.uniform(0.5, 50)}, "steps": 500.0})
        elif number % 4 == 1:
            session.remove(session.jobs[random.integers(len(session))])
        elif number % 4 == 2:
            session.update(session.jobs[random.integers(len(session))], weight=5.0, steps=1e4)
        else:
            session.resize({"a1": float(random.integers(1, 400))})
        warm, cold = session.solve(), go.solve(session.instance(), policy, method="exact")
        assert warm.status == cold.status == "optimal"
        assert warm.bound_kind == "proved"
        weight = float(session.instance().jobs.weight.sum()) if policy == "proportional_fairness" else 0.0
        assert warm.value == pytest.approx(cold.value, rel=2e-6, abs=2e-6 * weight)
        resumed += "prices of the last answer" in str(warm.details)
    assert resumed > 0


# most: of the 10 solves, those that had to search on; a finish of bent utilities is less exact
@pytest.mark.parametrize(
    ("policy", "options", "most"),
    [("max_sum", {}, 3), ("max_min", {"normalize": None}, 3), ("makespan", {}, 3), ("power_mean", {"p": 0.5}, 8)],
)
def test_one_job_among_thousands_needs_no_search(policy: str, options: dict[str, Any], most: int) -> None:
    session = go.Session(go.examples.crowd(3_000, 4, 4.0, seed=5), policy, method="fast", **options)
    session.solve()
    searched = 0
    for number in range(10):
        if number % 2:
            session.remove(session.jobs[77 * number])
        else:
            rates = {"a0": 3.0 + number, "a1": 5.0, "a2": 9.0, "a3": 12.0}
            session.add({"name": f"n{number}", "rates": rates, "scale_factor": 1 + number % 3, "steps": 900.0})
        warm = session.solve()
        assert warm.status == "optimal"
        assert warm.bound_kind == "proved"
        searched += warm.details["rounds"] > 0
    assert searched <= most
    cold = go.solve(session.instance(), policy, method="fast", **options)
    assert warm.value == pytest.approx(cold.value, rel=2e-6)


def test_a_job_that_nothing_can_help_decides_from_then_on() -> None:
    """The level of the last answer lies above what the newcomer can ever have."""
    session = go.Session(go.examples.crowd(3_000, 4, 4.0, seed=5), "makespan", method="fast")
    session.solve()
    session.add({"name": "slow", "rates": {"a0": 0.01}, "steps": 1e6})
    found = session.solve()
    assert found.status == "optimal"
    assert found.value == pytest.approx(1e8)
    session.remove("slow")
    assert session.solve().status == "optimal"


def test_a_rate_may_become_unknown_again_and_a_bad_value_changes_nothing() -> None:
    session = go.Session(start(3), "max_sum")
    session.update("j1", rates={"v100": float("nan")}, steps=None)
    row = session.instance().jobs.names.index("j1")
    assert not session.instance().throughputs.known_cells[row, 0]
    assert session.instance().rates[row, 0] == 0.0
    for change in (
        {"rates": {"k80": -1.0}},
        {"rates": {"k80": 10**400}},
        {"weight": 0.0},
        {"scale_factor": 1.5},
        {"deadline_s": 0.0},
    ):
        with pytest.raises(go.InputError):
            session.update("j1", **change)
    assert session.instance().jobs.weight[row] > 0


@pytest.mark.parametrize("policy", ["max_sum", "max_min", "proportional_fairness"])
def test_few_moves_change_little_and_the_bound_stays_that_of_the_optimum(policy: str) -> None:
    session = go.Session(start(30), policy)
    before = session.solve().allocation
    assert before is not None
    session.remove("j3")
    session.update("j5", weight=5.0, rates={"k80": 0.01})
    session.resize({"v100": 2})
    old = {name: before.matrix[row] for row, name in enumerate(before.space.jobs)}
    free = go.solve(session.instance(), policy)
    some = session.solve(max_moves=0.75)
    assert some.allocation is not None
    moved = sum(
        float(np.maximum(row - old[name], 0.0).sum())
        for name, row in zip(some.allocation.space.jobs, some.allocation.matrix, strict=True)
    )
    assert moved <= 0.75 + 1e-9
    assert all(check.passed for check in some.checks)
    assert some.value is not None
    assert free.value is not None
    assert some.value <= free.value + 1e-6 * abs(free.value)
    assert some.bound == pytest.approx(free.bound, rel=1e-6)
    assert some.status == "bounded"
    for _ in range(40):  # step by step the optimum is reached
        last = session.solve(max_moves=0.75)
    assert last.status == "optimal"
    assert last.value == pytest.approx(free.value, rel=1e-6, abs=1e-6)


def test_no_moves_keep_the_allocation() -> None:
    session = go.Session(start(12), "max_sum")
    first = session.solve()
    session.add({"name": "new", "rates": {"v100": 1e6}})
    second = session.solve(max_moves=0.0)
    assert first.allocation is not None
    assert second.allocation is not None
    assert second.allocation.matrix[:12] == pytest.approx(first.allocation.matrix, abs=1e-12)
    assert not second.allocation.matrix[12].any()
    assert second.value == pytest.approx(first.value)
    assert second.gap is not None
    assert second.gap > 0.5
    with pytest.raises(go.InputError, match="max_moves"):
        session.solve(max_moves=-1)
    with pytest.raises(go.InputError, match="objective"):
        go.Session(start(3), "water_filling").solve(max_moves=1.0)


def test_who_comes_again_under_an_old_name_holds_nothing() -> None:
    session = go.Session(go.Instance.from_arrays([[2.0], [1.0]], [1], jobs=["a", "b"]), "max_sum")
    assert session.solve().value == 2.0
    session.remove("a")
    session.add({"name": "a", "rates": {"a0": 9.0}})
    again = session.solve(max_moves=0.0)
    assert again.allocation is not None
    assert not again.allocation.matrix.any()


def test_moves_are_counted_from_nothing_after_everybody_has_gone() -> None:
    session = go.Session(go.Instance.from_arrays([[1.0, 2.0]], [1, 1], jobs=["a"]), "max_sum")
    session.remove("a")
    session.solve()
    session.add({"name": "b", "rates": {"a1": 2.0}})
    found = session.solve(max_moves=0.5)
    assert found.value == pytest.approx(1.0)
    assert found.bound == pytest.approx(2.0)


def test_the_yardstick_of_a_what_if_question_stays() -> None:
    instance = start(6)
    larger = instance.replace(cluster=instance.cluster.adding({"v100": 4}), reference=instance.cluster)
    assert go.Session(larger, "max_min").solve().value == pytest.approx(go.solve(larger, "max_min").value)


def test_order_of_jobs_does_not_matter_and_columns_follow_their_job() -> None:
    session = go.Session(start(3), "max_sum")
    session.add({"name": "big", "rates": {"v100": 100.0}, "scale_factor": 2, "weight": 3.0})
    session.remove("j0")
    now = session.instance()
    big = now.jobs.names.index("big")
    assert set(now.jobs.names) == {"j1", "j2", "big"}
    assert now.jobs.scale_factor[big] == 2
    assert now.jobs.weight[big] == 3.0
    assert now.throughputs.rates[big].tolist() == [100.0, 0.0, 0.0]
    assert not now.throughputs.known_cells[big, 1]


def test_every_job_may_go() -> None:
    session = go.Session(start(2), "max_sum")
    session.remove("j0")
    session.remove("j1")
    assert session.solve().value == 0.0


@pytest.mark.parametrize(
    "mistake",
    [
        lambda s: s.add({"name": "j1", "rates": {}}),
        lambda s: s.add({"rates": {}}),
        lambda s: s.add({"name": "x"}),
        lambda s: s.add({"name": "x", "rates": {"v10": 1.0}}),
        lambda s: s.add({"name": "x", "rates": {}, "wieght": 1.0}),
        lambda s: s.remove("nobody"),
        lambda s: s.update("nobody", weight=1.0),
        lambda s: s.resize({"h100": 1}),
    ],
)
def test_a_mistake_is_one_error_and_changes_nothing(mistake) -> None:  # type: ignore[no-untyped-def]
    session = go.Session(start(4), "max_sum")
    before = session.solve().value
    with pytest.raises(go.InputError):
        mistake(session)
    assert len(session) == 4
    assert session.solve().value == pytest.approx(before)
    assert np.isfinite(session.instance().rates).all()
