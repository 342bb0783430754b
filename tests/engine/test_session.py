"""Sessions: any history of changes ends where a cold solve of the same jobs ends."""

from __future__ import annotations

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
